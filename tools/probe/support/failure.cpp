module;

#include <string>
#include <system_error>

module probe.failure;

import mio;
import probe.os;

namespace probe {

std::string error_text(const std::error_code& error) {
    const auto name = os::error_name(error);
    return name.empty() ? error.message() : error.message() + " (" + name + ")";
}

std::string message_of(const Refused& refused) {
    auto message = refused.call;
    if (refused.error) message += ": " + error_text(refused.error);
    if (!refused.explanation.empty()) message += (refused.error ? "; " : ": ") + refused.explanation;
    return message;
}

} // namespace probe
