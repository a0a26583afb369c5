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
import mio.core.owned_handle;
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
    while (::write(sender.get(), &any, 1) == -1) {
        if (errno == EINTR) continue;
        if (errno != EAGAIN) return std::unexpected(last_error());
        drain(receiver); // nobody reads: the pipe is full
    }
    return {};
}

void drain(const OwnedHandle& receiver) noexcept {
    std::byte buffer[4096];
    while (::read(receiver.get(), buffer, sizeof buffer) > 0) {
    }
}

} // namespace mio::os
