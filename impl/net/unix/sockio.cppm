/// @file
/// Reading and writing as all Unix sockets do it. For bodies only.

module;

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <climits>
#include <cstddef>
#include <span>

export module mio.net.sockio;

import mio.core.error;
import mio.core.handle;
import mio.net.socket;
import mio.os;

namespace mio::net {

/// The flag of a send call that keeps it from raising SIGPIPE. Apple's older headers have none; there the sockets are
/// made so that they don't.
#ifdef MSG_NOSIGNAL
export inline constexpr int no_signal = MSG_NOSIGNAL;
#else
export inline constexpr int no_signal = 0;
#endif

/// @see recv(2)
export inline Result<std::size_t> receive(RawHandle handle, std::span<std::byte> buffer,
                                          int flags = 0) noexcept {
    return os::check_count(::recv(handle, buffer.data(), buffer.size(), flags));
}

/// Never raises SIGPIPE. @see send(2)
export inline Result<std::size_t> send(RawHandle handle, std::span<const std::byte> bytes) noexcept {
    return os::check_count(::send(handle, bytes.data(), bytes.size(), no_signal));
}

/// The buffers as the OS takes them: no more than it takes in one call.
export template <class Slice> std::span<::iovec> vectors_of(std::span<const Slice> buffers) noexcept {
    // RawBuffer, all that a slice holds, has iovec's layout. The kernel does not write to the array.
    auto* first = reinterpret_cast<::iovec*>(const_cast<Slice*>(buffers.data()));
    return {first, std::min<std::size_t>(buffers.size(), IOV_MAX)};
}

/// @see recvmsg(2)
export inline Result<std::size_t> receive_vectored(RawHandle handle,
                                                   std::span<const IoSliceMut> buffers) noexcept {
    const auto vectors = vectors_of(buffers);
    ::msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(vectors.size());
    return os::check_count(::recvmsg(handle, &message, 0));
}

/// Never raises SIGPIPE, which `writev` would. @see sendmsg(2)
export inline Result<std::size_t> send_vectored(RawHandle handle, std::span<const IoSlice> buffers) noexcept {
    const auto vectors = vectors_of(buffers);
    ::msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(vectors.size());
    return os::check_count(::sendmsg(handle, &message, no_signal));
}

/// @see shutdown(2)
export inline Result<> shut_down(RawHandle handle, Shutdown how) noexcept {
    const int native = how == Shutdown::read ? SHUT_RD : how == Shutdown::write ? SHUT_WR : SHUT_RDWR;
    return os::check(::shutdown(handle, native));
}

} // namespace mio::net
