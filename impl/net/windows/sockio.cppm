/// @file
/// Socket operations in which Winsock differs from POSIX. Internal.

module;

#include <winsock2.h>
#include <ws2tcpip.h>

#include <afunix.h>
#include <windows.h>

export module mio.net.sockio;

import mio.core.error;
import mio.core.handle;
import mio.net.sockaddr;
import mio.net.socket;
import mio.os;
import mio.os.open;
import mio.std;

namespace mio::net {

/// `size`, limited to what one call accepts.
inline int clamp(std::size_t size) noexcept {
    return static_cast<int>(std::min<std::size_t>(size, std::numeric_limits<int>::max()));
}

/// The size of `buffer`, limited to what one call accepts, for a WSABUF.
export inline ::ULONG clamped_size(std::span<const std::byte> buffer) noexcept {
    return static_cast<::ULONG>(clamp(buffer.size()));
}

inline char* data_of(std::span<std::byte> buffer) noexcept { return reinterpret_cast<char*>(buffer.data()); }
inline const char* data_of(std::span<const std::byte> bytes) noexcept {
    return reinterpret_cast<const char*>(bytes.data());
}

/// Returns end of stream if the reading side was shut down, as on POSIX.
inline Result<std::size_t> check_stream(int result, std::size_t size) noexcept {
    if (result != SOCKET_ERROR) [[likely]]
        return size;
    const auto error = os::last_socket_error();
    if (error.value() == WSAESHUTDOWN) return 0;
    return std::unexpected(error);
}

/// Size of a received datagram, and whether it was truncated.
export struct ReceivedDatagram {
    std::size_t size = 0;
    bool truncated = false;
};

/// Converts two results of Winsock to those of POSIX: it fails for a truncated datagram, although the buffer is filled,
/// and it reports an ICMP port unreachable message as a connection reset.
export inline Result<ReceivedDatagram> check_datagram(int result, std::size_t room) noexcept {
    if (result != SOCKET_ERROR) [[likely]]
        return ReceivedDatagram{static_cast<std::size_t>(result)};
    const auto error = os::last_socket_error();
    if (error.value() == WSAEMSGSIZE) return ReceivedDatagram{room, true};
    return std::unexpected(error.value() == WSAECONNRESET ? os::error(WSAECONNREFUSED) : error);
}

/// For streams. @see recv
export inline Result<std::size_t> receive(RawHandle handle, std::span<std::byte> buffer,
                                          int flags = 0) noexcept {
    if (buffer.empty()) return 0; // Winsock would fail with WSAEWOULDBLOCK if there is no data
    const int result = ::recv(handle, data_of(buffer), clamp(buffer.size()), flags);
    return check_stream(result, static_cast<std::size_t>(result));
}

/// @see send
export inline Result<std::size_t> send(RawHandle handle, std::span<const std::byte> bytes) noexcept {
    return os::check_count(::send(handle, data_of(bytes), clamp(bytes.size()), 0));
}

/// Receives one datagram. The family of `sender` is AF_UNSPEC if the sender is unknown. @see recvfrom
export inline Result<ReceivedDatagram> receive_one(RawHandle handle, std::span<std::byte> buffer, int flags,
                                                   OsAddress& sender) noexcept {
    sender.storage.ss_family = AF_UNSPEC;
    return check_datagram(
        ::recvfrom(handle, data_of(buffer), clamp(buffer.size()), flags, sender.get(), &sender.length),
        buffer.size());
}

/// As `receive_one`, without the information whether the datagram was truncated.
export inline Result<std::size_t> receive_from(RawHandle handle, std::span<std::byte> buffer, int flags,
                                               OsAddress& sender) noexcept {
    const auto received = receive_one(handle, buffer, flags, sender);
    if (!received) return std::unexpected(received.error());
    return received->size;
}

/// Truncates a datagram longer than the buffer. @see recv
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

/// Converts slices to WSABUFs: the first 1,024 slices that are not empty, limited to as many bytes as one call accepts.
class Buffers {
  public:
    template <class Slice> explicit Buffers(std::span<const Slice> slices) noexcept {
        auto room = static_cast<std::size_t>(std::numeric_limits<int>::max());
        for (const auto& slice : slices) {
            const auto bytes = slice.bytes();
            if (bytes.empty()) continue;
            const auto size = std::min(bytes.size(), room);
            // WSABUF is not const-correct; sending only reads.
            buffers_[count_++] = {static_cast<::ULONG>(size),
                                  reinterpret_cast<char*>(const_cast<std::byte*>(bytes.data()))};
            room -= size;
            if (room == 0 || count_ == buffers_.size()) return;
        }
    }

    [[nodiscard]] ::WSABUF* data() noexcept { return buffers_.data(); }
    [[nodiscard]] ::DWORD size() const noexcept { return static_cast<::DWORD>(count_); }
    /// Their total size.
    [[nodiscard]] std::size_t bytes() const noexcept {
        std::size_t total = 0;
        for (std::size_t i = 0; i < count_; ++i) total += buffers_[i].len;
        return total;
    }

  private:
    std::array<::WSABUF, 1024> buffers_; // the first `count_` are initialized
    std::size_t count_ = 0;
};

/// @see WSARecv
export inline Result<std::size_t> receive_vectored(RawHandle handle,
                                                   std::span<const IoSliceMut> buffers) noexcept {
    Buffers native(buffers);
    if (native.size() == 0) return 0; // Winsock would fail with WSAEWOULDBLOCK if there is no data
    ::DWORD count = 0;
    ::DWORD flags = 0;
    const int result = ::WSARecv(handle, native.data(), native.size(), &count, &flags, nullptr, nullptr);
    if (result == SOCKET_ERROR && ::WSAGetLastError() == WSAEMSGSIZE) return native.bytes(); // truncated
    return check_stream(result, count);
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

/// Starts to connect. For a Unix domain socket the call blocks until the connection is established or has failed, which
/// takes little time within one machine; a non-blocking call would continue in the background. Errors: the OS's own.
/// @see connect
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

/// True once a connection attempt has succeeded or failed. Uses `select`, because WSAPoll does not report a failure
/// before Windows 10, version 2004.
/// @see select
export inline bool connect_has_ended(RawHandle handle) noexcept {
    ::fd_set connected{};
    connected.fd_count = 1;
    connected.fd_array[0] = handle;
    ::fd_set failed = connected;
    ::timeval at_once{};
    return ::select(0, nullptr, &connected, &failed, &at_once) > 0;
}

/// The local address. For an unbound socket it is the unspecified address, as on POSIX, where Winsock fails.
/// @see getsockname
export inline Result<OsAddress> local_name_of(RawHandle handle) noexcept {
    OsAddress address;
    const auto queried = os::check(::getsockname(handle, address.get(), &address.length));
    if (queried) return address;
    if (queried.error().value() != WSAEINVAL) return std::unexpected(queried.error());
    const auto protocol = get_option<::WSAPROTOCOL_INFOW>(handle, SOL_SOCKET, SO_PROTOCOL_INFOW);
    if (!protocol) return std::unexpected(protocol.error());
    address.storage = {};
    address.storage.ss_family = static_cast<decltype(address.storage.ss_family)>(protocol->iAddressFamily);
    address.length = sizeof address.storage;
    return address;
}

/// Sets the peer of a datagram socket and enables reporting of its refusals. @see connect
export inline Result<> connect_datagrams(RawHandle handle, const OsAddress& peer) noexcept {
    auto connected = os::check(::connect(handle, peer.get(), peer.length));
    if (connected) os::report_refusals(handle, true);
    return connected;
}

/// Undoes `connect_datagrams`, with an address without a family, or one of the socket's family that is all zeros.
/// Winsock documents the second; the first works too, and is the only one that works under Wine.
/// @see connect
export inline Result<> disconnect_datagrams(RawHandle handle) noexcept {
    auto nowhere = local_name_of(handle);
    if (!nowhere) return std::unexpected(nowhere.error());
    const auto has_peer = [handle] { return peer_name_of(handle).has_value(); };
    if (!has_peer()) return {};
    const auto family = nowhere->storage.ss_family;
    nowhere->storage = {};
    auto done = os::check(::connect(handle, nowhere->get(), nowhere->length));
    if (has_peer()) {
        nowhere->storage.ss_family = family;
        done = os::check(::connect(handle, nowhere->get(), nowhere->length));
        if (!done) return done;
        if (has_peer()) return std::unexpected(os_error(std::errc::already_connected));
    }
    os::report_refusals(handle, false);
    return {};
}

inline bool is_stream(RawHandle handle) noexcept {
    const auto type = get_option<int>(handle, SOL_SOCKET, SO_TYPE);
    return !type || *type == SOCK_STREAM;
}

/// Connects a socket of any type. @see connect
export inline Result<> connect_any(RawHandle handle, const OsAddress& peer) noexcept {
    return is_stream(handle) ? start_connect(handle, peer) : connect_datagrams(handle, peer);
}

/// Receives from a socket of any type. @see recv
export inline Result<std::size_t> receive_any(RawHandle handle, std::span<std::byte> buffer,
                                              int flags) noexcept {
    return is_stream(handle) ? receive(handle, buffer, flags) : receive_datagram(handle, buffer, flags);
}

/// Prepares a listener for `bind`: no effect. Winsock can bind an address while connections of an earlier listener are
/// in TIME_WAIT, and SO_REUSEADDR would allow binding the address of an active listener.
export inline Result<> prepare_listener(RawHandle) noexcept { return {}; }

/// Winsock has no equivalent of SO_REUSEPORT.
export inline Result<> set_reuse_port(RawHandle, bool) noexcept {
    return std::unexpected(make_error_code(Errc::unsupported));
}
export inline Result<bool> reuse_port(RawHandle) noexcept {
    return std::unexpected(make_error_code(Errc::unsupported));
}

/// SO_LINGER in seconds, 16 bits in Winsock.
export inline constexpr int linger_option = SO_LINGER;
export inline constexpr std::chrono::seconds longest_linger{std::numeric_limits<::u_short>::max()};

/// 0 disables the buffer.
export inline constexpr std::uint64_t least_buffer_size = 0;

/// IP_MULTICAST_LOOP and IP_MULTICAST_TTL, 32 bits in Winsock.
export inline Result<> set_multicast_option(RawHandle handle, int name, std::uint8_t value) noexcept {
    return set_option<::DWORD>(handle, IPPROTO_IP, name, value);
}
export inline Result<std::uint8_t> get_multicast_option(RawHandle handle, int name) noexcept {
    const auto value = get_option<::DWORD>(handle, IPPROTO_IP, name);
    if (!value) return std::unexpected(value.error());
    return static_cast<std::uint8_t>(*value);
}

/// Removes the file of a Unix socket, whose path is UTF-8. @see DeleteFileW
export inline Result<> remove_socket_file(std::string_view path) noexcept {
    std::array<wchar_t, sizeof(::sockaddr_un::sun_path) + 1> wide{};
    if (::MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path.data(), clamp(path.size()), wide.data(),
                              clamp(wide.size() - 1))
        == 0) {
        return std::unexpected(os::last_error());
    }
    return os::check_bool(::DeleteFileW(wide.data()));
}

} // namespace mio::net
