module;

#include <cerrno>
#include <csignal>
#include <ctime>

module mio.os.sigpipe;

namespace mio::os {

void take_back(const ::sigset_t& sigpipe) noexcept {
    constexpr ::timespec at_once{};
    while (::sigtimedwait(&sigpipe, nullptr, &at_once) == -1 && errno == EINTR) {
    }
}

} // namespace mio::os
