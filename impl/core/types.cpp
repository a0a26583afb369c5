module mio.core.types;

import mio.std;

namespace mio {

std::string to_string(Interest interest) {
    std::string text;
    const auto append = [&text](bool present, std::string_view name) {
        if (!present) return;
        if (!text.empty()) text += " | ";
        text += name;
    };
    append(interest.is_readable(), "READABLE");
    append(interest.is_writable(), "WRITABLE");
    append(interest.is_aio(), "AIO");
    append(interest.is_lio(), "LIO");
    append(interest.is_priority(), "PRIORITY");
    return text;
}

} // namespace mio
