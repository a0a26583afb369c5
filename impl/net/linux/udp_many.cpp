// Many datagrams in one system call, and the offloads of Linux.

module;

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <span>
#include <system_error>

module mio.net.udp;

import mio.core.error;
import mio.core.handle;
import mio.core.types;
import mio.net.address;
import mio.net.sockaddr;
import mio.os;

namespace mio::net {
namespace {

constexpr std::size_t batch_size = 64; // 15 KiB of stack, and the gain has long levelled off

// Room for the length of a segment, an int, which is all that is asked for.
struct Control {
    alignas(::cmsghdr) std::byte bytes[CMSG_SPACE(sizeof(int))];
};

std::uint16_t segment_size_in(::msghdr& message) noexcept {
    for (auto* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != IPPROTO_UDP || header->cmsg_type != UDP_GRO) continue;
        int size = 0;
        std::memcpy(&size, CMSG_DATA(header), sizeof size);
        return static_cast<std::uint16_t>(size);
    }
    return 0;
}

Result<std::size_t> send_batch(RawHandle handle, std::span<const OutgoingDatagram> datagrams) noexcept {
    // Not cleared: a call seldom needs all of them.
    std::array<::mmsghdr, batch_size> messages;
    std::array<::iovec, batch_size> vectors;
    std::array<OsAddress, batch_size> peers;
    for (std::size_t i = 0; i < datagrams.size(); ++i) {
        const auto& datagram = datagrams[i];
        vectors[i] = {const_cast<std::byte*>(datagram.bytes.data()), datagram.bytes.size()}; // only read
        messages[i] = {};
        auto& message = messages[i].msg_hdr;
        message.msg_iov = &vectors[i];
        message.msg_iovlen = 1;
        if (datagram.peer == SocketAddress()) continue;
        peers[i] = to_os(datagram.peer);
        message.msg_name = peers[i].get();
        message.msg_namelen = peers[i].length;
    }
    return os::check_count(
        ::sendmmsg(handle, messages.data(), static_cast<unsigned>(datagrams.size()), MSG_NOSIGNAL));
}

Result<std::size_t> receive_batch(RawHandle handle, std::span<IncomingDatagram> datagrams) noexcept {
    std::array<::mmsghdr, batch_size> messages;
    std::array<::iovec, batch_size> vectors;
    std::array<OsAddress, batch_size> senders;
    std::array<Control, batch_size> controls;
    for (std::size_t i = 0; i < datagrams.size(); ++i) {
        vectors[i] = {datagrams[i].buffer.data(), datagrams[i].buffer.size()};
        messages[i] = {};
        auto& message = messages[i].msg_hdr;
        message.msg_iov = &vectors[i];
        message.msg_iovlen = 1;
        message.msg_name = senders[i].get();
        message.msg_namelen = senders[i].length;
        message.msg_control = controls[i].bytes;
        message.msg_controllen = sizeof controls[i].bytes;
    }
    const auto count = os::check_count(
        ::recvmmsg(handle, messages.data(), static_cast<unsigned>(datagrams.size()), MSG_DONTWAIT, nullptr));
    if (!count) return count;
    for (std::size_t i = 0; i < *count; ++i) {
        auto& datagram = datagrams[i];
        auto& message = messages[i].msg_hdr;
        senders[i].length = message.msg_namelen;
        datagram.size = messages[i].msg_len;
        datagram.peer = from_os(senders[i]).value_or(SocketAddress());
        datagram.truncated = (message.msg_flags & MSG_TRUNC) != 0;
        datagram.segment_size = segment_size_in(message);
    }
    return count;
}

// Batch after batch until one comes short. What went before an error counts. The error of a bad datagram comes again
// with the next call; a pending one, from ICMP, is gone, as it is when it ends a batch of sendmmsg.
// See BUGS in sendmmsg(2).
template <class Datagram, class Batch>
Result<std::size_t> in_batches(std::span<Datagram> datagrams, Batch&& batch) noexcept {
    std::size_t done = 0;
    while (done < datagrams.size()) {
        const auto chunk = datagrams.subspan(done, std::min(datagrams.size() - done, batch_size));
        const auto count = batch(chunk);
        if (!count) return done == 0 ? count : Result<std::size_t>(done);
        done += *count;
        if (*count < chunk.size()) break;
    }
    return done;
}

} // namespace

Result<std::size_t> UdpSocket::send_many(std::span<const OutgoingDatagram> datagrams) const noexcept {
    return try_io(Interest::writable, [&] {
        return in_batches(datagrams, [this](auto chunk) { return send_batch(raw(), chunk); });
    });
}

Result<std::size_t> UdpSocket::receive_many(std::span<IncomingDatagram> datagrams) const noexcept {
    return try_io(Interest::readable, [&] {
        return in_batches(datagrams, [this](auto chunk) { return receive_batch(raw(), chunk); });
    });
}

Result<> UdpSocket::set_segment_size(std::uint16_t bytes) const noexcept {
    return set_count(raw(), IPPROTO_UDP, UDP_SEGMENT, bytes);
}
Result<std::uint16_t> UdpSocket::segment_size() const noexcept {
    const auto size = get_count(raw(), IPPROTO_UDP, UDP_SEGMENT);
    if (!size) return std::unexpected(size.error());
    return static_cast<std::uint16_t>(*size);
}
Result<> UdpSocket::set_receive_offload(bool on) const noexcept {
    return set_flag(raw(), IPPROTO_UDP, UDP_GRO, on);
}
Result<bool> UdpSocket::receive_offload() const noexcept { return get_flag(raw(), IPPROTO_UDP, UDP_GRO); }

} // namespace mio::net
