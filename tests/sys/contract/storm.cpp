// Concurrent use, and orders of destruction.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "contract.hpp"

using namespace test;

TEST_F(Contract, FourThreadsRegisterModifyAndRemoveWhileAFifthWaits) {
    constexpr std::size_t threads = 4;
    constexpr std::size_t rounds = 1'000;
    // A token encodes the thread and the number of its registration.
    const auto token_of = [](std::size_t thread, std::size_t round) {
        return Token{thread * (rounds + 1) + round};
    };
    std::array<std::atomic<std::size_t>, threads> removed{};
    std::atomic<std::size_t> running = threads;
    std::vector<std::thread> storm;
    for (std::size_t t = 0; t < threads; ++t) {
        storm.emplace_back([&, t] {
            const Connection c;
            c.speak();
            constexpr Trigger triggers[] = {Trigger::edge, Trigger::level, Trigger::oneshot};
            for (std::size_t round = 1; round <= rounds; ++round) {
                const auto state = add(c, token_of(t, round), Interest::readable, triggers[round % 3]);
                EXPECT_TRUE(ok(selector.modify(c.here.fd(), state, token_of(t, round), read_write,
                                               triggers[(round + 1) % 3])));
                EXPECT_TRUE(ok(Backend::rearm(state, Interest::readable)));
                if (round % 16 == 0) std::this_thread::yield();
                EXPECT_TRUE(ok(remove(c, state)));
                removed[t].store(round, std::memory_order_release);
            }
            --running;
        });
    }
    std::size_t count = 0;
    while (running != 0) {
        std::array<std::size_t, threads> gone{};
        for (std::size_t t = 0; t < threads; ++t) gone[t] = removed[t].load(std::memory_order_acquire);
        for (const auto token : select(1ms)) {
            const auto t = token.value / (rounds + 1);
            ASSERT_LT(t, threads);
            EXPECT_GT(token.value % (rounds + 1), gone[t]) << "reported after its removal";
            ++count;
        }
    }
    for (auto& thread : storm) thread.join();
    EXPECT_GT(count, 0u) << "no events were reported";
    expect_nothing();
}

// The purpose of one-shot: the thread that receives the event owns the source until it calls modify.
TEST_F(Contract, OneshotIsHandledByOneThreadAtATime) {
    constexpr std::size_t sources = 4;
    constexpr int rounds = 5'000;
    const std::vector<Connection> connections(sources);
    std::array<std::uint64_t, sources> states{};
    std::array<std::atomic<bool>, sources> is_handled{};
    std::mutex mutex;
    std::vector<std::size_t> reported; // protected by the mutex
    std::atomic<bool> is_over = false;
    for (std::size_t i = 0; i < sources; ++i) {
        connections[i].speak();
        plain::await_readable(connections[i].here);
        states[i] = add(connections[i], Token{i}, read_write, Trigger::oneshot);
    }
    std::vector<std::thread> handlers;
    for (int t = 0; t < 2; ++t) {
        handlers.emplace_back([&] {
            while (!is_over) {
                std::size_t i = sources;
                {
                    const std::scoped_lock lock(mutex);
                    if (!reported.empty()) {
                        i = reported.back();
                        reported.pop_back();
                    }
                }
                if (i == sources) {
                    std::this_thread::yield();
                    continue;
                }
                is_handled[i] = false;
                EXPECT_TRUE(ok(selector.modify(connections[i].here.fd(), states[i], Token{i}, read_write,
                                               Trigger::oneshot)));
            }
        });
    }
    for (int count = 0; count < rounds;) {
        const auto tokens = select(generous_margin);
        ASSERT_FALSE(tokens.empty()) << "lost event";
        for (const auto token : tokens) {
            EXPECT_FALSE(is_handled[token.value].exchange(true)) << "reported to two threads";
            ++count;
            const std::scoped_lock lock(mutex);
            reported.push_back(token.value);
        }
    }
    is_over = true;
    for (auto& handler : handlers) handler.join();
}

TEST(ContractLifetime, SelectorsLeakNothing) {
    const DescriptorGuard guard;
    const Connection c;
    for (int i = 0; i < 1'000; ++i) {
        Backend selector(must(Backend::open()));
        const auto state = must(selector.add(c.here.fd(), id1, Interest::writable, Trigger::edge));
        Waker waker(selector, id2, must(Waker::open(selector, id2)));
        ASSERT_TRUE(ok(wake(waker)));
        auto events = events_for<Backend>(4);
        ASSERT_TRUE(ok(selector.select(events, 1s)));
        EXPECT_EQ(events.size(), 2u);
        if (i % 2 == 0) {
            EXPECT_TRUE(ok(selector.remove(c.here.fd(), state)));
        } else {
            Backend::forget(state);
        }
    }
}

TEST(ContractLifetime, ParallelSelectorsAreIndependent) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([] {
            for (int i = 0; i < 50; ++i) {
                Backend selector(must(Backend::open()));
                const Connection c;
                const auto state = must(selector.add(c.here.fd(), id1, Interest::readable, Trigger::edge));
                c.speak();
                auto events = events_for<Backend>(4);
                EXPECT_TRUE(ok(selector.select(events, generous_margin)));
                EXPECT_EQ(events.size(), 1u);
                EXPECT_TRUE(ok(selector.remove(c.here.fd(), state)));
            }
        });
    }
    for (auto& thread : threads) thread.join();
}
