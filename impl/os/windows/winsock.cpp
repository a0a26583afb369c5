module;

#include <winsock2.h>

module mio.os.winsock;

import mio.core.error;
import mio.os;
import mio.std;

namespace mio::os {

// Never cleaned up: sockets may live until the program's end, in other threads and in static objects.
Result<> start_winsock() noexcept {
    static const int result = [] {
        ::WSADATA data{};
        return ::WSAStartup(MAKEWORD(2, 2), &data);
    }();
    if (result != 0) return std::unexpected(error(static_cast<unsigned long>(result)));
    return {};
}

} // namespace mio::os
