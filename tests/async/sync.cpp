// Events, channels, and loops that call each other.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "async.hpp"

namespace {

using namespace std::chrono_literals;
using namespace test;
using mio::Result;

/// A loop on a thread of its own.
class LoopThread {
  public:
    LoopThread() : loop_(must(async::Loop::create())), remote_(loop_.remote()) {
        thread_ = std::thread([this] {
            while (!stop_.load()) EXPECT_TRUE(ok(loop_.turn()));
            async::Loop ended(std::move(loop_)); // on its thread
        });
    }
    ~LoopThread() {
        struct Stop : async::Parcel {
            explicit Stop(std::atomic<bool>& set) : Parcel(&opened), flag(set) {}
            static void opened(async::Parcel& parcel, const async::Context*) noexcept {
                static_cast<Stop&>(parcel).flag = true;
            }
            std::atomic<bool>& flag;
        } stop(stop_);
        EXPECT_TRUE(ok(remote_.post(stop)));
        thread_.join();
    }
    const async::RemoteLoop& remote() const { return remote_; }

  private:
    async::Loop loop_;
    async::RemoteLoop remote_;
    std::atomic<bool> stop_ = false;
    std::thread thread_;
};

// Event.

TEST(AsyncEvent, EndsAllWaits) {
    run_alone([]() -> Task<> {
        async::Event event;
        int ended = 0;
        auto wait = [](async::Event& waited, int& count) -> Task<> {
            EXPECT_TRUE(ok(co_await waited.wait()));
            ++count;
        };
        async::Group group(co_await async::this_context());
        group.spawn(wait(event, ended));
        group.spawn(wait(event, ended));
        co_await async::yield();
        co_await async::yield();
        EXPECT_EQ(ended, 0);
        event.set();
        event.reset();
        EXPECT_TRUE(ok(co_await group.join()));
        EXPECT_EQ(ended, 2);
        EXPECT_TRUE(fails_with(co_await async::timeout(1ms, event.wait()), std::errc::timed_out));
        event.set();
        for (int i = 0; i < 200; ++i) EXPECT_TRUE(ok(co_await event.wait()));
    }());
}

TEST(AsyncEvent, TheFirstOfSetAndCancelCounts) {
    run_alone([]() -> Task<> {
        for (const bool is_set_first : {false, true}) {
            async::Event event;
            async::Scope scope;
            auto wait = [](async::Event& waited, async::Scope& in) -> Task<Result<>> {
                co_return co_await async::within(in, waited.wait());
            };
            auto both = [](async::Event& waited, async::Scope& in, bool sets_first) -> Task<> {
                co_await async::yield();
                if (sets_first) waited.set();
                in.cancel();
                if (!sets_first) waited.set();
            };
            auto [waited, none] =
                co_await async::when_all(wait(event, scope), both(event, scope, is_set_first));
            if (is_set_first) {
                EXPECT_TRUE(ok(waited));
            } else {
                EXPECT_TRUE(fails_with(waited, std::errc::operation_canceled));
            }
        }
    }());
}

TEST(AsyncEvent, ACancelledWaitIsNotEndedBySetAsWell) {
    auto loop = must(async::Loop::create());
    async::Event event, other;
    async::Scope scope;
    int cancelled = 0, waits = 0;
    async::spawn(loop, [](async::Event& waited, async::Scope& in, int& count) -> Task<> {
        EXPECT_TRUE(fails_with(co_await async::within(in, waited.wait()), std::errc::operation_canceled));
        ++count;
    }(event, scope, cancelled));
    async::spawn(loop, [](async::Event& waited, int& count) -> Task<> {
        EXPECT_TRUE(ok(co_await waited.wait()));
        ++count;
    }(other, waits));
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(ok(loop.turn(0ns)));
    // Before either coroutine resumes. One that is made ready twice displaces those in between.
    scope.cancel();
    other.set();
    event.set();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(ok(loop.turn(0ns)));
    EXPECT_EQ(cancelled, 1);
    EXPECT_EQ(waits, 1);
}

TEST(AsyncEvent, DestroyingItEndsWaits) {
    run_alone([]() -> Task<> {
        std::optional<async::Event> event(std::in_place);
        auto wait = [](async::Event& waited) -> Task<Result<>> { co_return co_await waited.wait(); };
        auto destroy = [](std::optional<async::Event>& target) -> Task<> {
            co_await async::yield();
            target.reset();
        };
        auto [waited, none] = co_await async::when_all(wait(*event), destroy(event));
        EXPECT_TRUE(fails_with(waited, std::errc::operation_canceled));
    }());
}

// Channel.

TEST(Channel, PassesValuesInOrder) {
    for (const std::size_t capacity : {0u, 1u, 3u, 1000u}) {
        run_alone([](std::size_t size) -> Task<> {
            async::Channel<std::unique_ptr<int>> channel(size);
            auto send = [](async::Channel<std::unique_ptr<int>>& to) -> Task<> {
                for (int i = 0; i < 500; ++i) EXPECT_TRUE(ok(co_await to.send(std::make_unique<int>(i))));
                to.close();
                EXPECT_TRUE(fails_with(co_await to.send(nullptr), std::errc::broken_pipe));
            };
            auto receive = [](async::Channel<std::unique_ptr<int>>& from) -> Task<int> {
                int expected = 0;
                while (true) {
                    auto value = co_await from.receive();
                    if (!value) {
                        EXPECT_TRUE(fails_with(value, mio::Errc::end_of_stream));
                        co_return expected;
                    }
                    EXPECT_EQ(**value, expected++);
                }
            };
            auto [none, received] = co_await async::when_all(send(channel), receive(channel));
            EXPECT_EQ(received, 500);
        }(capacity));
    }
}

TEST(Channel, ClosingEndsWaits) {
    run_alone([]() -> Task<> {
        async::Channel<int> full(1), empty(1);
        EXPECT_TRUE(ok(full.try_send(1)));
        EXPECT_TRUE(blocks(full.try_send(2)));
        EXPECT_TRUE(blocks(empty.try_receive()));
        auto close = [](async::Channel<int>& a, async::Channel<int>& b) -> Task<> {
            co_await async::yield();
            a.close();
            b.close();
        };
        auto [sent, received, none] =
            co_await async::when_all(full.send(2), empty.receive(), close(full, empty));
        EXPECT_TRUE(fails_with(sent, std::errc::broken_pipe));
        EXPECT_TRUE(fails_with(received, mio::Errc::end_of_stream));
        EXPECT_EQ(must(co_await full.receive()), 1);
        EXPECT_TRUE(fails_with(full.try_receive(), mio::Errc::end_of_stream));
    }());
}

TEST(Channel, ASenderThatWaitsGoesOnWhenThereIsRoom) {
    run_alone([]() -> Task<> {
        async::Channel<int> channel(1);
        EXPECT_TRUE(ok(channel.try_send(1)));
        auto receive = [](async::Channel<int>& from) -> Task<> {
            co_await async::yield();
            EXPECT_EQ(must(from.try_receive()), 1);
        };
        auto [sent, none] = co_await async::when_all(async::timeout(5s, channel.send(2)), receive(channel));
        EXPECT_TRUE(ok(sent));
        EXPECT_EQ(must(channel.try_receive()), 2);
    }());
}

TEST(Channel, ACancelledReceiverTakesNothing) {
    run_alone([]() -> Task<> {
        async::Channel<int> channel(1);
        EXPECT_TRUE(fails_with(co_await async::timeout(1ms, channel.receive()), std::errc::timed_out));
        EXPECT_TRUE(ok(co_await channel.send(5)));
        EXPECT_TRUE(fails_with(co_await async::timeout(1ms, channel.send(6)), std::errc::timed_out));
        EXPECT_EQ(must(co_await channel.receive()), 5);
        EXPECT_TRUE(blocks(channel.try_receive()));
    }());
}

TEST(Channel, AValuePassedBeforeTheCancellationIsReceived) {
    run_alone([]() -> Task<> {
        async::Channel<int> channel(0);
        async::Scope scope;
        auto receive = [](async::Channel<int>& from, async::Scope& in) -> Task<Result<int>> {
            co_return co_await async::within(in, from.receive());
        };
        auto send = [](async::Channel<int>& to, async::Scope& in) -> Task<> {
            co_await async::yield();
            EXPECT_TRUE(ok(to.try_send(7)));
            in.cancel();
        };
        auto [received, none] = co_await async::when_all(receive(channel, scope), send(channel, scope));
        EXPECT_EQ(must(std::move(received)), 7);
    }());
}

TEST(Channel, DroppedWaitersLeaveItUsable) {
    async::Channel<int> channel(0);
    for (int turns = 0; turns < 4; ++turns) {
        auto loop = must(async::Loop::create());
        async::spawn(loop, [](async::Channel<int>& from) -> Task<> {
            static_cast<void>(co_await from.receive());
        }(channel));
        for (int i = 0; i < turns; ++i) {
            ASSERT_TRUE(ok(loop.turn(0ns)));
            if (i == 1) {
                EXPECT_TRUE(ok(channel.try_send(1))); // is on the way when the receiver is dropped
                break;
            }
        }
    }
    EXPECT_TRUE(blocks(channel.try_send(2)));
}

TEST(Channel, JoinsLoopsOfManyThreads) {
    constexpr int loops = 4, values = 2000;
    for (const std::size_t capacity : {0u, 1u, 64u}) {
        async::Channel<int> channel(capacity);
        std::atomic<std::int64_t> sum = 0;
        std::atomic<int> senders = loops;
        std::vector<std::thread> threads;
        for (int i = 0; i < loops; ++i) {
            threads.emplace_back([&] {
                run_alone([](async::Channel<int>& to) -> Task<> {
                    for (int k = 1; k <= values; ++k) EXPECT_TRUE(ok(co_await to.send(k)));
                }(channel));
                if (--senders == 0) channel.close();
            });
            threads.emplace_back([&] {
                run_alone([](async::Channel<int>& from, std::atomic<std::int64_t>& total) -> Task<> {
                    while (auto value = co_await from.receive()) total += *value;
                }(channel, sum));
            });
        }
        for (auto& thread : threads) thread.join();
        EXPECT_EQ(sum, std::int64_t{loops} * values * (values + 1) / 2);
    }
}

TEST(Channel, TimeoutsAndValuesMeetWithoutLoss) {
    async::Channel<int> channel(2);
    std::int64_t received = 0;
    std::thread sender([&] {
        for (int k = 1; k <= 3000;) {
            if (channel.try_send(int(k)))
                ++k;
            else
                std::this_thread::yield();
        }
        channel.close();
    });
    run_alone([](async::Channel<int>& from, std::int64_t& total) -> Task<> {
        while (true) {
            auto value = co_await async::timeout(10us, from.receive());
            if (value)
                total += *value;
            else if (value.error() == mio::Errc::end_of_stream)
                co_return;
        }
    }(channel, received));
    sender.join();
    EXPECT_EQ(received, std::int64_t{3000} * 3001 / 2);
}

// RemoteLoop.

TEST(RemoteLoop, CallsRunOnTheOtherThread) {
    LoopThread other;
    run_alone([](async::RemoteLoop remote) -> Task<> {
        const auto own = std::this_thread::get_id();
        auto there = co_await remote.call([] { return std::this_thread::get_id(); });
        EXPECT_TRUE(there && *there != own);
        EXPECT_EQ(std::this_thread::get_id(), own);
        EXPECT_TRUE(ok(co_await remote.call([] {})));
        EXPECT_TRUE(fails_with(co_await remote.call([]() -> Result<int> {
            return std::unexpected(make_error_code(mio::Errc::unsupported));
        }),
                               mio::Errc::unsupported));
        // A task, which waits there.
        EXPECT_EQ(must(co_await remote.call([text = std::string(100, 'a')]() -> Task<std::size_t> {
                      const auto size = text.size();
                      static_cast<void>(co_await async::sleep_for(1ms));
                      co_return size;
                  })),
                  100u);
#if defined(__cpp_exceptions)
        int caught = 0;
        try {
            static_cast<void>(co_await remote.call([]() -> int { throw 5; }));
        } catch (int value) {
            caught = value;
        }
        EXPECT_EQ(caught, 5);
#endif
    }(other.remote()));
}

TEST(RemoteLoop, ACancelledCallReturnsAtOnceAndItsTaskGoesOn) {
    LoopThread other;
    std::atomic<bool> has_begun = false, is_open = false, is_done = false;
    run_alone([](async::RemoteLoop remote, std::atomic<bool>& begun, std::atomic<bool>& gate,
                 std::atomic<bool>& done) -> Task<> {
        auto slow = [&]() -> Task<int> {
            begun = true;
            while (!gate) static_cast<void>(co_await async::sleep_for(100us));
            done = true;
            co_return 1;
        };
        auto until_it_has_begun = [](std::atomic<bool>& flag) -> Task<> {
            while (!flag) static_cast<void>(co_await async::sleep_for(100us));
        };
        auto [which, results] = co_await async::when_any(remote.call(slow), until_it_has_begun(begun));
        EXPECT_EQ(which, 1u);
        EXPECT_TRUE(fails_with(std::get<0>(results), std::errc::operation_canceled));
        gate = true;
        // `slow` is destroyed with the call that has it; its captures outlive it.
        while (!done) co_await async::yield();
    }(other.remote(), has_begun, is_open, is_done));
}

TEST(RemoteLoop, ACancelledCallThatHasNotBegunDoesNotRun) {
    auto other = must(async::Loop::create());
    bool has_run = false;
    run_alone([](async::RemoteLoop remote, bool& ran) -> Task<> {
        EXPECT_TRUE(fails_with(co_await async::timeout(1ms, remote.call([&ran] { ran = true; })),
                               std::errc::timed_out));
    }(other.remote(), has_run));
    ASSERT_TRUE(ok(other.turn(0ns)));
    ASSERT_TRUE(ok(other.turn(0ns)));
    EXPECT_FALSE(has_run);
}

TEST(RemoteLoop, ALoopThatIsGoneRefuses) {
    std::optional<async::RemoteLoop> remote;
    {
        auto loop = must(async::Loop::create());
        remote = loop.remote();
    }
    struct Ignored : async::Parcel {
        Ignored() : Parcel([](async::Parcel&, const async::Context*) noexcept { ADD_FAILURE(); }) {}
    } parcel;
    EXPECT_TRUE(fails_with(remote->post(parcel), std::errc::operation_canceled));
    run_alone([](async::RemoteLoop gone) -> Task<> {
        EXPECT_TRUE(fails_with(co_await gone.call([] { return 1; }), std::errc::operation_canceled));
    }(*remote));
}

TEST(RemoteLoop, ALoopThatEndsReturnsItsCalls) {
    for (int i = 0; i < 20; ++i) {
        std::optional<LoopThread> other(std::in_place);
        run_alone([](std::optional<LoopThread>& there) -> Task<> {
            auto call = [](async::RemoteLoop remote) -> Task<Result<>> {
                co_return co_await remote.call(
                    []() -> Task<Result<>> { co_return co_await async::sleep_for(100s); });
            };
            auto end = [](std::optional<LoopThread>& target) -> Task<> {
                co_await async::yield();
                target.reset();
            };
            auto [first, second, none] =
                co_await async::when_all(call(there->remote()), call(there->remote()), end(there));
            EXPECT_TRUE(fails_with(first, std::errc::operation_canceled));
            EXPECT_TRUE(fails_with(second, std::errc::operation_canceled));
        }(other));
    }
}

TEST(RemoteLoop, AParcelPostedByAParcelComesInTheNextTurn) {
    struct Again : async::Parcel {
        explicit Again(async::RemoteLoop there) : Parcel(&opened), loop(std::move(there)) {}
        static void opened(async::Parcel& parcel, const async::Context*) noexcept {
            auto& self = static_cast<Again&>(parcel);
            if (++self.count < 5) {
                EXPECT_TRUE(ok(self.loop.post(self)));
            }
        }
        async::RemoteLoop loop;
        int count = 0;
    };
    auto loop = must(async::Loop::create());
    Again again(loop.remote());
    ASSERT_TRUE(ok(again.loop.post(again)));
    for (int turns = 1; turns <= 5; ++turns) {
        ASSERT_TRUE(ok(loop.turn(10s)));
        EXPECT_EQ(again.count, turns);
    }
}

TEST(RemoteLoop, StormsOfParcelsArriveInOrder) {
    constexpr int senders = 4, each = 5000;
    struct Counting : async::Parcel {
        Counting() : Parcel(&opened) {}
        static void opened(async::Parcel& parcel, const async::Context* there) noexcept {
            auto& self = static_cast<Counting&>(parcel);
            EXPECT_NE(there, nullptr);
            EXPECT_EQ(*self.last + 1, self.number);
            *self.last = self.number;
            ++*self.opened_parcels;
        }
        int number = 0;
        int* last = nullptr;
        int* opened_parcels = nullptr;
    };
    auto loop = must(async::Loop::create());
    int opened = 0;
    std::vector<int> last(senders, 0);
    std::vector<std::vector<Counting>> parcels;
    for (int i = 0; i < senders; ++i) parcels.emplace_back(each);
    std::vector<std::thread> threads;
    for (int i = 0; i < senders; ++i)
        threads.emplace_back([&, i, remote = loop.remote()] {
            int number = 0;
            for (auto& parcel : parcels[static_cast<std::size_t>(i)]) {
                parcel.number = ++number;
                parcel.last = &last[static_cast<std::size_t>(i)];
                parcel.opened_parcels = &opened;
                EXPECT_TRUE(ok(remote.post(parcel)));
            }
        });
    while (opened != senders * each) ASSERT_TRUE(ok(loop.turn()));
    for (auto& thread : threads) thread.join();
}

TEST(RemoteLoop, ShutdownMeetsAStormOfCalls) {
    for (int round = 0; round < 10; ++round) {
        std::optional<async::RemoteLoop> target;
        std::atomic<bool> is_ready = false;
        std::thread server([&] {
            auto loop = must(async::Loop::create());
            target = loop.remote();
            is_ready = true;
            for (int i = 0; i < 50; ++i) EXPECT_TRUE(ok(loop.turn(1ms)));
        });
        while (!is_ready) std::this_thread::yield();
        std::vector<std::thread> callers;
        for (int i = 0; i < 3; ++i)
            callers.emplace_back([remote = *target] {
                run_alone([](async::RemoteLoop there) -> Task<> {
                    for (int calls = 0;; ++calls) {
                        auto [a, b] = co_await async::when_all(there.call([calls] { return calls; }),
                                                               there.call([calls]() -> Task<int> {
                                                                   const int value = calls;
                                                                   co_await async::yield();
                                                                   co_return value;
                                                               }));
                        if (!a || !b) co_return;
                        EXPECT_EQ(*a, calls);
                        EXPECT_EQ(*b, calls);
                    }
                }(remote));
            });
        server.join();
        for (auto& caller : callers) caller.join();
    }
}

TEST(RemoteLoop, DroppedCallsOfALoopThatEnds) {
    LoopThread other;
    for (int i = 0; i < 50; ++i) {
        auto loop = must(async::Loop::create());
        for (int k = 0; k < 5; ++k)
            async::spawn(loop, [](async::RemoteLoop there) -> Task<> {
                while (co_await there.call([] { return 1; })) {
                }
            }(other.remote()));
        for (int turns = 0; turns < i % 7; ++turns) ASSERT_TRUE(ok(loop.turn(0ns)));
    }
}

// Stop tokens.

TEST(Stoppable, AStopTokenCancelsFromAnotherThread) {
    if (mio::backend() == "iocp") GTEST_SKIP() << "libstdc++ 12 of MinGW: ~stop_callback can sleep for ever";
    std::stop_source source;
    std::thread stopper([&source] { source.request_stop(); });
    run_alone([](std::stop_token token) -> Task<> {
        EXPECT_TRUE(fails_with(co_await async::stoppable<std::stop_callback>(token, async::sleep_for(100s)),
                               std::errc::operation_canceled));
        EXPECT_TRUE(fails_with(co_await async::stoppable<std::stop_callback>(token, async::sleep_for(100s)),
                               std::errc::operation_canceled));
        EXPECT_TRUE(
            ok(co_await async::stoppable<std::stop_callback>(std::stop_token(), async::sleep_for(1ms))));
    }(source.get_token()));
    stopper.join();
}

TEST(Stoppable, AStopRequestMeetsTheEndOfTheOperation) {
    if (mio::backend() == "iocp") GTEST_SKIP() << "libstdc++ 12 of MinGW: ~stop_callback can sleep for ever";
    for (int i = 0; i < 200; ++i) {
        std::stop_source other;
        std::thread late([&other] { other.request_stop(); });
        run_alone([](std::stop_token token) -> Task<> {
            static_cast<void>(co_await async::stoppable<std::stop_callback>(token, async::sleep_for(20us)));
        }(other.get_token()));
        late.join();
    }
}

} // namespace
