// The error queue of Linux.

module;

#include <time.h>

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>

module mio.net.udp;

import mio.core.error;
import mio.core.handle;
import mio.core.types;
import mio.net.address;
import mio.net.ancillary;
import mio.net.sockaddr;
import mio.os;
import mio.std;

namespace mio::net {
namespace {

ErrorOrigin origin_of(const ::sock_extended_err& entry) noexcept {
    switch (entry.ee_origin) {
    case SO_EE_ORIGIN_LOCAL: return ErrorOrigin::local;
    case SO_EE_ORIGIN_ICMP: return ErrorOrigin::icmp;
    case SO_EE_ORIGIN_ICMP6: return ErrorOrigin::icmp_v6;
    case SO_EE_ORIGIN_ZEROCOPY: return ErrorOrigin::zero_copy;
    default: return ErrorOrigin::other;
    }
}

// `payload` is a sock_extended_err, followed by the address of the ICMP message's sender.
void read_entry(std::span<const std::byte> payload, DatagramError& result) noexcept {
    const auto entry = payload_as<::sock_extended_err>(payload);
    if (!entry) return;
    result.origin = origin_of(*entry);
    if (result.origin == ErrorOrigin::zero_copy) {
        result.first_sent = entry->ee_info;
        result.last_sent = entry->ee_data;
        result.was_copied = (entry->ee_code & SO_EE_CODE_ZEROCOPY_COPIED) != 0;
        return;
    }
    if (entry->ee_errno != 0) result.error = {static_cast<int>(entry->ee_errno), os_category()};
    if (result.origin == ErrorOrigin::other) return;
    result.icmp_type = entry->ee_type;
    result.icmp_code = entry->ee_code;
    if (entry->ee_errno == EMSGSIZE) result.mtu = entry->ee_info;
    const auto rest = payload.subspan(sizeof *entry);
    OsAddress offender; // its family is AF_UNSPEC if there is none
    offender.length = static_cast<::socklen_t>(std::min(rest.size(), sizeof offender.storage));
    std::memcpy(&offender.storage, rest.data(), offender.size());
    if (const auto address = from_os(offender)) result.offender = address->ip();
}

bool is_entry(int level, int type) noexcept {
    return (level == IPPROTO_IP && type == IP_RECVERR) || (level == IPPROTO_IPV6 && type == IPV6_RECVERR);
}

Result<DatagramError> take_entry(RawHandle handle, std::span<std::byte> buffer) noexcept {
    // The entry follows the properties that `set_receive_info` has requested.
    struct {
        alignas(::cmsghdr) std::byte bytes[512];
    } control;
    ::iovec vector{buffer.data(), buffer.size()};
    OsAddress destination;
    ::msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_name = destination.get();
    message.msg_namelen = destination.length;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    const auto size = os::check_count(::recvmsg(handle, &message, MSG_ERRQUEUE | MSG_DONTWAIT));
    if (!size) return std::unexpected(size.error());
    DatagramError result;
    result.size = *size;
    destination.length = message.msg_namelen;
    result.destination = from_os(destination).value_or(SocketAddress());
    for_each_control(message, [&](int level, int type, std::span<const std::byte> payload) {
        if (is_entry(level, type)) read_entry(payload, result);
    });
    return result;
}

} // namespace

Result<> UdpSocket::set_receive_errors(bool on) const noexcept {
    const auto v6 = is_v6(raw());
    if (!v6) return std::unexpected(v6.error());
    if (*v6) {
        if (auto set = set_flag(raw(), IPPROTO_IPV6, IPV6_RECVERR, on); !set) return set;
    }
    // An IPv6 socket needs it for IPv4 peers.
    return set_flag(raw(), IPPROTO_IP, IP_RECVERR, on);
}

Result<bool> UdpSocket::receive_errors() const noexcept {
    const auto v6 = is_v6(raw());
    if (!v6) return std::unexpected(v6.error());
    return *v6 ? get_flag(raw(), IPPROTO_IPV6, IPV6_RECVERR) : get_flag(raw(), IPPROTO_IP, IP_RECVERR);
}

Result<DatagramError> UdpSocket::receive_error(std::span<std::byte> buffer) const noexcept {
    auto taken = take_entry(raw(), buffer);
    if (!taken) {
        // A backend that emulates edges reports the next entry once it knows that there was none. Would-block would
        // not do: it concerns the datagrams to receive, not the errors.
        static_cast<void>(try_io(Interest::readable, []() -> Result<> {
            return std::unexpected(os_error(std::errc::no_message));
        }));
    }
    return taken;
}

Result<> UdpSocket::set_zero_copy(bool on) const noexcept {
    return set_flag(raw(), SOL_SOCKET, SO_ZEROCOPY, on);
}
Result<bool> UdpSocket::zero_copy() const noexcept { return get_flag(raw(), SOL_SOCKET, SO_ZEROCOPY); }

Result<std::size_t>
UdpSocket::send_many_zero_copy(std::span<const OutgoingDatagram> datagrams) const noexcept {
    return send_many_with_flags(datagrams, MSG_ZEROCOPY);
}

} // namespace mio::net
