// Each loop twice: on this library, and on the bare system calls. What counts is the ratio of the two within one run:
//
//     cmake --preset linux -DMIO_BUILD_BENCHMARKS=ON && cmake --build --preset linux --target mio-bench
//     build/linux/tools/bench/mio-bench --benchmark_enable_random_interleaving=true --benchmark_repetitions=9 \
//         --benchmark_report_aggregates_only=true

#include <benchmark/benchmark.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <utility>

import mio;

namespace {

using mio::net::TcpStream;

template <class T> T must(mio::Result<T> result) {
    if (!result) std::abort();
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

std::array<TcpStream, 2> connected_pair() {
    auto listener = must(mio::net::TcpListener::bind({mio::net::IpAddress::loopback_v4(), 0}));
    auto client = must(TcpStream::connect(must(listener.local_address())));
    mio::Poll poll = must(mio::Poll::create());
    mio::Events events(1);
    must(poll.registry().add(listener, {}, mio::Interest::readable));
    must(poll.poll(events));
    auto server = must(listener.accept()).first;
    must(client.set_nodelay(true));
    must(server.set_nodelay(true));
    return {std::move(client), std::move(server)};
}

// One byte goes to and fro between two sockets; each pass is one event, one read and one write.

void pingpong_mio(benchmark::State& state) {
    auto poll = must(mio::Poll::create());
    mio::Events events(64);
    auto pair = connected_pair();
    must(poll.registry().add(pair[0], mio::Token{0}, mio::Interest::readable));
    must(poll.registry().add(pair[1], mio::Token{1}, mio::Interest::readable));
    std::array<std::byte, 64> buffer{};
    must(pair[0].write(std::span(buffer).first(1)));
    for ([[maybe_unused]] auto _ : state) {
        must(poll.poll(events));
        for (const auto& event : events) {
            auto& stream = pair[event.token().value];
            must(stream.write(std::span(buffer).first(must(stream.read(buffer)))));
        }
    }
}
BENCHMARK(pingpong_mio);

void pingpong_bare(benchmark::State& state) {
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    auto pair = connected_pair();
    for (std::uint64_t i = 0; i < 2; ++i) {
        ::epoll_event record{.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data = {.u64 = i}};
        if (::epoll_ctl(epoll, EPOLL_CTL_ADD, pair[i].raw(), &record) != 0) std::abort();
    }
    std::array<::epoll_event, 64> records{};
    std::array<std::byte, 64> buffer{};
    must(pair[0].write(std::span(buffer).first(1)));
    for ([[maybe_unused]] auto _ : state) {
        const int count = ::epoll_wait(epoll, records.data(), static_cast<int>(records.size()), -1);
        for (int i = 0; i < count; ++i) {
            const int fd = pair[records[static_cast<std::size_t>(i)].data.u64].raw();
            const auto got = ::recv(fd, buffer.data(), buffer.size(), 0);
            if (::send(fd, buffer.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL) != got) std::abort();
        }
    }
    ::close(epoll);
}
BENCHMARK(pingpong_bare);

// A thread that wakes while the wake before is still pending: what each further wake costs.

void wake_mio(benchmark::State& state) {
    auto poll = must(mio::Poll::create());
    auto waker = must(mio::Waker::create(poll.registry(), {}));
    for ([[maybe_unused]] auto _ : state) must(waker.wake());
}
BENCHMARK(wake_mio);

void wake_bare(benchmark::State& state) {
    const int eventfd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    const std::uint64_t one = 1;
    for ([[maybe_unused]] auto _ : state) {
        if (::write(eventfd, &one, sizeof one) != sizeof one) std::abort();
    }
    ::close(eventfd);
}
BENCHMARK(wake_bare);

} // namespace
