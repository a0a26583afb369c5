// Durations and deadlines of any unit; values that are too long saturate.
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <ratio>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support.hpp"

using namespace test;
namespace chrono = std::chrono;
using Clock = chrono::steady_clock;
using Weeks = chrono::duration<std::int64_t, std::ratio<604'800>>;
using Seconds = chrono::duration<double>;
using UnsignedSeconds = chrono::duration<std::uint64_t>;
using Picoseconds = chrono::duration<std::int64_t, std::pico>;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

struct Call {
    std::string name;
    std::function<mio::Result<>(mio::Poll&, mio::Events&)> poll;
};

template <class Duration> Call of(std::string name, Duration timeout) {
    return {std::move(name),
            [timeout](mio::Poll& poll, mio::Events& events) { return poll.poll(events, timeout); }};
}
template <class Duration> Call optionally(std::string name, Duration timeout) {
    return of("optional " + std::move(name), std::optional(timeout));
}
template <class Duration> Call until(std::string name, Duration since_epoch) {
    const chrono::time_point<Clock, Duration> deadline(since_epoch);
    return {"until " + std::move(name),
            [deadline](mio::Poll& poll, mio::Events& events) { return poll.poll_until(events, deadline); }};
}

} // namespace

TEST(Durations, TooLongToRepresentWaitForAnEvent) {
    const std::vector<Call> calls{
        of("nanoseconds", chrono::nanoseconds::max()),
        of("microseconds", chrono::microseconds::max()),
        of("milliseconds", chrono::milliseconds::max()),
        of("seconds", chrono::seconds::max()),
        of("minutes", chrono::minutes::max()),
        of("hours", chrono::hours::max()),
        of("weeks", Weeks::max()),
        of("unsigned seconds", UnsignedSeconds::max()),
        of("seconds that wrap to a negative number", chrono::seconds(9'223'372'037)),
        of("seconds that wrap to 0", chrono::seconds(std::int64_t{1} << 55)),
        of("infinitely many", Seconds(infinity)),
        of("more than fit", Seconds(1e300)),
        optionally("milliseconds", chrono::milliseconds::max()),
        optionally("hours", chrono::hours::max()),
        until("nanoseconds", chrono::nanoseconds::max()),
        until("seconds", chrono::seconds::max()),
        until("hours", chrono::hours::max()),
        until("infinity", Seconds(infinity)),
    };
    for (const auto& call : calls) {
        for (const auto spin : {chrono::nanoseconds(0), chrono::nanoseconds(1'000)}) {
            Loop loop;
            loop.poll.set_spin(spin);
            const auto waker = must(mio::Waker::create(loop.registry(), Token{9}));
            std::thread waking([&waker] {
                std::this_thread::sleep_for(20ms); // a later wake-up is harmless
                EXPECT_TRUE(ok(waker.wake()));
            });
            EXPECT_TRUE(ok(call.poll(loop.poll, loop.events))) << call.name;
            EXPECT_EQ(loop.events.size(), 1u) << call.name << ": returned early";
            waking.join();
        }
    }
}

TEST(Durations, NegativeDoNotBlock) {
    const std::vector<Call> calls{
        of("nanoseconds", chrono::nanoseconds::min()),
        of("milliseconds", chrono::milliseconds::min()),
        of("seconds", chrono::seconds::min()),
        of("hours", chrono::hours::min()),
        of("seconds that wrap to a positive number", chrono::seconds(-9'223'372'037)),
        of("negative infinity", Seconds(-infinity)),
        of("not a number", Seconds(not_a_number)),
        until("nanoseconds", chrono::nanoseconds::min()),
        until("seconds", chrono::seconds::min()),
        until("hours", chrono::hours::min()),
        until("negative infinity", Seconds(-infinity)),
        until("not a number", Seconds(not_a_number)),
    };
    for (const auto& call : calls) {
        Loop loop;
        // A waker ends the first poll too, possibly much later.
        const auto waker = must(mio::Waker::create(loop.registry(), Token{9}));
        EXPECT_LT(time_of([&] { EXPECT_TRUE(ok(call.poll(loop.poll, loop.events))) << call.name; }),
                  generous_margin)
            << call.name;
        EXPECT_TRUE(loop.events.empty()) << call.name;
    }
}

TEST(Durations, FinerThanANanosecondAreRoundedUp) {
    Loop loop;
    // Whether a wait of less than a nanosecond blocks cannot be measured; this checks that each duration is accepted
    // and does not block for long.
    for (const auto timeout : {Picoseconds(1), Picoseconds(1'000'001)})
        EXPECT_LT(time_of([&] { EXPECT_TRUE(ok(loop.poll.poll(loop.events, timeout))); }), generous_margin);
    EXPECT_GE(time_of([&] { EXPECT_TRUE(ok(loop.poll.poll(loop.events, Seconds(0.005)))); }), 5ms);
    const auto deadline = Clock::now() + Seconds(0.005);
    EXPECT_TRUE(ok(loop.poll.poll_until(loop.events, deadline)));
    EXPECT_GE(Clock::now(), deadline);
}

TEST(Durations, AcceptEveryDocumentedForm) {
    Loop loop;
    const auto waker = must(mio::Waker::create(loop.registry(), Token{9}));
    const std::optional<chrono::nanoseconds> none;
    const std::optional<chrono::nanoseconds> some(1ms);
    const auto check = [&](auto&&... timeout) {
        ASSERT_TRUE(ok(waker.wake()));
        EXPECT_TRUE(ok(loop.poll.poll(loop.events, timeout...)));
        EXPECT_EQ(loop.events.size(), 1u);
    };
    check();
    check(std::nullopt);
    check(none);
    check(some);
    check(chrono::nanoseconds(1ms));
    check(1ms);
    check(1s);
    ASSERT_TRUE(ok(waker.wake()));
    EXPECT_TRUE(ok(loop.poll.poll(loop.events, {}))) << "no timeout";
    EXPECT_EQ(loop.events.size(), 1u);
}

TEST(Durations, SpinSaturates) {
    Loop loop;
    const auto set = [&loop](auto limit) {
        loop.poll.set_spin(limit);
        return loop.poll.spin();
    };
    EXPECT_EQ(set(chrono::hours::max()), chrono::nanoseconds::max());
    EXPECT_EQ(set(chrono::seconds::max()), chrono::nanoseconds::max());
    EXPECT_EQ(set(chrono::milliseconds::max()), chrono::nanoseconds::max());
    EXPECT_EQ(set(Seconds(infinity)), chrono::nanoseconds::max());
    EXPECT_EQ(set(chrono::seconds::min()), 0ns);
    EXPECT_EQ(set(Seconds(not_a_number)), 0ns);
    EXPECT_EQ(set(50us), 50us);
}

TEST(Durations, LingerSaturates) {
    const auto socket = must(mio::net::TcpSocket::v4());
    const auto set = [&socket](auto limit) {
        EXPECT_TRUE(ok(socket.set_linger(limit)));
        return must(socket.linger());
    };
    const auto longest = set(chrono::milliseconds::max());
    ASSERT_TRUE(longest);
    EXPECT_GE(*longest, 300s) << "the longest time that the system can represent";
    EXPECT_EQ(set(chrono::hours::max()), longest);
    EXPECT_EQ(set(chrono::seconds::max()), longest);
    EXPECT_EQ(set(std::optional(chrono::minutes::max())), longest);
    EXPECT_EQ(set(Seconds(infinity)), longest);
    EXPECT_EQ(set(chrono::hours::min()), 0s);
    EXPECT_EQ(set(-1ms), 0s);
    EXPECT_EQ(set(1001ms), 2s) << "rounded up to whole seconds";
    EXPECT_EQ(set(std::nullopt), std::nullopt);
}
