module;

#include <cerrno>
#include <csignal>
#include <ctime>

module mio.os.sigpipe;

import mio.core.error;
import mio.os;
import mio.std;

namespace mio::os {

namespace {

constexpr ::timespec at_once{};

// A wait that does not sleep cannot be interrupted, but a sandbox may return EINTR forever.
constexpr int attempts = 16;

} // namespace

bool take_back(int number) noexcept {
    ::sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    for (int i = 0; i < attempts; ++i) {
        if (::sigtimedwait(&set, nullptr, &at_once) != -1 || errno == EAGAIN) return true;
        if (errno != EINTR) return false;
    }
    return false;
}

Result<> can_take_back() noexcept {
    ::sigset_t none;
    sigemptyset(&none);
    for (int i = 0; i < attempts; ++i) {
        if (::sigtimedwait(&none, nullptr, &at_once) != -1 || errno == EAGAIN) return {};
        if (errno != EINTR) break;
    }
    return std::unexpected(last_error());
}

} // namespace mio::os
