// Timers of mio.time and coroutines of mio.async, with the latency of each operation.

#include "std.hpp"

#include "harness/stopwatch.hpp"
#include "workloads/timers.hpp"

#include "contestants/mio_async.hpp"
#include "contestants/mio_timers.hpp"

#include "bench_latencies.hpp"

namespace probe::bench {

namespace {

using namespace std::chrono_literals;

constexpr auto short_time = 50us;

mio::async::Loop new_loop() { return must(mio::async::Loop::create(), "Loop::create"); }

using Tcp = std::pair<mio::async::TcpStream, mio::async::TcpStream>;

mio::async::Task<mio::Result<Tcp>> tcp_pair() {
    auto listener = mio::async::TcpListener::bind({mio::net::IpAddress::loopback_v4(), 0});
    if (!listener) co_return std::unexpected(listener.error());
    const auto address = listener->local_address();
    if (!address) co_return std::unexpected(address.error());
    auto connected = co_await mio::async::TcpStream::connect(*address);
    if (!connected) co_return std::unexpected(connected.error());
    auto accepted = co_await listener->accept();
    if (!accepted) co_return std::unexpected(accepted.error());
    co_return Tcp(std::move(*connected), std::move(*accepted));
}

template <class Stream>
mio::async::Task<mio::Result<>> pass(Stream& stream, Latencies& latencies, std::uint64_t& left) {
    std::array<std::byte, 64> buffer{};
    for (;;) {
        const auto got = co_await stream.read(buffer);
        if (!got) co_return std::unexpected(got.error());
        latencies.lap();
        if (--left == 0) co_return {};
        const auto sent = co_await stream.write_all(std::span(buffer).first(*got));
        if (!sent) co_return std::unexpected(sent.error());
    }
}

template <class Stream>
mio::async::Task<mio::Result<::bench::Sample>> pass_between(Stream& one, Stream& other, Latencies& latencies,
                                                            std::uint64_t operations) {
    const auto sent = co_await one.write_all(std::as_bytes(std::span("", 1)));
    if (!sent) co_return std::unexpected(sent.error());
    auto left = operations;
    latencies.begin();
    const ::bench::Stopwatch stopwatch;
    const auto [first, results] =
        co_await mio::async::when_any(pass(one, latencies, left), pass(other, latencies, left));
    const auto& passed = first == 0 ? std::get<0>(results) : std::get<1>(results);
    if (!passed) co_return std::unexpected(passed.error());
    co_return stopwatch.per(operations);
}

// A byte that two coroutines pass to each other.
Measurement coroutine(std::uint64_t operations) {
    return measured([&](Latencies latencies) {
        auto loop = new_loop();
        const auto measure = [&](auto pair) {
            return probe::must(
                probe::must(run(loop, pass_between(pair.first, pair.second, latencies, operations)), "run"),
                "read, write");
        };
        // As in the bare loop, where the system has such pairs.
        if (auto pair = mio::async::UnixStream::pair()) return measure(std::move(*pair));
        return measure(must(must(run(loop, tcp_pair()), "run"), "connect"));
    });
}

mio::async::Task<> sleep_often(std::uint64_t operations, Measurement& measurement) {
    static_cast<void>(co_await mio::async::sleep_for(short_time)); // warms up
    const auto start = Clock::now();
    for (std::uint64_t i = 0; i < operations; ++i) {
        const auto due = mio::time::after(short_time);
        static_cast<void>(co_await mio::async::sleep_until(due));
        measurement.latencies.record(Clock::now() - due);
    }
    measurement.time = Clock::now() - start;
}

Measurement sleep(std::uint64_t operations) {
    Measurement measurement;
    auto loop = new_loop();
    must(run(loop, sleep_often(operations, measurement)), "run");
    return measurement;
}

// The rest end a lap after each 1,000 operations, since the cost of one is below that of reading the clock.

Measurement timers(std::uint64_t operations) {
    return measured([&](Latencies latencies) {
        using Timers = ::bench::Timers<::bench::MioTimers, Latencies>;
        auto sample = Timers(1'000, latencies).limit(operations * Timers::batch);
        sample.time_ns *= Timers::batch;
        return sample;
    });
}

using Coroutines = ::bench::MioAsync<Latencies>;

template <void (Coroutines::*workload)(std::uint64_t)> Measurement batches(std::uint64_t operations) {
    return measured([&](Latencies latencies) {
        Coroutines program(latencies);
        const ::bench::Stopwatch stopwatch;
        (program.*workload)(operations * ::bench::async_batch);
        return stopwatch.per(operations);
    });
}

} // namespace

AsyncRounds async_rounds() {
    return {.coroutine = coroutine,
            .sleep = sleep,
            .timers = timers,
            .await = batches<&Coroutines::await>,
            .spawn = batches<&Coroutines::spawn>};
}

} // namespace probe::bench
