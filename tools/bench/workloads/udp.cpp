// Receiving 64 small datagrams: with one call for all of them, with one for each, and joined by the kernel. Only receiving
// is timed. The peers have no loop here to compare: what counts is how datagrams are taken from the socket.

#include "harness/failure.hpp"
#include "harness/stopwatch.hpp"
#include "harness/suite.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

import mio;

namespace bench {
namespace {

using mio::net::IncomingDatagram;
using mio::net::OutgoingDatagram;
using mio::net::UdpSocket;

constexpr std::size_t burst = 64;
constexpr std::size_t size = 16;
constexpr std::size_t room = 64;

template <class T> T must(mio::Result<T> result, const char* what) {
    if (!result) [[unlikely]]
        fail(what, result.error().value());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

struct Pair {
    UdpSocket sender = must(UdpSocket::bind({mio::net::IpAddress::loopback_v4(), 0}), "bind");
    UdpSocket receiver = must(UdpSocket::bind({mio::net::IpAddress::loopback_v4(), 0}), "bind");
    std::array<std::byte, size> bytes{};
    std::vector<OutgoingDatagram> outgoing{burst, {bytes, must(receiver.local_address(), "local_address")}};

    void send() const {
        if (must(sender.send_many(outgoing), "send_many") != outgoing.size()) fail("send_many");
    }
    void await() const {
        ::pollfd record{.fd = receiver.raw(), .events = POLLIN, .revents = 0};
        if (::poll(&record, 1, -1) != 1) fail("poll");
    }
};

/// Times `receive`, which receives what it can and returns the number of datagrams. More than one call for a burst
/// is needed only when the kernel put off delivering some of it.
template <class F> Sample receive_bursts(const Pair& pair, std::uint64_t operations, F&& receive) {
    Sample sum{.time_ns = 0, .processor_ns = 0};
    std::uint64_t count = 0;
    while (count < operations) {
        pair.send();
        for (std::size_t received = 0; received < burst;) {
            pair.await();
            const Stopwatch stopwatch;
            received += receive();
            const auto sample = stopwatch.per(1);
            sum.time_ns += sample.time_ns;
            sum.processor_ns += sample.processor_ns;
        }
        count += burst;
    }
    const auto all = static_cast<double>(count);
    return {.time_ns = sum.time_ns / all, .processor_ns = sum.processor_ns / all};
}

Sample many_bare(std::uint64_t operations) {
    const Pair pair;
    std::array<std::array<std::byte, room>, burst> bytes;
    std::array<::iovec, burst> vectors;
    std::array<::sockaddr_in, burst> senders;
    std::array<::mmsghdr, burst> messages{};
    for (std::size_t i = 0; i < burst; ++i) {
        vectors[i] = {bytes[i].data(), room};
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        messages[i].msg_hdr.msg_name = &senders[i];
    }
    return receive_bursts(pair, operations, [&] {
        for (auto& message : messages) message.msg_hdr.msg_namelen = sizeof senders[0];
        return static_cast<std::size_t>(bench::must(
            ::recvmmsg(pair.receiver.raw(), messages.data(), burst, MSG_DONTWAIT, nullptr), "recvmmsg"));
    });
}

Sample single_bare(std::uint64_t operations) {
    const Pair pair;
    std::array<std::byte, room> bytes;
    ::sockaddr_in sender{};
    return receive_bursts(pair, operations, [&] {
        std::size_t count = 0;
        while (count < burst) {
            ::socklen_t length = sizeof sender;
            const auto received = ::recvfrom(pair.receiver.raw(), bytes.data(), bytes.size(), 0,
                                             reinterpret_cast<::sockaddr*>(&sender), &length);
            if (received == -1) {
                if (errno != EAGAIN) fail("recvfrom");
                break;
            }
            ++count;
        }
        return count;
    });
}

Sample many_mio(std::uint64_t operations) {
    const Pair pair;
    std::array<std::array<std::byte, room>, burst> bytes;
    std::array<IncomingDatagram, burst> slots;
    for (std::size_t i = 0; i < burst; ++i) slots[i].buffer = bytes[i];
    return receive_bursts(pair, operations,
                          [&] { return must(pair.receiver.receive_many(slots), "receive_many"); });
}

Sample single_mio(std::uint64_t operations) {
    const Pair pair;
    std::array<std::byte, room> bytes;
    return receive_bursts(pair, operations, [&] {
        std::size_t count = 0;
        while (count < burst) {
            const auto received = pair.receiver.receive_from(bytes);
            if (!received) break;
            ++count;
        }
        return count;
    });
}

Sample joined_mio(std::uint64_t operations) {
    Pair pair;
    std::array<std::byte, size * burst> joined{};
    pair.outgoing = {{joined, must(pair.receiver.local_address(), "local_address")}};
    must(pair.sender.set_segment_size(size), "set_segment_size");
    must(pair.receiver.set_receive_offload(true), "set_receive_offload");
    std::array<std::byte, 65'535> bytes;
    IncomingDatagram slot{.buffer = bytes};
    return receive_bursts(pair, operations, [&] {
        must(pair.receiver.receive_many({&slot, 1}), "receive_many");
        return slot.size / size;
    });
}

} // namespace

void enter_udp(Suite& suite) {
    const Workload udp{"udp", "receiving a datagram of 16 bytes, 64 at a time", 20'000};
    suite.enter(udp, "bare", many_bare);
    suite.enter(udp, "bare-single", single_bare);
    suite.enter(udp, "mio", many_mio);
    suite.enter(udp, "mio-single", single_mio);
    suite.enter(udp, "mio-joined", joined_mio);
}

} // namespace bench
