/// @file
/// OS addresses and options, shared by all sockets. Internal.

module;

#include "sockets.hpp"

export module mio.net.sockaddr;

import mio.core.error;
import mio.core.handle;
import mio.net.address;
import mio.net.local;
import mio.net.socket;
import mio.os;
import mio.std;

namespace mio::net {

/// The error of an argument that the OS would reject, or should.
export inline std::unexpected<std::error_code> invalid_argument() noexcept {
    return std::unexpected(os_error(std::errc::invalid_argument));
}

/// An address in the OS's form. Only the first `length` bytes are valid; clearing all of them would cost more than
/// the rest of a receive call.
export struct OsAddress {
    ::sockaddr_storage storage;
    ::socklen_t length = sizeof(::sockaddr_storage);

    [[nodiscard]] inline ::sockaddr* get() noexcept { return reinterpret_cast<::sockaddr*>(&storage); }
    [[nodiscard]] inline const ::sockaddr* get() const noexcept {
        return reinterpret_cast<const ::sockaddr*>(&storage);
    }
    [[nodiscard]] inline std::size_t size() const noexcept { return static_cast<std::size_t>(length); }
};

export OsAddress to_os(const SocketAddress&) noexcept;

/// Errors: `Errc::invalid_address` for families other than IPv4 and IPv6.
export Result<SocketAddress> from_os(const OsAddress&) noexcept;

export OsAddress to_os(const UnixAddress&) noexcept;

/// Addresses of other families convert to the unnamed address.
export UnixAddress unix_from_os(const OsAddress&) noexcept;

export OsAddress to_os(const RawAddress&) noexcept;
export RawAddress raw_from_os(const OsAddress&) noexcept;

/// The socket family for `address`.
export int family_of(const SocketAddress& address) noexcept;

/// @see getsockname(2)
export Result<SocketAddress> local_address_of(RawHandle) noexcept;
export Result<UnixAddress> unix_local_address_of(RawHandle) noexcept;
/// @see getpeername(2)
export Result<SocketAddress> peer_address_of(RawHandle) noexcept;
export Result<UnixAddress> unix_peer_address_of(RawHandle) noexcept;
export Result<OsAddress> peer_name_of(RawHandle) noexcept;

/// Gets and sets an option of any size. The getter returns the size. @see getsockopt(2), setsockopt(2)
export Result<std::size_t> get_option_bytes(RawHandle, int level, int name,
                                            std::span<std::byte> value) noexcept;
export Result<> set_option_bytes(RawHandle, int level, int name, std::span<const std::byte> value) noexcept;

/// @see setsockopt(2)
export template <class T>
Result<> set_option(RawHandle handle, int level, int name, const T& value) noexcept {
    static_assert(std::is_trivially_copyable_v<T> && !std::is_same_v<T, bool>, "as the OS lays it out");
    return os::check(::setsockopt(handle, level, name, reinterpret_cast<const char*>(&value), sizeof value));
}

/// @see getsockopt(2)
export template <class T> Result<T> get_option(RawHandle handle, int level, int name) noexcept {
    static_assert(std::is_trivially_copyable_v<T> && !std::is_same_v<T, bool>, "as the OS lays it out");
    T value{};
    ::socklen_t length = sizeof value;
    const int result = ::getsockopt(handle, level, name, reinterpret_cast<char*>(&value), &length);
    if (auto queried = os::check(result); !queried) return std::unexpected(queried.error());
    return value;
}

/// For boolean options.
export Result<> set_flag(RawHandle handle, int level, int name, bool on) noexcept;
export Result<bool> get_flag(RawHandle handle, int level, int name) noexcept;

/// For numeric options. Errors: `std::errc::invalid_argument` if the value does not fit the OS's `int`.
export Result<> set_count(RawHandle handle, int level, int name, std::uint64_t count) noexcept;
export Result<std::uint32_t> get_count(RawHandle handle, int level, int name) noexcept;

/// An option that not every system has. The functions below fail with `Errc::unsupported` if it has no name.
export struct OptionName {
    int level = 0;
    std::optional<int> name;
};
export Result<> set_flag(RawHandle, const OptionName&, bool on) noexcept;
export Result<bool> get_flag(RawHandle, const OptionName&) noexcept;
export Result<> set_count(RawHandle, const OptionName&, std::uint64_t count) noexcept;
export Result<std::uint32_t> get_count(RawHandle, const OptionName&) noexcept;

/// Whether the socket's family is IPv6.
export Result<bool> is_v6(RawHandle) noexcept;

/// SO_RCVBUF or SO_SNDBUF; `bytes` is clamped to the OS's limit.
export Result<> set_buffer_size(RawHandle handle, int name, std::uint64_t bytes) noexcept;

/// Time to live (hop limit), set by the option of the socket's family. Errors: `std::errc::invalid_argument` unless
/// from 1 to 255; the OS's own.
export Result<> set_hops(RawHandle, std::uint32_t hops) noexcept;
export Result<std::uint32_t> get_hops(RawHandle) noexcept;

/// Passes datagrams to `one` until it fails, and returns their number. Returns the error only if the first one fails.
export template <class Datagram, class One>
Result<std::size_t> one_by_one(std::span<Datagram> datagrams, One&& one) noexcept {
    std::size_t done = 0;
    for (auto& datagram : datagrams) {
        const auto size = one(datagram);
        if (!size) return done == 0 ? size : Result<std::size_t>(done);
        ++done;
    }
    return done;
}

/// Total number of bytes to write. Saturates.
export std::size_t size_of(std::span<const IoSlice>) noexcept;

} // namespace mio::net
