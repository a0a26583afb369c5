module;

#include <winsock2.h>
#include <ws2tcpip.h>

#include <mswsock.h>

#include <cstring>

module mio.net.ancillary;

import mio.core.error;
import mio.core.handle;
import mio.net.address;
import mio.net.sockaddr;
import mio.net.sockio;
import mio.net.udp;
import mio.os;
import mio.std;

namespace mio::net {
namespace {

constexpr auto supported = DatagramInfo::local_ip | DatagramInfo::ttl | DatagramInfo::tos;

/// A socket option that requests a property. Those of IPv6 have the same order.
struct Option {
    DatagramInfo info;
    int level;
    int name;
};
constexpr Option options_v4[] = {{DatagramInfo::local_ip, IPPROTO_IP, IP_PKTINFO},
                                 {DatagramInfo::ttl, IPPROTO_IP, IP_RECVTTL},
                                 {DatagramInfo::tos, IPPROTO_IP, IP_RECVTOS}};
constexpr Option options_v6[] = {{DatagramInfo::local_ip, IPPROTO_IPV6, IPV6_PKTINFO},
                                 {DatagramInfo::ttl, IPPROTO_IPV6, IPV6_HOPLIMIT},
                                 {DatagramInfo::tos, IPPROTO_IPV6, IPV6_RECVTCLASS}};

// The payloads of IP_PKTINFO and IPV6_PKTINFO, which MinGW-w64's headers do not declare.
struct InfoV4 {
    ::IN_ADDR address;
    ::ULONG interface_index;
};
struct InfoV6 {
    ::IN6_ADDR address;
    ::ULONG interface_index;
};

// WSARecvMsg is no export of Winsock's library. Null if the system has none.
::LPFN_WSARECVMSG receive_function(RawHandle handle) noexcept {
    static std::atomic<::LPFN_WSARECVMSG> known = nullptr;
    if (auto function = known.load(std::memory_order_relaxed)) return function;
    ::GUID id = WSAID_WSARECVMSG;
    ::LPFN_WSARECVMSG function = nullptr;
    ::DWORD size = 0;
    if (::WSAIoctl(handle, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof id, &function, sizeof function,
                   &size, nullptr, nullptr)
        == SOCKET_ERROR)
        return nullptr;
    known.store(function, std::memory_order_relaxed);
    return function;
}

template <class T> std::optional<T> payload_as(std::span<const std::byte> payload) noexcept {
    if (payload.size() < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, payload.data(), sizeof value);
    return value;
}

// Lengths that exceed the buffer, or the header's own size, end the iteration.
template <class F> void for_each_control(std::span<const std::byte> rest, F&& f) noexcept {
    constexpr std::size_t header_size = WSA_CMSGDATA_ALIGN(sizeof(::WSACMSGHDR));
    while (rest.size() >= header_size) {
        ::WSACMSGHDR header;
        std::memcpy(&header, rest.data(), sizeof header);
        const std::size_t length = header.cmsg_len;
        if (length < header_size || length > rest.size()) return;
        f(header.cmsg_level, header.cmsg_type, rest.first(length).subspan(header_size));
        const std::size_t space = WSA_CMSGHDR_ALIGN(length);
        rest = rest.subspan(std::min(space, rest.size()));
    }
}

IpAddress from_v4(const ::IN_ADDR& native, bool is_dual_stack) noexcept {
    std::uint8_t bytes[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    std::memcpy(bytes + 12, &native, 4);
    return is_dual_stack ? IpAddress::v6(bytes) : IpAddress::v4(bytes[12], bytes[13], bytes[14], bytes[15]);
}

IpAddress from_v6(const ::IN6_ADDR& native) noexcept {
    std::uint8_t bytes[16];
    std::memcpy(bytes, &native, sizeof bytes);
    return IpAddress::v6(bytes);
}

void read_v4(int type, std::span<const std::byte> payload, IncomingDatagram& datagram) noexcept {
    if (type == IP_PKTINFO) {
        if (const auto info = payload_as<InfoV4>(payload)) {
            datagram.local_ip = from_v4(info->address, datagram.peer.ip().is_v6());
            datagram.interface_index = info->interface_index;
        }
    }
    const auto number = payload_as<::INT>(payload);
    if (!number) return;
    // Windows names the messages as the options that request them, Wine IP_TTL and IP_TOS.
    if (type == IP_RECVTTL || type == IP_TTL) datagram.ttl = static_cast<std::uint8_t>(*number);
    if (type == IP_RECVTOS || type == IP_TOS) datagram.tos = Tos(static_cast<std::uint8_t>(*number));
}

void read_v6(int type, std::span<const std::byte> payload, IncomingDatagram& datagram) noexcept {
    if (type == IPV6_PKTINFO) {
        if (const auto info = payload_as<InfoV6>(payload)) {
            datagram.local_ip = from_v6(info->address);
            datagram.interface_index = info->interface_index;
        }
    }
    const auto number = payload_as<::INT>(payload);
    if (!number) return;
    if (type == IPV6_HOPLIMIT) datagram.ttl = static_cast<std::uint8_t>(*number);
    if (type == IPV6_RECVTCLASS || type == IPV6_TCLASS)
        datagram.tos = Tos(static_cast<std::uint8_t>(*number));
}

void reset_properties(IncomingDatagram& datagram) noexcept {
    datagram.segment_size = 0;
    datagram.info_truncated = false;
    datagram.ttl.reset();
    datagram.tos.reset();
    datagram.dropped = 0;
    datagram.interface_index.reset();
    datagram.local_ip.reset();
    datagram.received_at.reset();
}

Result<> receive_plain(RawHandle handle, IncomingDatagram& datagram) noexcept {
    OsAddress sender;
    const auto received = receive_one(handle, datagram.buffer, 0, sender);
    if (!received) return std::unexpected(received.error());
    datagram.size = received->size;
    datagram.truncated = received->truncated;
    datagram.peer = from_os(sender).value_or(SocketAddress());
    reset_properties(datagram);
    return {};
}

Result<bool> is_v6_socket(RawHandle handle) noexcept {
    const auto address = local_name_of(handle);
    if (!address) return std::unexpected(address.error());
    return address->storage.ss_family == AF_INET6;
}

} // namespace

Result<> receive_with_properties(RawHandle handle, IncomingDatagram& datagram) noexcept {
    const auto receive = receive_function(handle);
    if (receive == nullptr) return receive_plain(handle, datagram);
    struct {
        alignas(::WSACMSGHDR) std::byte bytes[256];
    } control;
    OsAddress sender;
    sender.storage.ss_family = AF_UNSPEC;
    ::WSABUF buffer{clamped_size(datagram.buffer), reinterpret_cast<char*>(datagram.buffer.data())};
    ::WSAMSG message{};
    message.name = sender.get();
    message.namelen = sender.length;
    message.lpBuffers = &buffer;
    message.dwBufferCount = 1;
    message.Control.len = sizeof control.bytes;
    message.Control.buf = reinterpret_cast<char*>(control.bytes);
    ::DWORD count = 0;
    const int result = receive(handle, &message, &count, nullptr, nullptr);
    const auto received =
        check_datagram(result == SOCKET_ERROR ? result : static_cast<int>(count), datagram.buffer.size());
    if (!received) return std::unexpected(received.error());
    sender.length = message.namelen;
    datagram.size = received->size;
    datagram.truncated = received->truncated || (message.dwFlags & MSG_TRUNC) != 0;
    datagram.peer = from_os(sender).value_or(SocketAddress());
    reset_properties(datagram);
    datagram.info_truncated = (message.dwFlags & MSG_CTRUNC) != 0;
    const auto written = std::min<std::size_t>(message.Control.len, sizeof control.bytes);
    for_each_control(std::span<const std::byte>(control.bytes).first(written),
                     [&](int level, int type, std::span<const std::byte> payload) {
                         if (level == IPPROTO_IP)
                             read_v4(type, payload, datagram);
                         else if (level == IPPROTO_IPV6)
                             read_v6(type, payload, datagram);
                     });
    return {};
}

Result<> set_receive_info(RawHandle handle, DatagramInfo info) noexcept {
    const auto possible = supported_info(handle);
    if (!possible) return std::unexpected(possible.error());
    if ((info & *possible) != info) return std::unexpected(make_error_code(Errc::unsupported));
    const auto is_v6 = is_v6_socket(handle);
    if (!is_v6) return std::unexpected(is_v6.error());
    for (const auto& option : *is_v6 ? options_v6 : options_v4) {
        const bool on = (info & option.info) != DatagramInfo::none;
        if (auto set = set_flag(handle, option.level, option.name, on); !set) {
            // Versions of Windows without an option need not turn it off.
            if (on) return set;
        }
    }
    if (*is_v6) {
        // For IPv4 datagrams of a dual-stack socket; of others it may be an error.
        for (const auto& option : options_v4) {
            const bool on = (info & option.info) != DatagramInfo::none;
            static_cast<void>(set_flag(handle, option.level, option.name, on));
        }
    }
    return {};
}

Result<DatagramInfo> receive_info(RawHandle handle) noexcept {
    const auto is_v6 = is_v6_socket(handle);
    if (!is_v6) return std::unexpected(is_v6.error());
    auto info = DatagramInfo::none;
    for (const auto& option : *is_v6 ? options_v6 : options_v4) {
        if (const auto on = get_flag(handle, option.level, option.name); on && *on) info |= option.info;
    }
    return info;
}

Result<DatagramInfo> supported_info(RawHandle handle) noexcept {
    const auto is_v6 = is_v6_socket(handle); // an error if the handle is no socket
    if (!is_v6) return std::unexpected(is_v6.error());
    return receive_function(handle) != nullptr ? supported : DatagramInfo::none;
}

} // namespace mio::net
