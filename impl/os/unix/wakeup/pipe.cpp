module;

#include <unistd.h>

#include <cerrno>

module mio.os.wakeup;

import mio.core.error;
import mio.core.handle;
import mio.os;
import mio.os.open;
import mio.std;

namespace mio::os {

Result<Wakeup> open_wakeup() noexcept {
    auto ends = open_pipe();
    if (!ends) return std::unexpected(ends.error());
    return Wakeup{std::move(ends->receiver), std::move(ends->sender)};
}

// No SIGPIPE: the owner of the sender also owns the receiver.
Result<> signal(const OwnedHandle& receiver, const OwnedHandle& sender) noexcept {
    const KeepErrno keep;
    constexpr std::byte any{1};
    constexpr int attempts = 16; // other threads may refill it, but not forever
    for (int i = 0; i < attempts; ++i) {
        if (::write(sender.get(), &any, 1) != -1) return {};
        if (errno == EINTR) continue;
        if (errno != EAGAIN) break;
        drain(receiver); // the pipe is full, since nothing was read
        errno = EAGAIN;
    }
    return std::unexpected(last_error());
}

void drain(const OwnedHandle& receiver) noexcept {
    std::byte buffer[4096];
    // Until it is empty or has been emptied once; writers may continue. A pipe holds at most one megabyte.
    constexpr int most = (1 << 20) / sizeof buffer;
    for (int i = 0; i < most && ::read(receiver.get(), buffer, sizeof buffer) == sizeof buffer; ++i) {
    }
}

} // namespace mio::os
