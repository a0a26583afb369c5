// Signals.
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <optional>
#include <set>
#include <system_error>
#include <thread>

#include "contract.hpp"

using namespace test;

TEST_F(Contract, SignalEndsTheWaitWithAnErrorAndLosesNoEvent) {
    const Connection c;
    add(c, id1, Interest::readable);
    struct ::sigaction ignore{};
    ignore.sa_handler = [](int) {};
    struct ::sigaction before{};
    ASSERT_EQ(::sigaction(SIGUSR1, &ignore, &before), 0);
    std::atomic<bool> is_over = false;
    const auto waiting = ::pthread_self();
    std::thread other([&] {
        // Repeated, since the first signal may arrive before the wait.
        while (!is_over) {
            EXPECT_EQ(::pthread_kill(waiting, SIGUSR1), 0);
            std::this_thread::sleep_for(5ms);
        }
    });
    const auto interrupted = selector.select(events, std::nullopt);
    is_over = true;
    other.join();
    ASSERT_TRUE(fails_with(interrupted, std::errc::interrupted));
    EXPECT_TRUE(events.empty());
    c.speak();
    EXPECT_EQ(select(), std::multiset{id1});
    ASSERT_EQ(::sigaction(SIGUSR1, &before, nullptr), 0);
}
