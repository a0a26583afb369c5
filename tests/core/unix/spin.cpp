// What a wake costs that meets a poll which spins: no system call. Counted where Linux counts a thread's writes.
#include <fstream>
#include <optional>
#include <string>
#include <thread>

#include "support.hpp"

using namespace test;

namespace {

// How many system calls that write this thread has made so far; nothing where the system does not tell.
std::optional<long> writes_so_far() {
    std::ifstream file("/proc/thread-self/io");
    for (std::string name; file >> name;) {
        long count = 0;
        file >> count;
        if (name == "syscw:") return count;
    }
    return std::nullopt;
}

// By a wake that comes 20 ms after a poll has begun in another thread.
long writes_of_a_wake(std::chrono::nanoseconds spin) {
    auto poll = must(mio::Poll::create());
    const auto waker = must(mio::Waker::create(poll.registry(), Token{1}));
    poll.set_spin(spin);
    std::thread thread([&] {
        mio::Events events(4);
        EXPECT_TRUE(ok(poll.poll(events, generous_margin)));
        EXPECT_EQ(events.size(), 1u);
    });
    std::this_thread::sleep_for(20ms);
    const auto before = writes_so_far();
    EXPECT_TRUE(ok(waker.wake()));
    const auto after = writes_so_far();
    thread.join();
    return *after - *before;
}

} // namespace

TEST(SpinCalls, AWakeThatMeetsASpinMakesNone) {
    if (!writes_so_far()) GTEST_SKIP() << "this system does not count them";
    if (mio::backend() == "kqueue") GTEST_SKIP() << "the double's wakes are its own";
    EXPECT_EQ(writes_of_a_wake(0ns), 1);
    // On a busy machine the other thread may not have begun after 20 ms.
    long least = 1;
    for (int i = 0; i < 50 && least != 0; ++i) least = writes_of_a_wake(1h);
    EXPECT_EQ(least, 0);
}
