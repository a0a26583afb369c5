/// @file
/// What sockets do in Winsock's own way. For bodies only.

module;

#include <winsock2.h>
#include <ws2tcpip.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <limits>
#include <span>
#include <system_error>

export module mio.net.sockio;

import mio.core.error;
import mio.core.handle;
import mio.net.sockaddr;
import mio.net.socket;
import mio.os;
import mio.os.open;

namespace mio::net {

/// As much of `size` as one call takes.
inline int clamp(std::size_t size) noexcept {
    return static_cast<int>(std::min<std::size_t>(size, std::numeric_limits<int>::max()));
}

inline char* data_of(std::span<std::byte> buffer) noexcept { return reinterpret_cast<char*>(buffer.data()); }
inline const char* data_of(std::span<const std::byte> bytes) noexcept {
    return reinterpret_cast<const char*>(bytes.data());
}

/// A stream whose reading side was shut down is at its end, as elsewhere.
inline Result<std::size_t> check_stream(int answer, std::size_t size) noexcept {
    if (answer != SOCKET_ERROR) [[likely]]
        return size;
    const auto error = os::last_socket_error();
    if (error.value() == WSAESHUTDOWN) return 0;
    return std::unexpected(error);
}

/// What one datagram brought.
export struct ReceivedDatagram {
    std::size_t size = 0;
    bool truncated = false;
};

/// To Winsock a datagram that was cut is an error, although the buffer is filled; and a peer where nobody listens has the
/// word for a stream that was reset. Both are told as elsewhere.
inline Result<ReceivedDatagram> check_datagram(int answer, std::size_t room) noexcept {
    if (answer != SOCKET_ERROR) [[likely]]
        return ReceivedDatagram{static_cast<std::size_t>(answer)};
    const auto error = os::last_socket_error();
    if (error.value() == WSAEMSGSIZE) return ReceivedDatagram{room, true};
    return std::unexpected(error.value() == WSAECONNRESET ? os::error(WSAECONNREFUSED) : error);
}

/// For streams. @see recv
export inline Result<std::size_t> receive(RawHandle handle, std::span<std::byte> buffer,
                                          int flags = 0) noexcept {
    if (buffer.empty()) return 0; // Winsock would wait for data that it has no room for
    const int answer = ::recv(handle, data_of(buffer), clamp(buffer.size()), flags);
    return check_stream(answer, static_cast<std::size_t>(answer));
}

/// @see send
export inline Result<std::size_t> send(RawHandle handle, std::span<const std::byte> bytes) noexcept {
    return os::check_count(::send(handle, data_of(bytes), clamp(bytes.size()), 0));
}

/// One datagram and its sender, which is none when it cannot be told. @see recvfrom
export inline Result<ReceivedDatagram> receive_one(RawHandle handle, std::span<std::byte> buffer, int flags,
                                                   OsAddress& sender) noexcept {
    sender.storage.ss_family = AF_UNSPEC;
    return check_datagram(
        ::recvfrom(handle, data_of(buffer), clamp(buffer.size()), flags, sender.get(), &sender.length),
        buffer.size());
}

/// As `receive_one`, for who need not know that a datagram was cut.
export inline Result<std::size_t> receive_from(RawHandle handle, std::span<std::byte> buffer, int flags,
                                               OsAddress& sender) noexcept {
    const auto received = receive_one(handle, buffer, flags, sender);
    if (!received) return std::unexpected(received.error());
    return received->size;
}

/// A datagram longer than the buffer is cut. @see recv
export inline Result<std::size_t> receive_datagram(RawHandle handle, std::span<std::byte> buffer,
                                                   int flags = 0) noexcept {
    const auto received =
        check_datagram(::recv(handle, data_of(buffer), clamp(buffer.size()), flags), buffer.size());
    if (!received) return std::unexpected(received.error());
    return received->size;
}

/// @see sendto
export inline Result<std::size_t> send_to(RawHandle handle, std::span<const std::byte> bytes,
                                          const OsAddress& peer) noexcept {
    return os::check_count(::sendto(handle, data_of(bytes), clamp(bytes.size()), 0, peer.get(), peer.length));
}

/// The buffers as Winsock takes them: those that are not empty, at most 1,024 of them, and of their bytes at most as many
/// as one call takes.
class Buffers {
  public:
    template <class Slice> explicit Buffers(std::span<const Slice> slices) noexcept {
        auto room = static_cast<std::size_t>(std::numeric_limits<int>::max());
        for (const auto& slice : slices) {
            const auto bytes = slice.bytes();
            if (bytes.empty()) continue;
            const auto size = std::min(bytes.size(), room);
            // Winsock's structure knows no const; sending only reads.
            buffers_[count_++] = {static_cast<::ULONG>(size),
                                  reinterpret_cast<char*>(const_cast<std::byte*>(bytes.data()))};
            room -= size;
            if (room == 0 || count_ == buffers_.size()) return;
        }
    }

    [[nodiscard]] ::WSABUF* data() noexcept { return buffers_.data(); }
    [[nodiscard]] ::DWORD size() const noexcept { return static_cast<::DWORD>(count_); }

  private:
    std::array<::WSABUF, 1024> buffers_; // filled in as far as it is used
    std::size_t count_ = 0;
};

/// @see WSARecv
export inline Result<std::size_t> receive_vectored(RawHandle handle,
                                                   std::span<const IoSliceMut> buffers) noexcept {
    Buffers native(buffers);
    if (native.size() == 0) return 0; // Winsock would wait for data that it has no room for
    ::DWORD count = 0;
    ::DWORD flags = 0;
    const int answer = ::WSARecv(handle, native.data(), native.size(), &count, &flags, nullptr, nullptr);
    return check_stream(answer, count);
}

/// @see WSASend
export inline Result<std::size_t> send_vectored(RawHandle handle, std::span<const IoSlice> buffers) noexcept {
    Buffers native(buffers);
    if (native.size() == 0) return std::size_t{0};
    ::DWORD count = 0;
    auto done = os::check(::WSASend(handle, native.data(), native.size(), &count, 0, nullptr, nullptr));
    if (!done) return std::unexpected(done.error());
    return std::size_t{count};
}

/// @see shutdown
export inline Result<> shut_down(RawHandle handle, Shutdown how) noexcept {
    const int native = how == Shutdown::read ? SD_RECEIVE : how == Shutdown::write ? SD_SEND : SD_BOTH;
    return os::check(::shutdown(handle, native));
}

inline Result<> set_blocking(RawHandle handle, bool on) noexcept {
    ::u_long non_blocking = on ? 0 : 1;
    return os::check(::ioctlsocket(handle, static_cast<long>(FIONBIO), &non_blocking));
}

/// Begins to connect. To a Unix domain socket it is done, or has failed, when this returns: within the machine that is a
/// matter of a moment, and a call that did not wait would go on in the background. Errors: the OS's own. @see connect
export inline Result<> start_connect(RawHandle handle, const OsAddress& peer) noexcept {
    const bool is_local = peer.storage.ss_family == AF_UNIX;
    if (is_local) {
        if (auto set = set_blocking(handle, true); !set) return set;
    }
    auto started = os::check(::connect(handle, peer.get(), peer.length));
    if (is_local) {
        if (auto set = set_blocking(handle, false); !set) return set;
    }
    if (!started && started.error().value() == WSAEWOULDBLOCK) return {};
    return started;
}

/// True once an attempt to connect is over, with success or without. By `select`, since WSAPoll does not tell of a
/// failure before Windows 10, version 2004.
/// @see select
export inline bool connect_has_ended(RawHandle handle) noexcept {
    ::fd_set connected{};
    connected.fd_count = 1;
    connected.fd_array[0] = handle;
    ::fd_set failed = connected;
    ::timeval at_once{};
    return ::select(0, nullptr, &connected, &failed, &at_once) > 0;
}

/// The local address. Of a socket that is not bound yet it is the unspecified one, as elsewhere; Winsock fails then.
/// @see getsockname
export inline Result<OsAddress> local_name_of(RawHandle handle) noexcept {
    OsAddress address;
    const auto got = os::check(::getsockname(handle, address.get(), &address.length));
    if (got) return address;
    if (got.error().value() != WSAEINVAL) return std::unexpected(got.error());
    const auto protocol = get_option<::WSAPROTOCOL_INFOW>(handle, SOL_SOCKET, SO_PROTOCOL_INFOW);
    if (!protocol) return std::unexpected(protocol.error());
    address.storage = {};
    address.storage.ss_family = static_cast<decltype(address.storage.ss_family)>(protocol->iAddressFamily);
    address.length = sizeof address.storage;
    return address;
}

/// Sets the peer of a datagram socket, of which alone refusals are reported then. @see connect
export inline Result<> connect_datagrams(RawHandle handle, const OsAddress& peer) noexcept {
    auto connected = os::check(::connect(handle, peer.get(), peer.length));
    if (connected) os::report_refusals(handle, true);
    return connected;
}

/// Before a listener is bound: nothing. Its address can be had while an earlier one's connections linger, and SO_REUSEADDR would
/// let it take the place of one that still listens.
export inline Result<> prepare_listener(RawHandle) noexcept { return {}; }

/// There is nothing like SO_REUSEPORT.
export inline Result<> set_reuse_port(RawHandle, bool) noexcept {
    return std::unexpected(make_error_code(Errc::unsupported));
}
export inline Result<bool> reuse_port(RawHandle) noexcept {
    return std::unexpected(make_error_code(Errc::unsupported));
}

/// SO_LINGER, in seconds, which Winsock counts in 16 bits.
export inline constexpr int linger_option = SO_LINGER;
export inline constexpr std::chrono::seconds longest_linger{std::numeric_limits<::u_short>::max()};

/// 0 means without a buffer.
export inline constexpr std::uint64_t least_buffer_size = 0;

/// IP_MULTICAST_LOOP and IP_MULTICAST_TTL, which Winsock takes as 32 bits.
export inline Result<> set_multicast_option(RawHandle handle, int name, std::uint8_t value) noexcept {
    return set_option<::DWORD>(handle, IPPROTO_IP, name, value);
}
export inline Result<std::uint8_t> get_multicast_option(RawHandle handle, int name) noexcept {
    const auto value = get_option<::DWORD>(handle, IPPROTO_IP, name);
    if (!value) return std::unexpected(value.error());
    return static_cast<std::uint8_t>(*value);
}

} // namespace mio::net
