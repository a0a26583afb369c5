module;

// Apple's headers declare RFC 3542's names, such as IPV6_RECVPKTINFO, on request only.
#define __APPLE_USE_RFC_3542 1

#include <sys/types.h>

#include <net/if.h>
#if __has_include(<net/if_dl.h>)
#include <net/if_dl.h>
#endif
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include <cstddef>
#include <cstring>

module mio.net.ancillary;

import mio.core.error;
import mio.core.handle;
import mio.net.address;
import mio.net.sockaddr;
import mio.net.udp;
import mio.std;

namespace mio::net {
namespace {

/// A socket option that makes the kernel report a property.
struct Option {
    DatagramInfo info;
    int level;
    int name;
};

// Options of IPv4 sockets. IP_PKTINFO reports address and interface; systems without it have an option for each.
constexpr Option options_v4[] = {
#if defined(IP_RECVPKTINFO)
    {DatagramInfo::local_ip, IPPROTO_IP, IP_RECVPKTINFO},
#elif defined(IP_PKTINFO)
    {DatagramInfo::local_ip, IPPROTO_IP, IP_PKTINFO},
#else
    {DatagramInfo::local_ip, IPPROTO_IP, IP_RECVDSTADDR},
    {DatagramInfo::local_ip, IPPROTO_IP, IP_RECVIF},
#endif
    {DatagramInfo::ttl, IPPROTO_IP, IP_RECVTTL},
#if defined(IP_RECVTOS)
    {DatagramInfo::tos, IPPROTO_IP, IP_RECVTOS},
#endif
};

// Options of IPv6 sockets. @see RFC 3542
constexpr Option options_v6[] = {
    {DatagramInfo::local_ip, IPPROTO_IPV6, IPV6_RECVPKTINFO},
    {DatagramInfo::ttl, IPPROTO_IPV6, IPV6_RECVHOPLIMIT},
    {DatagramInfo::tos, IPPROTO_IPV6, IPV6_RECVTCLASS},
};

// Options of both.
constexpr Option options_of_all[] = {
#if defined(SO_TIMESTAMPNS)
    {DatagramInfo::received_at, SOL_SOCKET, SO_TIMESTAMPNS},
#else
    {DatagramInfo::received_at, SOL_SOCKET, SO_TIMESTAMP},
#endif
#if defined(SO_RXQ_OVFL)
    {DatagramInfo::dropped, SOL_SOCKET, SO_RXQ_OVFL},
#endif
};

/// Properties of IPv4 datagrams that can be sent with one of them. The BSDs and Apple skip control messages that they
/// do not know, so they must not be written.
#if defined(__linux__)
constexpr bool sends_ttl_v4 = true;
#else
constexpr bool sends_ttl_v4 = false;
#endif
#if defined(__linux__) || defined(__APPLE__)
using TosV4 = int;
constexpr bool sends_tos_v4 = true;
#elif defined(__FreeBSD__) || defined(__DragonFly__)
using TosV4 = std::uint8_t; // another size is an error there
constexpr bool sends_tos_v4 = true;
#else
using TosV4 = int;
constexpr bool sends_tos_v4 = false;
#endif

bool has(DatagramInfo set, DatagramInfo one) noexcept { return (set & one) != DatagramInfo::none; }

constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool is_v4_mapped(const IpAddress& ip) noexcept {
    return ip.is_v6() && std::ranges::equal(ip.bytes().first(12), mapped_prefix);
}

IpAddress v4_mapped(const IpAddress& ip) noexcept {
    std::array<std::uint8_t, 16> bytes{};
    std::ranges::copy(mapped_prefix, bytes.begin());
    std::ranges::copy(ip.bytes(), bytes.begin() + mapped_prefix.size());
    return IpAddress::v6(bytes);
}

// The IPv4 address in `ip`, which may be mapped.
std::optional<::in_addr> to_v4(const IpAddress& ip) noexcept {
    if (!ip.is_v4() && !is_v4_mapped(ip)) return std::nullopt;
    ::in_addr native;
    std::memcpy(&native, ip.bytes().last(4).data(), sizeof native);
    return native;
}

::in6_addr to_v6(const IpAddress& ip) noexcept {
    ::in6_addr native;
    const auto address = ip.is_v4() ? v4_mapped(ip) : ip;
    std::memcpy(&native, address.bytes().data(), sizeof native);
    return native;
}

IpAddress from_v4(const ::in_addr& native, bool is_dual_stack) noexcept {
    std::uint8_t bytes[4];
    std::memcpy(bytes, &native, sizeof bytes);
    const auto ip = IpAddress::v4(bytes[0], bytes[1], bytes[2], bytes[3]);
    return is_dual_stack ? v4_mapped(ip) : ip;
}

IpAddress from_v6(const ::in6_addr& native) noexcept {
    std::uint8_t bytes[16];
    std::memcpy(bytes, &native, sizeof bytes);
    return IpAddress::v6(bytes);
}

// A number that some systems report as a byte and others as an int.
std::optional<std::uint8_t> byte_in(std::span<const std::byte> payload) noexcept {
    if (const auto number = payload_as<int>(payload)) return static_cast<std::uint8_t>(*number);
    return payload_as<std::uint8_t>(payload);
}

template <class Native>
std::optional<IncomingDatagram::Time> time_in(std::span<const std::byte> payload) noexcept {
    const auto native = payload_as<Native>(payload);
    if (!native) return std::nullopt;
    using std::chrono::nanoseconds, std::chrono::seconds;
    nanoseconds fraction{};
    if constexpr (requires { native->tv_nsec; })
        fraction = nanoseconds(native->tv_nsec);
    else if (native->tv_usec < 0 || native->tv_usec >= 1'000'000)
        return std::nullopt;
    else
        fraction = std::chrono::microseconds(native->tv_usec);
    // Nanoseconds count to the year 2262.
    constexpr auto most = std::chrono::duration_cast<seconds>(nanoseconds::max()).count() - 1;
    if (native->tv_sec < 0 || native->tv_sec > most || fraction < nanoseconds(0) || fraction >= seconds(1))
        return std::nullopt;
    return IncomingDatagram::Time(seconds(native->tv_sec) + fraction);
}

void read_socket_level(int type, std::span<const std::byte> payload, IncomingDatagram& datagram) noexcept {
#if defined(SCM_TIMESTAMPNS)
    if (type == SCM_TIMESTAMPNS) datagram.received_at = time_in<::timespec>(payload);
#endif
#if defined(SCM_REALTIME) // FreeBSD, with SO_TS_REALTIME
    if (type == SCM_REALTIME) datagram.received_at = time_in<::timespec>(payload);
#endif
    if (type == SCM_TIMESTAMP) datagram.received_at = time_in<::timeval>(payload);
#if defined(SO_RXQ_OVFL)
    if (type == SO_RXQ_OVFL) datagram.dropped = payload_as<std::uint32_t>(payload).value_or(0);
#endif
}

void read_v4(int type, std::span<const std::byte> payload, IncomingDatagram& datagram) noexcept {
    [[maybe_unused]] const bool is_dual_stack = datagram.peer.ip().is_v6();
#if defined(IP_PKTINFO)
    if (type == IP_PKTINFO) {
        if (const auto info = payload_as<::in_pktinfo>(payload)) {
            datagram.local_ip = from_v4(info->ipi_addr, is_dual_stack);
            datagram.interface_index = static_cast<std::uint32_t>(info->ipi_ifindex);
        }
    }
#endif
#if defined(IP_RECVDSTADDR)
    if (type == IP_RECVDSTADDR) {
        if (const auto address = payload_as<::in_addr>(payload))
            datagram.local_ip = from_v4(*address, is_dual_stack);
    }
#endif
#if defined(IP_RECVIF)
    if (type == IP_RECVIF) {
        // A sockaddr_dl. The kernel may write only a part of it.
        constexpr std::size_t begin = offsetof(::sockaddr_dl, sdl_index);
        if (payload.size() > begin) {
            if (const auto index = payload_as<decltype(::sockaddr_dl::sdl_index)>(payload.subspan(begin)))
                datagram.interface_index = *index;
        }
    }
#endif
    // Linux names the messages IP_TTL and IP_TOS, the others as the options that request them.
    if (type == IP_RECVTTL || type == IP_TTL) datagram.ttl = byte_in(payload);
#if defined(IP_RECVTOS)
    if (type == IP_RECVTOS || type == IP_TOS) {
        if (const auto byte = byte_in(payload)) datagram.tos = Tos(*byte);
    }
#endif
}

void read_v6(int type, std::span<const std::byte> payload, IncomingDatagram& datagram) noexcept {
    if (type == IPV6_PKTINFO) {
        if (const auto info = payload_as<::in6_pktinfo>(payload)) {
            datagram.local_ip = from_v6(info->ipi6_addr);
            datagram.interface_index = static_cast<std::uint32_t>(info->ipi6_ifindex);
        }
    }
    if (type == IPV6_HOPLIMIT) datagram.ttl = byte_in(payload);
    if (type == IPV6_TCLASS) {
        if (const auto byte = byte_in(payload)) datagram.tos = Tos(*byte);
    }
}

void read_udp([[maybe_unused]] int type, [[maybe_unused]] std::span<const std::byte> payload,
              [[maybe_unused]] IncomingDatagram& datagram) noexcept {
#if defined(UDP_GRO)
    if (type == UDP_GRO)
        datagram.segment_size = static_cast<std::uint16_t>(payload_as<int>(payload).value_or(0));
#endif
}

// Appends control messages to a message.
class Appender {
  public:
    Appender(::msghdr& message, Control& room) noexcept : message_(message), room_(room) {
        message_.msg_control = room_.bytes;
    }
    // The lengths include the padding that follows each message.
    template <class T> void add(int level, int type, const T& payload) noexcept {
        static_assert(CMSG_SPACE(sizeof(T)) * 4 <= sizeof(Control), "at most four are written");
        ::cmsghdr header{};
        header.cmsg_len = static_cast<decltype(header.cmsg_len)>(CMSG_LEN(sizeof payload));
        header.cmsg_level = level;
        header.cmsg_type = type;
        auto* const place = room_.bytes + size_;
        std::memset(place, 0, CMSG_SPACE(sizeof payload));
        std::memcpy(place, &header, sizeof header);
        std::memcpy(place + CMSG_LEN(0), &payload, sizeof payload);
        size_ += CMSG_SPACE(sizeof payload);
        message_.msg_controllen = static_cast<decltype(message_.msg_controllen)>(size_);
    }

  private:
    ::msghdr& message_;
    Control& room_;
    std::size_t size_ = 0;
};

#if defined(IP_PKTINFO)
// NetBSD's structure has one address only.
template <class Info> void set_source(Info& info, const ::in_addr& address) noexcept {
    if constexpr (requires { info.ipi_spec_dst; })
        info.ipi_spec_dst = address;
    else
        info.ipi_addr = address;
}
#endif

Result<> write_source_v4(const OutgoingDatagram& datagram, Appender& appender,
                         [[maybe_unused]] RawHandle handle) noexcept {
    std::optional<::in_addr> source;
    if (datagram.source) {
        source = to_v4(*datagram.source);
        if (!source) return invalid_argument();
    }
#if defined(IP_PKTINFO)
    ::in_pktinfo info{};
    info.ipi_ifindex = static_cast<decltype(info.ipi_ifindex)>(datagram.interface_index);
    if (source) set_source(info, *source);
    appender.add(IPPROTO_IP, IP_PKTINFO, info);
    return {};
#elif defined(IP_SENDSRCADDR)
    if (datagram.interface_index != 0) return std::unexpected(Errc::unsupported);
    // FreeBSD refuses the message on a socket that is bound to one address.
    if (const auto local = local_address_of(handle); local && local->ip() == *datagram.source) return {};
    appender.add(IPPROTO_IP, IP_SENDSRCADDR, *source);
    return {};
#else
    return std::unexpected(Errc::unsupported);
#endif
}

Result<> write_v4(const OutgoingDatagram& datagram, Appender& appender, RawHandle handle) noexcept {
    if (datagram.source || datagram.interface_index != 0) {
        if (auto written = write_source_v4(datagram, appender, handle); !written) return written;
    }
    if (datagram.ttl) {
        if (!sends_ttl_v4) return std::unexpected(Errc::unsupported);
        appender.add(IPPROTO_IP, IP_TTL, static_cast<int>(*datagram.ttl));
    }
    if (datagram.tos) {
        if (!sends_tos_v4) return std::unexpected(Errc::unsupported);
        appender.add(IPPROTO_IP, IP_TOS, static_cast<TosV4>(datagram.tos->value));
    }
    return {};
}

void write_v6(const OutgoingDatagram& datagram, Appender& appender) noexcept {
    if (datagram.source || datagram.interface_index != 0) {
        ::in6_pktinfo info{};
        info.ipi6_ifindex = static_cast<decltype(info.ipi6_ifindex)>(datagram.interface_index);
        if (datagram.source) info.ipi6_addr = to_v6(*datagram.source);
        appender.add(IPPROTO_IPV6, IPV6_PKTINFO, info);
    }
    if (datagram.ttl) appender.add(IPPROTO_IPV6, IPV6_HOPLIMIT, static_cast<int>(*datagram.ttl));
    if (datagram.tos) appender.add(IPPROTO_IPV6, IPV6_TCLASS, static_cast<int>(datagram.tos->value));
}

template <std::size_t count>
DatagramInfo all_of(const Option (&options)[count], DatagramInfo others = DatagramInfo::none) noexcept {
    for (const auto& option : options) others |= option.info;
    return others;
}

Result<> set_options(RawHandle handle, std::span<const Option> options, DatagramInfo info) noexcept {
    for (const auto& option : options) {
        if (auto set = set_flag(handle, option.level, option.name, has(info, option.info)); !set) return set;
    }
    return {};
}

Result<> get_options(RawHandle handle, std::span<const Option> options, DatagramInfo& info) noexcept {
    for (const auto& option : options) {
        const auto is_on = get_flag(handle, option.level, option.name);
        if (!is_on) return std::unexpected(is_on.error());
        if (*is_on) info |= option.info;
    }
    return {};
}

} // namespace

void read_some_control(const ::msghdr& message, IncomingDatagram& datagram) noexcept {
    datagram.info_truncated = (message.msg_flags & MSG_CTRUNC) != 0;
    for_each_control(message, [&](int level, int type, std::span<const std::byte> payload) {
        if (level == SOL_SOCKET)
            read_socket_level(type, payload, datagram);
        else if (level == IPPROTO_IP)
            read_v4(type, payload, datagram);
        else if (level == IPPROTO_IPV6)
            read_v6(type, payload, datagram);
        else if (level == IPPROTO_UDP)
            read_udp(type, payload, datagram);
    });
}

// The IP version that the datagram is sent with.
bool ControlWriter::sends_v4(const OutgoingDatagram& datagram) noexcept {
    const auto is_v4 = [](const IpAddress& ip) { return ip.is_v4() || is_v4_mapped(ip); };
    if (datagram.peer != SocketAddress()) return is_v4(datagram.peer.ip());
    if (!peer_is_v4_) {
        const auto peer = peer_address_of(handle_);
        if (!peer) return datagram.source && is_v4(*datagram.source); // sending will fail
        peer_is_v4_ = is_v4(peer->ip());
    }
    return *peer_is_v4_;
}

Result<> ControlWriter::write(const OutgoingDatagram& datagram, ::msghdr& message, Control& room) noexcept {
    if (datagram.ttl == std::uint8_t{0}) return invalid_argument(); // Linux sends it for IPv6
    Appender appender(message, room);
    if (datagram.source || datagram.interface_index != 0 || datagram.ttl || datagram.tos) {
        if (!sends_v4(datagram))
            write_v6(datagram, appender);
        else if (auto written = write_v4(datagram, appender, handle_); !written)
            return written;
    }
    if (datagram.segment_size != 0) {
#if defined(UDP_SEGMENT)
        appender.add(IPPROTO_UDP, UDP_SEGMENT, datagram.segment_size);
#else
        return std::unexpected(Errc::unsupported);
#endif
    }
    return {};
}

Result<DatagramInfo> supported_info(RawHandle handle) noexcept {
    const auto v6 = is_v6(handle);
    if (!v6) return std::unexpected(v6.error());
    return all_of(options_of_all, *v6 ? all_of(options_v6) : all_of(options_v4));
}

Result<> set_receive_info(RawHandle handle, DatagramInfo info) noexcept {
    const auto v6 = is_v6(handle);
    if (!v6) return std::unexpected(v6.error());
    const auto own = *v6 ? std::span<const Option>(options_v6) : std::span<const Option>(options_v4);
    const auto supported = all_of(options_of_all, *v6 ? all_of(options_v6) : all_of(options_v4));
    if ((info & supported) != info) return std::unexpected(Errc::unsupported);
    if (auto set = set_options(handle, own, info); !set) return set;
    if (*v6) {
        // For IPv4 datagrams of a dual-stack socket. Not all systems allow these options there. The address needs
        // none: IPV6_RECVPKTINFO reports it in its mapped form.
        for (const auto& option : options_v4) {
            if (option.info == DatagramInfo::local_ip) continue;
            static_cast<void>(set_flag(handle, option.level, option.name, has(info, option.info)));
        }
    }
#if defined(SO_TS_CLOCK) && defined(SO_TS_REALTIME) // FreeBSD: nanoseconds instead of microseconds
    if (has(info, DatagramInfo::received_at)) {
        if (auto set = set_count(handle, SOL_SOCKET, SO_TS_CLOCK, SO_TS_REALTIME); !set) return set;
    }
#endif
    return set_options(handle, options_of_all, info);
}

Result<DatagramInfo> receive_info(RawHandle handle) noexcept {
    const auto v6 = is_v6(handle);
    if (!v6) return std::unexpected(v6.error());
    auto info = DatagramInfo::none;
    const auto own = *v6 ? std::span<const Option>(options_v6) : std::span<const Option>(options_v4);
    if (auto got = get_options(handle, own, info); !got) return std::unexpected(got.error());
    if (auto got = get_options(handle, options_of_all, info); !got) return std::unexpected(got.error());
    return info;
}

} // namespace mio::net
