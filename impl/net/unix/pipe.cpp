module;

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

module mio.net.pipe;

import mio.core.error;
import mio.core.handle;
import mio.core.types;
import mio.net.sockaddr;
import mio.net.socket;
import mio.net.sockio;
import mio.os;
import mio.os.open;
import mio.os.sigpipe;
import mio.std;

namespace mio::net {
namespace {

Result<> set_nonblocking_of(RawHandle handle, bool on) noexcept {
    const int before = ::fcntl(handle, F_GETFL);
    if (before == -1) return std::unexpected(os::last_error());
    const int after = on ? before | O_NONBLOCK : before & ~O_NONBLOCK;
    return after == before ? Result<>() : os::check(::fcntl(handle, F_SETFL, after));
}

} // namespace

Result<std::pair<PipeSender, PipeReceiver>> make_pipe() {
    auto ends = os::open_pipe();
    if (!ends) return std::unexpected(ends.error());
    return std::pair(PipeSender::from_raw(ends->sender.take()),
                     PipeReceiver::from_raw(ends->receiver.take()));
}

Result<std::size_t> PipeSender::write(std::span<const std::byte> bytes) const noexcept {
    const ::iovec vector{const_cast<std::byte*>(bytes.data()), os::clamp(bytes.size())}; // not modified
    const auto written = try_io(Interest::writable, [&] { return os::write_quietly(raw(), {&vector, 1}); });
    if (written && *written < bytes.size()) exhausted(Interest::writable);
    return written;
}

Result<std::size_t> PipeSender::write_vectored(std::span<const IoSlice> buffers) const noexcept {
    Vectors vectors(buffers);
    const auto written = try_io(Interest::writable, [&] { return os::write_quietly(raw(), vectors.get()); });
    if (written && *written < size_of(buffers)) exhausted(Interest::writable);
    return written;
}

Result<> PipeSender::set_nonblocking(bool on) const noexcept { return set_nonblocking_of(raw(), on); }

Result<std::size_t> PipeReceiver::read(std::span<std::byte> buffer) const noexcept {
    return try_io(Interest::readable,
                  [&] { return os::check_count(::read(raw(), buffer.data(), os::clamp(buffer.size()))); });
}

Result<std::size_t> PipeReceiver::read_vectored(std::span<const IoSliceMut> buffers) const noexcept {
    Vectors copy(buffers);
    return try_io(Interest::readable, [&] {
        const auto vectors = copy.get();
        return os::check_count(::readv(raw(), vectors.data(), static_cast<int>(vectors.size())));
    });
}

Result<> PipeReceiver::set_nonblocking(bool on) const noexcept { return set_nonblocking_of(raw(), on); }

} // namespace mio::net
