module;

#include <winsock2.h>

#include <expected>
#include <system_error>

module mio.os.winsock;

import mio.core.error;
import mio.os;

namespace mio::os {

// Never stopped again: sockets of the program may live until its end, in other threads and in static objects.
Result<> start_winsock() noexcept {
    static const int answer = [] {
        ::WSADATA data{};
        return ::WSAStartup(MAKEWORD(2, 2), &data);
    }();
    if (answer != 0) return std::unexpected(error(static_cast<unsigned long>(answer)));
    return {};
}

} // namespace mio::os
