// Many datagrams per system call: Linux, FreeBSD, NetBSD and OpenBSD.

module;

#include <sys/socket.h>
#include <sys/uio.h>

module mio.net.udp;

import mio.core.error;
import mio.core.handle;
import mio.core.types;
import mio.net.address;
import mio.net.ancillary;
import mio.net.sockaddr;
import mio.net.sockio;
import mio.os;
import mio.std;

namespace mio::net {
namespace {

constexpr SocketAddress connected_peer{};
constexpr std::size_t batch_size = 64; // 30 KiB of stack; larger batches gain little

// Flags of sendmmsg, which are unsigned on NetBSD.
struct SendFlags {
    int value;
    template <class Native> operator Native() const noexcept { return static_cast<Native>(value); }
};

Result<std::size_t> send_batch(RawHandle handle, std::span<const OutgoingDatagram> datagrams,
                               int flags) noexcept {
    // Not cleared: a call seldom needs all of them.
    std::array<::mmsghdr, batch_size> messages;
    std::array<::iovec, batch_size> vectors;
    std::array<OsAddress, batch_size> peers;
    std::array<Control, batch_size> controls;
    ControlWriter writer(handle);
    for (std::size_t i = 0; i < datagrams.size(); ++i) {
        const auto& datagram = datagrams[i];
        vectors[i] = {const_cast<std::byte*>(datagram.bytes.data()), datagram.bytes.size()}; // not modified
        messages[i] = {};
        auto& message = messages[i].msg_hdr;
        message.msg_iov = &vectors[i];
        message.msg_iovlen = 1;
        if (datagram.peer != connected_peer) {
            ::new (&peers[i]) OsAddress(to_os(datagram.peer));
            message.msg_name = peers[i].get();
            message.msg_namelen = peers[i].length;
        }
        if (!has_properties(datagram)) [[likely]]
            continue;
        if (const auto written = writer.write(datagram, message, controls[i]); !written) {
            if (i == 0) return std::unexpected(written.error());
            datagrams = datagrams.first(i); // the next call reports the error
        }
    }
    return os::check_count(::sendmmsg(handle, messages.data(), static_cast<unsigned>(datagrams.size()),
                                      SendFlags{no_signal | flags}));
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
        datagram.size = static_cast<std::size_t>(messages[i].msg_len);
        datagram.peer = from_os(senders[i]).value_or(SocketAddress());
        datagram.truncated = (message.msg_flags & MSG_TRUNC) != 0;
        read_control(message, datagram);
    }
    return count;
}

// Sends batches until one is short. Datagrams sent before an error count. The error of an invalid datagram is
// reported again by the next call; a pending error, from ICMP, is lost if it ends a batch of sendmmsg. See BUGS in
// sendmmsg(2).
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
    return send_many_with_flags(datagrams, 0);
}

Result<std::size_t> UdpSocket::send_many_with_flags(std::span<const OutgoingDatagram> datagrams,
                                                    int flags) const noexcept {
    // Each batch is a separate operation, so the error that ends the loop is recorded, too.
    const auto count = in_batches(datagrams, [this, flags](auto chunk) {
        return try_io(Interest::writable, [&] { return send_batch(raw(), chunk, flags); });
    });
    if (count && *count < datagrams.size()) exhausted(Interest::writable);
    return count;
}

Result<std::size_t> UdpSocket::receive_many(std::span<IncomingDatagram> datagrams) const noexcept {
    // Each batch is a separate operation, so the error that ends the loop is recorded, too.
    const auto count = in_batches(datagrams, [this](auto chunk) {
        return try_io(Interest::readable, [&] { return receive_batch(raw(), chunk); });
    });
    if (count && *count < datagrams.size()) exhausted(Interest::readable);
    return count;
}

} // namespace mio::net
