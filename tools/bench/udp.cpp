// Receiving 64 small datagrams: with one call for all of them, with one for each, with the bare system call, and joined
// by the kernel. Sending them is not timed.

#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <utility>
#include <vector>

import mio;

namespace {

using mio::net::IncomingDatagram;
using mio::net::OutgoingDatagram;
using mio::net::SocketAddress;
using mio::net::UdpSocket;

constexpr std::size_t burst = 64;
constexpr std::size_t room = 64;

template <class T> T must(mio::Result<T> result) {
    if (!result) std::abort();
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

struct Pair {
    UdpSocket sender = must(UdpSocket::bind({mio::net::IpAddress::loopback_v4(), 0}));
    UdpSocket receiver = must(UdpSocket::bind({mio::net::IpAddress::loopback_v4(), 0}));
    std::array<std::byte, 16> bytes{};
    std::vector<OutgoingDatagram> outgoing{burst, {bytes, must(receiver.local_address())}};

    void send() const {
        if (must(sender.send_many(outgoing)) != outgoing.size()) std::abort();
    }
    void await() const {
        ::pollfd record{.fd = receiver.raw(), .events = POLLIN, .revents = 0};
        if (::poll(&record, 1, -1) != 1) std::abort();
    }
};

/// What this thread has used; unlike the time of day, it leaves out what else the machine does.
std::chrono::nanoseconds processor_time() {
    ::timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

/// Times `receive`, which receives what it can and answers how many datagrams that were. More than one call for a burst
/// is needed only when the kernel put off delivering some of it.
template <class F> void receive_bursts(benchmark::State& state, const Pair& pair, F&& receive) {
    for ([[maybe_unused]] auto _ : state) {
        pair.send();
        std::chrono::nanoseconds time{};
        for (std::size_t received = 0; received < burst;) {
            pair.await();
            const auto start = processor_time();
            received += receive();
            time += processor_time() - start;
        }
        state.SetIterationTime(std::chrono::duration<double>(time).count());
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(burst));
}

void receive_64_many(benchmark::State& state) {
    const Pair pair;
    std::array<std::array<std::byte, room>, burst> bytes;
    std::array<IncomingDatagram, burst> slots;
    for (std::size_t i = 0; i < burst; ++i) slots[i].buffer = bytes[i];
    receive_bursts(state, pair, [&] { return must(pair.receiver.receive_many(slots)); });
}
BENCHMARK(receive_64_many)->UseManualTime();

void receive_64_single(benchmark::State& state) {
    const Pair pair;
    std::array<std::byte, room> bytes;
    receive_bursts(state, pair, [&] {
        std::size_t count = 0;
        while (count < burst) {
            const auto received = pair.receiver.receive_from(bytes);
            if (!received) break;
            benchmark::DoNotOptimize(*received);
            ++count;
        }
        return count;
    });
}
BENCHMARK(receive_64_single)->UseManualTime();

void receive_64_bare(benchmark::State& state) {
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
    receive_bursts(state, pair, [&] {
        for (auto& message : messages) message.msg_hdr.msg_namelen = sizeof senders[0];
        const int count = ::recvmmsg(pair.receiver.raw(), messages.data(), burst, MSG_DONTWAIT, nullptr);
        if (count == -1) std::abort();
        return static_cast<std::size_t>(count);
    });
}
BENCHMARK(receive_64_bare)->UseManualTime();

void receive_64_joined(benchmark::State& state) {
    Pair pair;
    std::array<std::byte, 16 * burst> joined{};
    pair.outgoing = {{joined, must(pair.receiver.local_address())}};
    must(pair.sender.set_segment_size(16));
    must(pair.receiver.set_receive_offload(true));
    std::array<std::byte, 65'535> bytes;
    IncomingDatagram slot{.buffer = bytes};
    receive_bursts(state, pair, [&] {
        must(pair.receiver.receive_many({&slot, 1}));
        return slot.size / 16;
    });
}
BENCHMARK(receive_64_joined)->UseManualTime();

/// What `receive_many` costs when it is given room for one only.
void receive_1_many(benchmark::State& state) {
    const Pair pair;
    std::array<std::array<std::byte, room>, burst> bytes;
    std::array<IncomingDatagram, burst> slots;
    for (std::size_t i = 0; i < burst; ++i) slots[i].buffer = bytes[i];
    receive_bursts(state, pair, [&] {
        std::size_t count = 0;
        while (count < burst) {
            const auto received = pair.receiver.receive_many(std::span(slots).first(1));
            if (!received) break;
            count += *received;
        }
        return count;
    });
}
BENCHMARK(receive_1_many)->UseManualTime();

} // namespace
