module;

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

module mio.os.wakeup;

import mio.core.error;
import mio.core.handle;
import mio.os;
import mio.std;

namespace mio::os {

Result<Wakeup> open_wakeup() noexcept {
    auto eventfd = check_handle(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!eventfd) return std::unexpected(eventfd.error());
    return Wakeup{std::move(*eventfd), {}};
}

Result<> signal(const OwnedHandle& receiver, const OwnedHandle&) noexcept {
    const KeepErrno keep;
    constexpr std::uint64_t one = 1;
    constexpr int attempts = 16; // other threads may refill it, but not forever
    for (int i = 0; i < attempts; ++i) {
        if (::write(receiver.get(), &one, sizeof one) != -1) return {};
        if (errno != EAGAIN) break;
        drain(receiver); // the counter is full, after 2^64 - 2 writes
        errno = EAGAIN;
    }
    return std::unexpected(last_error());
}

void drain(const OwnedHandle& receiver) noexcept {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto ignored = ::read(receiver.get(), &count, sizeof count);
}

} // namespace mio::os
