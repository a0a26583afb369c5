// Timers of mio.time and coroutines of mio.async, with the latency of each operation.

#include "std.hpp"

#include <coroutine>

#include "bench.hpp"

import mio.async;
import mio.time;

namespace probe::bench {

namespace {

using namespace std::chrono_literals;

constexpr auto short_time = 50us;
// The cost of one is below that of reading the clock.
constexpr std::uint64_t per_operation = 1'000;

mio::async::Loop new_loop() { return must(mio::async::Loop::create(), "Loop::create"); }

// Records the time from one call to the next, and counts the remaining operations.
class Laps {
  public:
    Laps(Measurement& measurement, std::uint64_t operations)
        : measurement_(&measurement), left_(operations) {}

    void begin() { start_ = last_ = Clock::now(); }
    // False once all operations are done.
    bool lap() {
        const auto now = Clock::now();
        measurement_->latencies.record(now - last_);
        last_ = now;
        measurement_->time = now - start_;
        return --left_ != 0;
    }

  private:
    Measurement* measurement_;
    std::uint64_t left_;
    Clock::time_point start_;
    Clock::time_point last_;
};

// ---- A byte that two coroutines pass to each other

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

template <class Stream> mio::async::Task<mio::Result<>> pass(Stream& stream, Laps& laps) {
    std::array<std::byte, 64> buffer{};
    for (;;) {
        const auto got = co_await stream.read(buffer);
        if (!got) co_return std::unexpected(got.error());
        if (!laps.lap()) co_return {};
        const auto sent = co_await stream.write_all(std::span(buffer).first(*got));
        if (!sent) co_return std::unexpected(sent.error());
    }
}

template <class Stream> mio::async::Task<mio::Result<>> pass_between(Stream& one, Stream& other, Laps& laps) {
    const auto sent = co_await one.write_all(std::as_bytes(std::span("", 1)));
    if (!sent) co_return std::unexpected(sent.error());
    laps.begin();
    auto [first, results] = co_await mio::async::when_any(pass(one, laps), pass(other, laps));
    co_return first == 0 ? std::get<0>(results) : std::get<1>(results);
}

Measurement coroutine(std::uint64_t operations) {
    Measurement measurement;
    auto loop = new_loop();
    Laps laps(measurement, operations);
    const auto measure = [&](auto pair) {
        must(must(run(loop, pass_between(pair.first, pair.second, laps)), "run"), "read, write");
    };
    // As in the bare loop, where the system has such pairs.
    if (auto pair = mio::async::UnixStream::pair()) {
        measure(std::move(*pair));
    } else {
        measure(must(must(run(loop, tcp_pair()), "run"), "connect"));
    }
    return measurement;
}

// ---- Timers

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

// Limits of 30 s that do not expire, beside those of many connections.
Measurement timers(std::uint64_t operations) {
    constexpr std::size_t others = 1'000;
    mio::time::Timers timers(others + 1);
    for (std::size_t i = 0; i < others; ++i)
        must(timers.insert(mio::time::after(std::chrono::milliseconds(30'000 + i)), {i}), "Timers::insert");
    Measurement measurement;
    Laps laps(measurement, operations);
    laps.begin();
    do {
        const auto due = mio::time::after(30s);
        for (std::uint64_t i = 0; i < per_operation; ++i)
            timers.cancel(must(timers.insert(due, {others}), "Timers::insert"));
    } while (laps.lap());
    return measurement;
}

// ---- Coroutines that end at once

mio::async::Task<std::uint64_t> return_at_once(std::uint64_t value) { co_return value; }

mio::async::Task<std::uint64_t> await_often(Laps& laps) {
    std::uint64_t sum = 0;
    laps.begin();
    do {
        for (std::uint64_t i = 0; i < per_operation; ++i) sum += co_await return_at_once(i);
    } while (laps.lap());
    co_return sum;
}

Measurement await(std::uint64_t operations) {
    Measurement measurement;
    auto loop = new_loop();
    Laps laps(measurement, operations);
    static_cast<void>(must(run(loop, await_often(laps)), "run"));
    return measurement;
}

mio::async::Task<> count_up(std::uint64_t& count) {
    ++count;
    co_return;
}

mio::async::Task<> spawn_often(Laps& laps) {
    const auto context = co_await mio::async::this_context();
    std::uint64_t ended = 0;
    laps.begin();
    do {
        mio::async::Group group(context);
        for (std::uint64_t i = 0; i < per_operation; ++i) group.spawn(count_up(ended));
        static_cast<void>(co_await group.join());
    } while (laps.lap());
}

Measurement spawn(std::uint64_t operations) {
    Measurement measurement;
    auto loop = new_loop();
    Laps laps(measurement, operations);
    must(run(loop, spawn_often(laps)), "run");
    return measurement;
}

} // namespace

AsyncRounds async_rounds() {
    return {.coroutine = coroutine, .sleep = sleep, .timers = timers, .await = await, .spawn = spawn};
}

} // namespace probe::bench
