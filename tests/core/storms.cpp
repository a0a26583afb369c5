#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

#include "support.hpp"

using namespace test;
using mio::Trigger;

namespace {

constexpr std::size_t workers = 4;

/// A token that encodes the thread and the number of its registration.
Token token_of(std::size_t worker, std::uint64_t generation) {
    return Token{static_cast<std::size_t>(worker << 48 | generation)};
}
std::size_t worker_of(Token token) { return token.value >> 48; }
std::uint64_t generation_of(Token token) { return token.value & 0xffff'ffff'ffff; }

} // namespace

TEST(Storm, RemovedSourcesAreNeverReported) {
    // Four threads register, modify and remove sources that are always ready while this thread polls. Before each
    // poll it records the registrations that are already removed: no event of those may follow.
    constexpr std::uint64_t rounds = 4'000;
    Loop loop;
    std::array<std::atomic<std::uint64_t>, workers> removed{};
    std::atomic<std::size_t> running = workers;
    std::vector<std::thread> threads;
    for (std::size_t w = 0; w < workers; ++w) {
        threads.emplace_back([&, w] {
            const auto registry = must(loop.registry().try_clone());
            const auto [here, there] = plain::socket_pair();
            plain::write_all(there, "x");
            mio::RawSource source(here.fd());
            constexpr Trigger triggers[] = {Trigger::edge, Trigger::level, Trigger::oneshot};
            for (std::uint64_t g = 1; g <= rounds; ++g) {
                const auto trigger = triggers[g % 3];
                EXPECT_TRUE(ok(registry.add(source, token_of(w, g), Interest::readable, trigger)));
                if (g % 2 == 0) {
                    EXPECT_TRUE(ok(registry.modify(source, token_of(w, g), read_write, trigger)));
                }
                if (g % 16 == 0) std::this_thread::yield();
                EXPECT_TRUE(ok(registry.remove(source)));
                removed[w].store(g, std::memory_order_release);
            }
            --running;
        });
    }
    std::array<std::uint64_t, workers> events{};
    while (running != 0) {
        std::array<std::uint64_t, workers> gone;
        for (std::size_t w = 0; w < workers; ++w) gone[w] = removed[w].load(std::memory_order_acquire);
        EXPECT_TRUE(ok(loop.poll.poll(loop.events, 1ms)));
        for (const auto& event : loop.events) {
            const auto w = worker_of(event.token());
            ASSERT_LT(w, workers);
            EXPECT_GT(generation_of(event.token()), gone[w]);
            ++events[w];
        }
    }
    for (auto& thread : threads) thread.join();
    loop.expect_none();
    EXPECT_GT(events[0] + events[1] + events[2] + events[3], 0u) << "no events were reported";
}

TEST(Storm, SourcesWorkAfterConcurrentChanges) {
    // Four threads make the same calls, including invalid ones; afterwards each source is used.
    constexpr int rounds = 3'000;
    Loop loop;
    struct Side {
        Side() : ends(plain::socket_pair()), source(ends.first.fd()) {}
        std::pair<plain::Socket, plain::Socket> ends;
        mio::RawSource source;
    };
    std::array<Side, workers> sides;
    std::atomic<std::size_t> running = workers;
    std::vector<std::thread> threads;
    for (std::size_t w = 0; w < workers; ++w) {
        threads.emplace_back([&, w] {
            const auto& registry = loop.registry();
            auto& source = sides[w].source;
            for (int i = 0; i < rounds; ++i) {
                EXPECT_TRUE(fails_with(registry.remove(source), mio::Errc::not_registered));
                EXPECT_TRUE(ok(registry.add(source, Token{w}, Interest::writable, Trigger::level)));
                EXPECT_TRUE(
                    fails_with(registry.add(source, Token{w}, read_write), mio::Errc::already_registered));
                EXPECT_TRUE(ok(registry.modify(source, Token{w}, Interest::readable, Trigger::oneshot)));
                EXPECT_TRUE(ok(registry.modify(source, Token{w}, read_write)));
                EXPECT_TRUE(ok(registry.remove(source)));
            }
            EXPECT_TRUE(ok(registry.add(source, Token{w + 100}, Interest::readable)));
            --running;
        });
    }
    while (running != 0) {
        EXPECT_TRUE(ok(loop.poll.poll(loop.events, 1ms)));
        for (const auto& event : loop.events) EXPECT_LT(event.token().value, workers);
    }
    for (auto& thread : threads) thread.join();
    loop.expect_none();
    for (std::size_t w = 0; w < workers; ++w) {
        plain::write_all(sides[w].ends.second, "x");
        loop.expect({{Token{w + 100}, Interest::readable}});
    }
}

TEST(Storm, EverySourceAddedDuringPollIsReported) {
    // Each thread registers a ready source and waits for its report before continuing: a missed event stops it.
    constexpr std::uint64_t rounds = 2'000;
    Loop loop;
    std::array<std::atomic<std::uint64_t>, workers> reported{};
    std::atomic<bool> failed = false;
    std::vector<std::thread> threads;
    for (std::size_t w = 0; w < workers; ++w) {
        threads.emplace_back([&, w] {
            const auto [here, there] = plain::socket_pair();
            mio::RawSource source(here.fd());
            for (std::uint64_t g = 1; g <= rounds && !failed; ++g) {
                EXPECT_TRUE(ok(loop.registry().add(source, token_of(w, g), Interest::writable)));
                while (reported[w] != g && !failed) std::this_thread::yield();
                EXPECT_TRUE(ok(loop.registry().remove(source)));
            }
        });
    }
    std::size_t done = 0;
    while (done < workers && !failed) {
        EXPECT_TRUE(ok(loop.poll.poll(loop.events, generous_margin)));
        if (loop.events.empty()) {
            failed = true;
            ADD_FAILURE() << "source not reported";
        }
        for (const auto& event : loop.events) {
            const auto generation = generation_of(event.token());
            reported[worker_of(event.token())] = generation;
            if (generation == rounds) ++done;
        }
    }
    for (auto& thread : threads) thread.join();
}

TEST(Storm, RegistriesCanBeClonedAndDestroyedInEveryThread) {
    DescriptorGuard guard;
    Loop loop;
    std::vector<std::thread> threads;
    for (std::size_t w = 0; w < workers; ++w) {
        threads.emplace_back([&] {
            auto registry = must(loop.registry().try_clone());
            for (int i = 0; i < 5'000; ++i) registry = must(registry.try_clone());
        });
    }
    for (auto& thread : threads) thread.join();
    loop.expect_none();
}
