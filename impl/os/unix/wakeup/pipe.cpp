module;

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <expected>
#include <system_error>
#include <utility>

module mio.os.wakeup;

import mio.core.error;
import mio.core.handle;
import mio.os;
import mio.os.open;

namespace mio::os {

Result<Wakeup> open_wakeup() noexcept {
    auto ends = open_pipe();
    if (!ends) return std::unexpected(ends.error());
    return Wakeup{std::move(ends->receiver), std::move(ends->sender)};
}

// The signal SIGPIPE cannot come: whoever holds the sender holds the receiver, too.
Result<> signal(const OwnedHandle& receiver, const OwnedHandle& sender) noexcept {
    constexpr std::byte any{1};
    constexpr int attempts = 16; // others may fill it again, but not for ever
    for (int i = 0; i < attempts; ++i) {
        if (::write(sender.get(), &any, 1) != -1) return {};
        if (errno == EINTR) continue;
        if (errno != EAGAIN) break;
        drain(receiver); // nothing has been read: the pipe is full
        errno = EAGAIN;
    }
    return std::unexpected(last_error());
}

void drain(const OwnedHandle& receiver) noexcept {
    std::byte buffer[4096];
    // Until it is empty, or was when this began: writers may go on. A pipe holds a megabyte at the most.
    constexpr int most = (1 << 20) / sizeof buffer;
    for (int i = 0; i < most && ::read(receiver.get(), buffer, sizeof buffer) == sizeof buffer; ++i) {
    }
}

} // namespace mio::os
