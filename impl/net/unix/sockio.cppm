/// @file
/// Socket calls on Unix. Internal.

module;

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

export module mio.net.sockio;

import mio.core.error;
import mio.core.handle;
import mio.net.sockaddr;
import mio.net.socket;
import mio.os;
import mio.std;

namespace mio::net {

/// The send flag against SIGPIPE. Apple's older headers lack it; there sockets are created with SO_NOSIGPIPE.
#ifdef MSG_NOSIGNAL
export inline constexpr int no_signal = MSG_NOSIGNAL;
#else
export inline constexpr int no_signal = 0;
#endif

/// @see recv(2)
export inline Result<std::size_t> receive(RawHandle handle, std::span<std::byte> buffer,
                                          int flags = 0) noexcept {
    return os::check_count(::recv(handle, buffer.data(), os::clamp(buffer.size()), flags));
}

/// Never raises SIGPIPE. @see send(2)
export inline Result<std::size_t> send(RawHandle handle, std::span<const std::byte> bytes,
                                       int flags = 0) noexcept {
    return os::check_count(::send(handle, bytes.data(), os::clamp(bytes.size()), no_signal | flags));
}

/// A datagram longer than the buffer is truncated. @see recv(2)
export inline Result<std::size_t> receive_datagram(RawHandle handle, std::span<std::byte> buffer,
                                                   int flags = 0) noexcept {
    return receive(handle, buffer, flags);
}

/// Like `receive_datagram`, with the sender. @see recvfrom(2)
export inline Result<std::size_t> receive_from(RawHandle handle, std::span<std::byte> buffer, int flags,
                                               OsAddress& sender) noexcept {
    return os::check_count(
        ::recvfrom(handle, buffer.data(), os::clamp(buffer.size()), flags, sender.get(), &sender.length));
}

/// Never raises SIGPIPE. @see sendto(2)
export inline Result<std::size_t> send_to(RawHandle handle, std::span<const std::byte> bytes,
                                          const OsAddress& peer) noexcept {
    return os::check_count(
        ::sendto(handle, bytes.data(), os::clamp(bytes.size()), no_signal, peer.get(), peer.length));
}

/// The buffers in the OS's form: the non-empty ones, up to the limits of one call on their number and total size.
/// There is at least one, since not all systems accept zero.
///
/// A copy: the slices are objects of another type, whatever their layout.
export class Vectors {
  public:
    template <class Slice> explicit Vectors(std::span<const Slice> slices) noexcept {
        auto room = os::most_bytes;
        for (const auto& slice : slices) {
            const auto bytes = slice.bytes();
            if (bytes.empty()) continue;
            const auto size = std::min(bytes.size(), room);
            vectors_[count_++] = {const_cast<std::byte*>(bytes.data()), size}; // not modified by write calls
            room -= size;
            if (room == 0 || count_ == vectors_.size()) return;
        }
        if (count_ == 0) vectors_[count_++] = {nullptr, 0};
    }

    [[nodiscard]] std::span<::iovec> get() noexcept { return std::span(vectors_).first(count_); }

  private:
    std::array<::iovec, IOV_MAX> vectors_; // only the used part is initialized
    std::size_t count_ = 0;
};

/// @see recvmsg(2)
export inline Result<std::size_t> receive_vectored(RawHandle handle,
                                                   std::span<const IoSliceMut> buffers) noexcept {
    Vectors copy(buffers);
    const auto vectors = copy.get();
    ::msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(vectors.size());
    return os::check_count(::recvmsg(handle, &message, 0));
}

/// Never raises SIGPIPE, which `writev` would. @see sendmsg(2)
export inline Result<std::size_t> send_vectored(RawHandle handle, std::span<const IoSlice> buffers) noexcept {
    Vectors copy(buffers);
    const auto vectors = copy.get();
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

/// Starts to connect. Errors: the OS's own, including EAGAIN of a Unix socket, which means that no attempt was
/// started.
/// @see connect(2)
export inline Result<> start_connect(RawHandle handle, const OsAddress& peer) noexcept {
    if (::connect(handle, peer.get(), peer.length) == -1 && errno != EINPROGRESS)
        return std::unexpected(os::last_error());
    return {};
}

/// True once a connect has ended. While it runs, a TCP socket reports neither of these flags.
export inline bool connect_has_ended(RawHandle handle) noexcept {
    ::pollfd record{.fd = handle, .events = POLLOUT, .revents = 0};
    return ::poll(&record, 1, 0) == 1 && (record.revents & (POLLHUP | POLLERR)) != 0;
}

/// The local address: the unspecified one until the socket is bound. @see getsockname(2)
export inline Result<OsAddress> local_name_of(RawHandle handle) noexcept {
    OsAddress address;
    if (::getsockname(handle, address.get(), &address.length) == -1) return std::unexpected(os::last_error());
    return address;
}

/// Sets the peer of a datagram socket. @see connect(2)
export inline Result<> connect_datagrams(RawHandle handle, const OsAddress& peer) noexcept {
    return os::check(::connect(handle, peer.get(), peer.length));
}

/// Undoes `connect_datagrams`. BSD and Apple systems do so, but reject the family. @see connect(2)
export inline Result<> disconnect_datagrams(RawHandle handle) noexcept {
    const auto has_no_peer = [handle] {
        const auto peer = peer_name_of(handle);
        return !peer && peer.error() == std::errc::not_connected;
    };
    // Linux would give up the port even of an unconnected socket.
    if (has_no_peer()) return {};
    ::sockaddr nowhere{};
    nowhere.sa_family = AF_UNSPEC;
    auto done = os::check(::connect(handle, &nowhere, sizeof nowhere));
    return done || has_no_peer() ? Result<>() : done;
}

/// Connects a socket of any type. @see connect(2)
export inline Result<> connect_any(RawHandle handle, const OsAddress& peer) noexcept {
    return start_connect(handle, peer);
}

/// Receives from a socket of any type. @see recv(2)
export inline Result<std::size_t> receive_any(RawHandle handle, std::span<std::byte> buffer,
                                              int flags) noexcept {
    return receive(handle, buffer, flags);
}

/// Call before binding a listener: allows its address to be reused while old connections linger.
export inline Result<> prepare_listener(RawHandle handle) noexcept {
    return set_flag(handle, SOL_SOCKET, SO_REUSEADDR, true);
}

/// Removes the file of a Unix socket. @see unlink(2)
export inline Result<> remove_socket_file(std::string_view path) noexcept {
    char name[sizeof(::sockaddr_un::sun_path) + 1]{};
    path.copy(name, sizeof name - 1);
    return os::check(::unlink(name));
}

/// SO_REUSEPORT, or FreeBSD's load-balancing variant.
#ifdef SO_REUSEPORT_LB
inline constexpr int reuse_port_option = SO_REUSEPORT_LB;
#else
inline constexpr int reuse_port_option = SO_REUSEPORT;
#endif
export inline Result<> set_reuse_port(RawHandle handle, bool on) noexcept {
    return set_flag(handle, SOL_SOCKET, reuse_port_option, on);
}
export inline Result<bool> reuse_port(RawHandle handle) noexcept {
    return get_flag(handle, SOL_SOCKET, reuse_port_option);
}

/// SO_LINGER in seconds, and the OS's limit. Apple stores hundredths of a second in 16 bits; the BSDs reject values
/// that exceed their 16 bits.
#if defined(SO_LINGER_SEC)
export inline constexpr int linger_option = SO_LINGER_SEC;
export inline constexpr std::chrono::seconds longest_linger{SHRT_MAX / 100};
#elif defined(__linux__)
export inline constexpr int linger_option = SO_LINGER;
export inline constexpr std::chrono::seconds longest_linger{INT_MAX};
#else
export inline constexpr int linger_option = SO_LINGER;
export inline constexpr std::chrono::seconds longest_linger{SHRT_MAX};
#endif

/// The smallest buffer size that every system accepts.
export inline constexpr std::uint64_t least_buffer_size = 1;

/// IP_MULTICAST_LOOP and IP_MULTICAST_TTL, bytes on the BSDs. Linux accepts a byte, too.
export inline Result<> set_multicast_option(RawHandle handle, int name, std::uint8_t value) noexcept {
    return set_option<std::uint8_t>(handle, IPPROTO_IP, name, value);
}
export inline Result<std::uint8_t> get_multicast_option(RawHandle handle, int name) noexcept {
    return get_option<std::uint8_t>(handle, IPPROTO_IP, name);
}

} // namespace mio::net
