module;

#include <sys/sendfile.h>
#include <sys/types.h>

module mio.net.pipe;

import mio.core.error;
import mio.core.handle;
import mio.core.types;
import mio.net.socket;
import mio.os;
import mio.os.sigpipe;
import mio.std;

namespace mio::net {

Result<std::size_t> send_file(const SocketBase& to, RawHandle file, std::uint64_t offset,
                              std::size_t count) noexcept {
    if (offset > static_cast<std::uint64_t>(std::numeric_limits<::off_t>::max())) {
        return std::unexpected(os_error(std::errc::invalid_argument));
    }
    // The kernel rejects ranges that exceed the maximum file size.
    const auto most = static_cast<std::uint64_t>(std::numeric_limits<::off_t>::max()) - offset;
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(os::clamp(count), most));
    const auto written = to.try_io(Interest::writable, [&]() -> Result<std::size_t> {
        auto position = static_cast<::off_t>(offset);
        os::SigpipeSwallower swallower; // the call has no flag against SIGPIPE
        if (auto held = swallower.hold(); !held) return std::unexpected(held.error());
        auto sent = os::check_count(::sendfile(to.raw(), file, &position, wanted));
        // The file system cannot store as much, so the file ends before the offset. There, pread(2) returns 0.
        if (!sent && sent.error() == std::errc::value_too_large) sent = 0;
        return swallower.watch(sent, wanted);
    });
    // Also at the end of the file; then the source is reported once more.
    if (written && *written != 0 && *written < wanted) to.exhausted(Interest::writable);
    return written;
}

} // namespace mio::net
