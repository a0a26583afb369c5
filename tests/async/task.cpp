// Tasks: values, exceptions, depth, combinators, groups and time.

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "async.hpp"

namespace {

using namespace std::chrono_literals;
using namespace test;
using mio::Result;
using mio::time::Clock;

Task<int> one() { co_return 1; }
Task<int> deep(int depth) {
    if (depth == 0) co_return 0;
    co_return 1 + co_await deep(depth - 1);
}
Task<int> deep_waiting(int depth) {
    if (depth == 0) {
        co_await async::yield();
        co_return 0;
    }
    co_return 1 + co_await deep_waiting(depth - 1);
}
Task<Result<>> sleeper(std::chrono::nanoseconds time) { co_return co_await async::sleep_for(time); }

// A wrong argument is an error of the call, not of the library's code.
template <class A>
concept CanBeLimited = requires(A awaitable) { async::timeout(1s, std::move(awaitable)); };
static_assert(CanBeLimited<Task<Result<int>>>);
static_assert(!CanBeLimited<Task<int>> && !CanBeLimited<Task<>>);
template <class... A>
concept CanBeSpawned =
    requires(async::Group& group, A... arguments) { group.spawn(std::move(arguments)...); };
static_assert(CanBeSpawned<Task<>> && CanBeSpawned<Task<> (*)(int&), int>
              && CanBeSpawned<Task<> (*)(int&&), int>);
static_assert(!CanBeSpawned<Task<int>> && !CanBeSpawned<void (*)()>
              && !CanBeSpawned<Task<> (*)(int), Task<>>);

TEST(Tasks, AreReturnedByTheFunctionObjectsOfTheStandardLibrary) {
    const std::function<Task<int>(int)> twice = [](int number) -> Task<int> { co_return 2 * number; };
    EXPECT_EQ(run_alone(twice(1)), 2);
    EXPECT_EQ(run_alone(std::invoke(twice, 2)), 4);
    EXPECT_EQ(run_alone(std::apply(twice, std::tuple(3))), 6);
    EXPECT_EQ(run_alone(std::visit(twice, std::variant<int, short>(4))), 8);
    const auto wrapped = [&](int number) { return twice(number); }; // neither a coroutine
    EXPECT_EQ(run_alone(wrapped(5)), 10);
}

TEST(Tasks, ReturnTheirValue) {
    EXPECT_EQ(run_alone([]() -> Task<int> { co_return co_await one() + co_await one(); }()), 2);
    EXPECT_EQ(*run_alone([]() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(7); }()), 7);
    int target = 1;
    run_alone([](int& where) -> Task<> {
        auto reference = [](int& to) -> Task<int&> { co_return to; };
        co_await reference(where) = 5;
    }(target));
    EXPECT_EQ(target, 5);
}

TEST(Tasks, AMillionThatEndAtOnceNeedNoStack) {
    EXPECT_EQ(run_alone([]() -> Task<int> {
                  int sum = 0;
                  for (int i = 0; i < 1'000'000; ++i) sum += co_await one();
                  co_return sum;
              }()),
              1'000'000);
}

TEST(Tasks, NestAMillionDeep) { EXPECT_EQ(run_alone(deep(1'000'000)), 1'000'000); }

TEST(Tasks, NestDeeplyAroundOneThatWaits) { EXPECT_EQ(run_alone(deep_waiting(200'000)), 200'000); }

TEST(Tasks, NestedDeeplyAreDroppedWithoutRecursion) {
    auto loop = must(async::Loop::create());
    async::spawn(loop, []() -> Task<> {
        EXPECT_EQ(co_await deep_waiting(200'000), -1);
        ADD_FAILURE() << "it was dropped";
    }());
    // The task's own turn, which starts it; it then waits in `yield`.
    ASSERT_TRUE(ok(loop.turn(0ns)));
}

#if defined(__cpp_exceptions)
Task<int> thrower() {
    co_await async::yield();
    throw 42;
}
TEST(Tasks, ThrowWhereTheyAreAwaited) {
    EXPECT_EQ(run_alone([]() -> Task<int> {
                  try {
                      co_return co_await thrower();
                  } catch (int caught) {
                      co_return caught + 1;
                  }
              }()),
              43);
    auto loop = must(async::Loop::create());
    EXPECT_THROW(static_cast<void>(async::run(loop, thrower())), int);
}

TEST(Tasks, AnExceptionOfOneOfSeveralIsThrownWhenAllHaveEnded) {
    int ended = 0;
    run_alone([](int& count) -> Task<> {
        auto other = [](Guard) -> Task<> { static_cast<void>(co_await async::sleep_for(2ms)); };
        try {
            static_cast<void>(co_await async::when_all(thrower(), other(Guard(count))));
            ADD_FAILURE();
        } catch (int caught) {
            EXPECT_EQ(caught, 42);
        }
    }(ended));
    EXPECT_EQ(ended, 1);
}
#endif

TEST(Tasks, ThatAreNotAwaitedNeverStart) {
    int destroyed = 0;
    bool has_started = false;
    {
        auto task = [](Guard, bool& started) -> Task<> {
            started = true;
            co_return;
        }(Guard(destroyed), has_started);
        auto moved = std::move(task);
        EXPECT_FALSE(task);
    }
    EXPECT_EQ(destroyed, 1);
    EXPECT_FALSE(has_started);
}

// Time.

TEST(Sleep, NeverEndsEarly) {
    run_alone([]() -> Task<> {
        for (const auto time : {0ns, 1ns, 1000ns, 3'000'000ns}) {
            const auto start = Clock::now();
            EXPECT_TRUE(ok(co_await async::sleep_for(time)));
            EXPECT_GE(Clock::now() - start, time);
        }
        EXPECT_TRUE(ok(co_await async::sleep_until(Clock::time_point::min())));
    }());
}

TEST(Sleep, ThatIsOverLetsOthersRun) {
    auto loop = must(async::Loop::create());
    std::string order;
    auto writer = [](std::string& to, char name) -> Task<> {
        for (int i = 0; i < 3; ++i) {
            to += name;
            static_cast<void>(co_await async::sleep_for(0ns));
        }
    };
    async::spawn(loop, writer(order, 'a'));
    async::spawn(loop, writer(order, 'b'));
    while (!loop.is_idle()) ASSERT_TRUE(ok(loop.turn()));
    EXPECT_EQ(order, "ababab");
}

TEST(Timeout, CancelsWhatTakesTooLong) {
    run_alone([]() -> Task<> {
        const auto start = Clock::now();
        EXPECT_TRUE(fails_with(co_await async::timeout(5ms, sleeper(10s)), std::errc::timed_out));
        EXPECT_TRUE(fails_with(co_await async::timeout(5ms, async::sleep_for(10s)), std::errc::timed_out));
        EXPECT_GE(Clock::now() - start, 10ms);
        EXPECT_TRUE(ok(co_await async::timeout(10s, sleeper(1ms))));
        EXPECT_TRUE(ok(co_await async::timeout(0ns, []() -> Task<Result<>> { co_return {}; }())));
        EXPECT_LT(Clock::now() - start, 5s);
    }());
}

TEST(Timeout, KeepsALateResult) {
    run_alone([]() -> Task<> {
        auto late = [](Result<> result) -> Task<Result<>> {
            EXPECT_TRUE(fails_with(co_await async::sleep_for(10s), std::errc::operation_canceled));
            co_return result;
        };
        EXPECT_TRUE(ok(co_await async::timeout(1ms, late({}))));
        EXPECT_TRUE(fails_with(co_await async::timeout(1ms, late(std::unexpected(std::make_error_code(
                                                                std::errc::connection_reset)))),
                               std::errc::connection_reset));
    }());
}

TEST(Timeout, AtADeadline) {
    run_alone([]() -> Task<> {
        // Repeated: one that is too short may overrun by chance.
        for (int i = 0; i < 10; ++i) {
            const auto deadline = Clock::now() + 3ms;
            EXPECT_TRUE(fails_with(co_await async::timeout_at(deadline, async::sleep_for(10s)),
                                   std::errc::timed_out));
            EXPECT_GE(Clock::now(), deadline);
            // Now it has passed.
            EXPECT_TRUE(fails_with(co_await async::timeout_at(deadline, async::sleep_for(10s)),
                                   std::errc::timed_out));
        }
        EXPECT_TRUE(ok(co_await async::timeout_at(Clock::time_point::max(), async::sleep_for(1ns))));
    }());
}

TEST(Timeout, ExpiryOfTheOuterCancelsTheInner) {
    run_alone([]() -> Task<> {
        auto inner = []() -> Task<Result<>> {
            auto result = co_await async::timeout(10s, async::sleep_for(10s));
            EXPECT_TRUE(fails_with(result, std::errc::operation_canceled));
            co_return result;
        };
        EXPECT_TRUE(fails_with(co_await async::timeout(1ms, inner()), std::errc::timed_out));
        // The coroutine's scope is again what it was.
        EXPECT_TRUE(ok(co_await async::sleep_for(1ms)));
    }());
}

// Several.

TEST(WhenAll, WaitsForAll) {
    run_alone([]() -> Task<> {
        auto nothing = []() -> Task<> { co_return; };
        auto [sum, slept, none] = co_await async::when_all(deep_waiting(10), sleeper(2ms), nothing());
        EXPECT_EQ(sum, 10);
        EXPECT_TRUE(ok(slept));
        EXPECT_EQ(none, async::Nothing());
        EXPECT_TRUE(ok(std::get<0>(co_await async::when_all(async::sleep_for(1ns)))));
        static_cast<void>(co_await async::when_all());
    }());
}

TEST(WhenAny, CancelsTheOthersAndWaitsForThem) {
    run_alone([]() -> Task<> {
        const auto start = Clock::now();
        int ended = 0;
        auto slow = [](std::chrono::nanoseconds time, Guard) -> Task<Result<>> {
            auto slept = co_await async::sleep_for(time);
            static_cast<void>(co_await async::shield(async::sleep_for(1ms)));
            co_return slept;
        };
        auto [which, results] =
            co_await async::when_any(slow(10s, Guard(ended)), sleeper(2ms), slow(20s, Guard(ended)));
        EXPECT_EQ(which, 1u);
        EXPECT_TRUE(ok(std::get<1>(results)));
        EXPECT_TRUE(fails_with(std::get<0>(results), std::errc::operation_canceled));
        EXPECT_TRUE(fails_with(std::get<2>(results), std::errc::operation_canceled));
        EXPECT_GE(Clock::now() - start, 3ms);
        EXPECT_LT(Clock::now() - start, 5s);
    }());
}

TEST(WhenAny, OneThatEndsAtOnceWinsButTheOthersStart) {
    run_alone([]() -> Task<> {
        auto [which, results] = co_await async::when_any(one(), one());
        EXPECT_EQ(which, 0u);
        EXPECT_EQ(std::get<1>(results), 1);
    }());
}

// Scopes.

TEST(Scopes, CancellationIsSticky) {
    run_alone([]() -> Task<> {
        async::Scope scope;
        auto work = [](async::Scope& own) -> Task<int> {
            own.cancel();
            EXPECT_TRUE(fails_with(co_await async::sleep_for(10s), std::errc::operation_canceled));
            EXPECT_TRUE(fails_with(co_await async::sleep_for(10s), std::errc::operation_canceled));
            EXPECT_TRUE(ok(co_await async::shield(async::sleep_for(1ms))));
            EXPECT_TRUE(
                fails_with(co_await async::timeout(1ns, sleeper(10s)), std::errc::operation_canceled));
            co_return 3;
        };
        EXPECT_EQ(co_await async::within(scope, work(scope)), 3);
        EXPECT_TRUE(scope.is_cancelled());
        EXPECT_TRUE(
            fails_with(co_await async::within(scope, async::sleep_for(10s)), std::errc::operation_canceled));
        EXPECT_TRUE(ok(co_await async::sleep_for(1ns)));
    }());
}

TEST(Scopes, OneScopeCancelsSeveralCoroutines) {
    run_alone([]() -> Task<> {
        async::Scope scope;
        auto work = [](async::Scope& shared) -> Task<Result<>> {
            co_return co_await async::within(shared, async::sleep_for(10s));
        };
        auto stop = [](async::Scope& shared) -> Task<> {
            co_await async::yield();
            shared.cancel();
        };
        auto [first, second, none] = co_await async::when_all(work(scope), work(scope), stop(scope));
        EXPECT_TRUE(fails_with(first, std::errc::operation_canceled));
        EXPECT_TRUE(fails_with(second, std::errc::operation_canceled));
    }());
}

TEST(Scopes, JoinWaitsForTasksThatTheSameScopeCancelsElsewhere) {
    run_alone([]() -> Task<> {
        async::Scope scope;
        std::optional<async::Group> group;
        bool has_ended = false;
        auto owner = [](std::optional<async::Group>& own, bool& ended) -> Task<> {
            own.emplace(co_await async::this_context());
            own->spawn([&ended]() -> Task<> {
                EXPECT_TRUE(fails_with(co_await async::sleep_for(10s), std::errc::operation_canceled));
                EXPECT_TRUE(ok(co_await async::shield(async::sleep_for(1ms)))); // ends later than the wait
                ended = true;
            });
            EXPECT_TRUE(fails_with(co_await async::sleep_for(10s), std::errc::operation_canceled));
            EXPECT_TRUE(ok(co_await async::shield(async::sleep_for(20ms))));
        };
        auto join = [](std::optional<async::Group>& joined, bool& ended) -> Task<> {
            co_await async::yield();
            EXPECT_TRUE(ok(co_await joined->join())); // waits when the scope is cancelled
            EXPECT_TRUE(ended);
            EXPECT_TRUE(ok(co_await joined->join()));
        };
        auto stop = [](async::Scope& shared) -> Task<> {
            EXPECT_TRUE(ok(co_await async::sleep_for(1ms)));
            shared.cancel();
        };
        static_cast<void>(co_await async::when_all(async::within(scope, owner(group, has_ended)),
                                                   async::within(scope, join(group, has_ended)),
                                                   stop(scope)));

        // Another scope that contains only the wait ends it.
        async::Scope own;
        async::Group other(co_await async::this_context());
        other.spawn([]() -> Task<> { static_cast<void>(co_await async::sleep_for(10s)); });
        own.cancel();
        EXPECT_TRUE(fails_with(co_await async::within(own, other.join()), std::errc::operation_canceled));
        other.cancel();
        EXPECT_TRUE(ok(co_await other.join()));
    }());
}

TEST(Scopes, NestedAHundredThousandDeepAreCancelledWithoutRecursion) {
    run_alone([]() -> Task<> {
        struct Nested {
            static Task<Result<>> of(int depth) {
                if (depth == 0) co_return co_await async::sleep_for(10s);
                co_return co_await async::timeout(10s, of(depth - 1));
            }
        };
        EXPECT_TRUE(fails_with(co_await async::timeout(5ms, Nested::of(100'000)), std::errc::timed_out));
    }());
}

// Checks that the coroutine's scope afterwards is what it was before.
template <class A> Task<> restores(A awaitable) {
    const auto* const before = (co_await async::this_context()).scope;
    EXPECT_TRUE(ok(co_await std::move(awaitable)));
    const auto* const after = (co_await async::this_context()).scope;
    EXPECT_EQ(after, before);
}

TEST(Scopes, NestedCombinatorsLeaveTheScopeAsItWas) {
    run_alone([]() -> Task<> {
        async::Scope scope;
        const auto sleep = [] { return async::sleep_for(1ns); };
        co_await restores(async::shield(async::shield(sleep())));
        co_await restores(async::shield(async::timeout(9s, sleep())));
        co_await restores(async::shield(async::within(scope, sleep())));
        co_await restores(async::timeout(9s, async::shield(sleep())));
        co_await restores(async::timeout(9s, async::timeout(9s, sleep())));
        co_await restores(async::timeout(9s, async::within(scope, sleep())));
        co_await restores(async::within(scope, async::shield(sleep())));
        co_await restores(async::within(scope, async::timeout(9s, sleep())));
        co_await restores(async::within(scope, async::within(scope, sleep())));
    }());
}

#if defined(__cpp_exceptions)
// An awaitable that throws in one of its steps.
struct Throwing {
    bool in_suspend = false;
    void bind(async::Frame&) noexcept {}
    bool await_ready() noexcept { return !in_suspend; }
    bool await_suspend(std::coroutine_handle<>) { throw 1; }
    Result<> await_resume() { throw 2; }
};
TEST(Scopes, AnExceptionLeavesTheScopeAsItWas) {
    run_alone([]() -> Task<> {
        async::Scope scope;
        const auto* const before = (co_await async::this_context()).scope;
        for (const bool in_suspend : {false, true}) {
            int caught = 0;
            try {
                static_cast<void>(co_await async::timeout(9s, async::shield(Throwing(in_suspend))));
            } catch (int) {
                ++caught;
            }
            const auto* after = (co_await async::this_context()).scope;
            EXPECT_EQ(after, before);
            try {
                static_cast<void>(co_await async::within(scope, async::timeout(9s, Throwing(in_suspend))));
            } catch (int) {
                ++caught;
            }
            after = (co_await async::this_context()).scope;
            EXPECT_EQ(after, before);
            EXPECT_EQ(caught, 2);
        }
    }());
}
#endif

TEST(Scopes, ACoroutineThatNeverWaitsYieldsAfterItsSlice) {
    run_alone([]() -> Task<> {
        async::Event set(true);
        bool is_done = false;
        int turns = 0;
        auto busy = [](async::Event& event, bool& done) -> Task<> {
            for (int i = 0; i < 640; ++i) EXPECT_TRUE(ok(co_await event.wait()));
            done = true;
        };
        auto other = [](const bool& done, int& count) -> Task<> {
            while (!done) {
                co_await async::yield();
                ++count;
            }
        };
        co_await async::when_all(busy(set, is_done), other(is_done, turns));
        // A slice is 64 operations, and each turn brings a new one.
        EXPECT_GE(turns, 9);
        EXPECT_LE(turns, 12);
    }());
}

// Groups.

TEST(Group, KeepsFunctionAndArgumentsAlive) {
    run_alone([]() -> Task<> {
        async::Group group(co_await async::this_context());
        std::string joined;
        {
            std::string text(100, 'x');
            group.spawn(
                [&joined, prefix = std::string(100, 'p')](const std::string& rest) -> Task<> {
                    co_await async::yield();
                    joined = prefix + rest;
                },
                text);
        }
        EXPECT_EQ(group.size(), 1u);
        EXPECT_TRUE(ok(co_await group.join()));
        EXPECT_TRUE(group.empty());
        EXPECT_EQ(joined, std::string(100, 'p') + std::string(100, 'x'));
    }());
}

TEST(Group, JoinWithALimitLeavesTheTasksAlone) {
    run_alone([]() -> Task<> {
        async::Group group(co_await async::this_context());
        std::optional<Result<>> result;
        group.spawn([&result]() -> Task<> { result = co_await async::sleep_for(10s); });
        EXPECT_TRUE(fails_with(co_await async::timeout(2ms, group.join()), std::errc::timed_out));
        EXPECT_EQ(group.size(), 1u);
        EXPECT_FALSE(result);
        group.cancel();
        EXPECT_TRUE(ok(co_await group.join()));
        EXPECT_TRUE(result && fails_with(*result, std::errc::operation_canceled));
    }());
}

TEST(Group, JoinWithALimitEndsAlsoIfTheGroupIsCancelled) {
    run_alone([]() -> Task<> {
        async::Group group(co_await async::this_context());
        group.spawn([]() -> Task<> { static_cast<void>(co_await async::shield(async::sleep_for(10s))); });
        co_await async::yield();
        co_await async::yield();
        group.cancel();
        EXPECT_TRUE(fails_with(co_await async::timeout(2ms, group.join()), std::errc::timed_out));
        EXPECT_EQ(group.size(), 1u);
    }());
}

TEST(Group, ACancelledCoroutineWaitsForItsTasks) {
    run_alone([]() -> Task<> {
        int ended = 0;
        auto owner = [](int& count) -> Task<Result<>> {
            async::Group group(co_await async::this_context());
            group.spawn(
                [](Guard) -> Task<> {
                    static_cast<void>(co_await async::sleep_for(10s));
                    static_cast<void>(co_await async::shield(async::sleep_for(2ms)));
                },
                Guard(count));
            auto joined = co_await group.join();
            EXPECT_EQ(count, 1);
            EXPECT_TRUE(ok(co_await group.join()));
            co_return joined;
        };
        EXPECT_TRUE(ok(co_await async::timeout(1ms, owner(ended))));
        EXPECT_EQ(ended, 1);
    }());
}

TEST(Group, AJoinWithALimitWaitsForTasksThatAreCancelledWithIt) {
    run_alone([]() -> Task<> {
        int ended = 0;
        auto owner = [](int& count) -> Task<Result<>> {
            async::Group group(co_await async::this_context());
            group.spawn(
                [](Guard) -> Task<> {
                    static_cast<void>(co_await async::sleep_for(10s));
                    static_cast<void>(co_await async::shield(async::sleep_for(2ms)));
                },
                Guard(count));
            // The limit is a scope of its own, which the group is not in. Both are cancelled from outside.
            auto joined = co_await async::timeout(10s, group.join());
            EXPECT_EQ(count, 1);
            co_return joined;
        };
        EXPECT_TRUE(ok(co_await async::timeout(1ms, owner(ended))));
    }());
}

TEST(Group, EndsItsTasksWhereTheyStandWhenItIsDestroyed) {
    run_alone([]() -> Task<> {
        int ended = 0;
        {
            async::Group group(co_await async::this_context());
            for (int i = 0; i < 3; ++i)
                group.spawn([](Guard) -> Task<> { static_cast<void>(co_await async::sleep_for(10s)); },
                            Guard(ended));
            co_await async::yield();
            co_await async::yield();
            group.spawn([](Guard) -> Task<> { co_return; }, Guard(ended)); // never starts
        }
        EXPECT_EQ(ended, 4);
    }());
}

TEST(Group, AllJoinsEnd) {
    run_alone([]() -> Task<> {
        async::Group group(co_await async::this_context());
        group.spawn([]() -> Task<> { static_cast<void>(co_await async::sleep_for(2ms)); });
        auto [first, second] =
            co_await async::when_all(async::timeout(10s, group.join()), async::timeout(10s, group.join()));
        EXPECT_TRUE(ok(first));
        EXPECT_TRUE(ok(second));
    }());
}

TEST(Group, AJoinInACancelledScopeEndsAtOnce) {
    run_alone([]() -> Task<> {
        async::Group group(co_await async::this_context());
        group.spawn([]() -> Task<> { static_cast<void>(co_await async::sleep_for(100s)); });
        async::Scope scope;
        scope.cancel();
        EXPECT_TRUE(fails_with(co_await async::within(scope, group.join()), std::errc::operation_canceled));
    }());
}

TEST(Group, AJoinThatHasEndedIsNotCancelledBeforeItsCoroutineResumes) {
    run_alone([]() -> Task<> {
        for (const bool is_destroyed : {false, true}) {
            std::optional<async::Group> group(std::in_place, co_await async::this_context());
            async::Scope scope;
            async::Event over;
            group->spawn([](async::Event& until) -> Task<> { static_cast<void>(co_await until.wait()); },
                         std::ref(over));
            auto join = [](async::Group& joined, async::Scope& in) -> Task<Result<>> {
                co_return co_await async::within(in, joined.join());
            };
            // Coroutines that become ready resume in the next turn: the group's task first, then this one.
            auto end = [](std::optional<async::Group>& joined, async::Scope& in, async::Event& ends,
                          bool destroys) -> Task<> {
                co_await async::yield();
                if (destroys) {
                    joined.reset();
                } else {
                    ends.set();
                    co_await async::yield();
                    EXPECT_TRUE(joined->empty());
                }
                in.cancel();
            };
            auto [joined, none] =
                co_await async::when_all(join(*group, scope), end(group, scope, over, is_destroyed));
            if (is_destroyed) {
                EXPECT_TRUE(fails_with(joined, std::errc::operation_canceled));
            } else {
                EXPECT_TRUE(ok(joined));
            }
        }
    }());
}

// A task that only ends when its group is destroyed.
Task<> shielded_sleep() { static_cast<void>(co_await async::shield(async::sleep_for(100s))); }

TEST(Group, AShieldedJoinWithALimitEndsInACancelledScope) {
    run_alone([]() -> Task<> {
        async::Scope scope;
        auto owner = [](async::Scope& own) -> Task<> {
            async::Group group(co_await async::this_context());
            group.spawn(shielded_sleep());
            co_await async::yield();
            co_await async::yield();
            own.cancel(); // the coroutine, and the group
            EXPECT_TRUE(
                fails_with(co_await async::shield(async::timeout(2ms, group.join())), std::errc::timed_out));
        };
        co_await async::within(scope, owner(scope));
    }());
}

TEST(Group, ACancelledJoinOfAShieldedGroupEnds) {
    run_alone([]() -> Task<> {
        async::Scope scope;
        async::Event stop;
        std::optional<async::Group> group;
        // Makes the group in a shield, and keeps that.
        auto owner = [](std::optional<async::Group>& made, async::Event& until) -> Task<Result<>> {
            made.emplace(co_await async::this_context());
            made->spawn([]() -> Task<> { static_cast<void>(co_await async::sleep_for(100s)); });
            co_return co_await until.wait();
        };
        auto join = [](std::optional<async::Group>& made, async::Event& over) -> Task<> {
            co_await async::yield();
            EXPECT_TRUE(fails_with(co_await made->join(), std::errc::operation_canceled));
            made.reset();
            over.set();
        };
        auto cancel = [](async::Scope& all) -> Task<> {
            for (int i = 0; i < 3; ++i) co_await async::yield();
            all.cancel();
        };
        co_await async::within(
            scope, async::when_all(async::shield(owner(group, stop)), join(group, stop), cancel(scope)));
    }());
}

TEST(Group, OutlivesTheScopeThatItWasMadeIn) {
    run_alone([]() -> Task<> {
        std::optional<async::Group> group;
        auto make = [](std::optional<async::Group>& made) -> Task<> {
            auto inner = [](std::optional<async::Group>& in) -> Task<Result<>> {
                in.emplace(co_await async::this_context());
                in->spawn(shielded_sleep());
                co_return {};
            };
            EXPECT_TRUE(ok(co_await async::timeout(10s, inner(made))));
        };
        co_await make(group);
        EXPECT_TRUE(fails_with(co_await async::timeout(2ms, group->join()), std::errc::timed_out));
        group->cancel();
        EXPECT_TRUE(fails_with(co_await async::timeout(2ms, group->join()), std::errc::timed_out));
    }());
}

// A task that was moved from, in each place that takes a task. In every build, also one without assertions.
TEST(TaskDeathTest, StartingAnEmptyTaskEndsTheProgramWithAMessage) {
    if (mio::backend() == "iocp") GTEST_SKIP() << "Wine shows a dialogue";
    testing::FLAGS_gtest_death_test_style = "threadsafe";
    const char* const message = "mio: a task was started that is empty";
    const auto some = []() -> Task<Result<>> { co_return {}; };
    const auto none = [] { // returns an empty task
        auto moved = []() -> Task<> { co_return; }();
        const auto taken = std::move(moved);
        EXPECT_FALSE(moved);
        return moved;
    };
    const auto no_result = [&some] {
        auto moved = some();
        const auto taken = std::move(moved);
        return moved;
    };
    const auto expect_death = [&](const char* where, auto await) {
        SCOPED_TRACE(where);
        EXPECT_DEATH(run_alone([](auto fn) -> Task<> { co_await fn(); }(await)), message);
    };
    expect_death("co_await", [&]() -> Task<> { co_await none(); });
    expect_death("co_await, twice", [&]() -> Task<> {
        auto task = some();
        static_cast<void>(co_await std::move(task));
        static_cast<void>(co_await std::move(task));
    });
    expect_death("when_all", [&]() -> Task<> { co_await async::when_all(some(), none()); });
    expect_death("when_any", [&]() -> Task<> { co_await async::when_any(none(), some()); });
    expect_death("timeout", [&]() -> Task<> { co_await async::timeout(10s, no_result()); });
    expect_death("shield", [&]() -> Task<> { co_await async::shield(none()); });
    expect_death("within", [&]() -> Task<> {
        async::Scope scope;
        co_await async::within(scope, none());
    });
    expect_death("stoppable", [&]() -> Task<> {
        co_await async::stoppable<std::stop_callback>(std::stop_source().get_token(), none());
    });
    expect_death("Group::spawn", [&]() -> Task<> {
        async::Group group(co_await async::this_context());
        group.spawn(none());
    });
    expect_death("Group::spawn, a function", [&]() -> Task<> {
        async::Group group(co_await async::this_context());
        group.spawn(none);
        static_cast<void>(co_await group.join());
    });
    expect_death("RemoteLoop::call", [&]() -> Task<> {
        const auto here = co_await async::this_context();
        static_cast<void>(co_await here.loop->remote().call(none));
    });
    auto loop = must(async::Loop::create());
    EXPECT_DEATH(async::spawn(loop, none()), message);
    EXPECT_DEATH(static_cast<void>(async::run(loop, none())), message);
}

#if defined(__cpp_exceptions)
TEST(GroupDeathTest, AnExceptionOfASpawnedTaskEndsTheProgramAndIsNamed) {
    if (mio::backend() == "iocp") GTEST_SKIP() << "Wine shows a dialogue";
    testing::FLAGS_gtest_death_test_style = "threadsafe";
    const auto fail = []() -> Task<> {
        co_await async::yield();
        throw std::runtime_error("the reason");
    };
    EXPECT_DEATH(run_alone([](auto failing) -> Task<> {
                     async::Group group(co_await async::this_context());
                     group.spawn(failing);
                     static_cast<void>(co_await group.join());
                 }(fail)),
                 "the reason");
    EXPECT_DEATH(
        {
            auto loop = must(async::Loop::create());
            async::spawn(loop, fail());
            static_cast<void>(loop.shut_down());
        },
        "the reason");
}
#endif

TEST(Group, DestroyingItEndsJoins) {
    run_alone([]() -> Task<> {
        std::optional<async::Group> group(std::in_place, co_await async::this_context());
        group->spawn([]() -> Task<> { static_cast<void>(co_await async::sleep_for(10s)); });
        auto join = [](async::Group& joined) -> Task<Result<>> { co_return co_await joined.join(); };
        auto destroy = [](std::optional<async::Group>& target) -> Task<> {
            co_await async::yield();
            target.reset();
        };
        auto [first, second, none] = co_await async::when_all(
            async::timeout(10s, join(*group)), async::timeout(10s, group->join()), destroy(group));
        EXPECT_TRUE(fails_with(first, std::errc::operation_canceled));
        EXPECT_TRUE(fails_with(second, std::errc::operation_canceled));
    }());
}

TEST(Group, AJoinThatDestructionEndedIsNotCancelledAsWell) {
    auto loop = must(async::Loop::create());
    std::optional<async::Group> group(std::in_place, loop);
    async::Scope scope;
    async::Event other;
    int joins = 0, waits = 0;
    group->spawn([]() -> Task<> { static_cast<void>(co_await async::sleep_for(100s)); });
    async::spawn(loop, [](async::Group& joined, async::Scope& in, int& count) -> Task<> {
        EXPECT_TRUE(fails_with(co_await async::within(in, joined.join()), std::errc::operation_canceled));
        ++count;
    }(*group, scope, joins));
    async::spawn(loop, [](async::Event& event, int& count) -> Task<> {
        EXPECT_TRUE(ok(co_await event.wait()));
        ++count;
    }(other, waits));
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(ok(loop.turn(0ns)));
    // Before either coroutine resumes. One that is made ready twice displaces those in between.
    group.reset();
    other.set();
    scope.cancel();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(ok(loop.turn(0ns)));
    EXPECT_EQ(joins, 1);
    EXPECT_EQ(waits, 1);
}

TEST(Group, OutlivesItsLoop) {
    int ended = 0;
    std::optional<async::Loop> loop = must(async::Loop::create());
    async::Group group(*loop);
    group.spawn([](Guard) -> Task<> { static_cast<void>(co_await async::sleep_for(10s)); }, Guard(ended));
    ASSERT_TRUE(ok(loop->turn(0ns)));
    EXPECT_EQ(group.size(), 1u);
    loop.reset();
    EXPECT_EQ(ended, 1);
    EXPECT_EQ(group.size(), 0u);
    EXPECT_TRUE(group.empty());
    group.spawn([](Guard) -> Task<> { co_return; }, Guard(ended));
    EXPECT_EQ(ended, 2);
}

TEST(Loop, DestructionDestroysUnfinishedCoroutines) {
    for (int turns = 0; turns < 4; ++turns) {
        int ended = 0;
        {
            auto loop = must(async::Loop::create());
            auto waits = [](Guard) -> Task<Result<>> { co_return co_await async::sleep_for(100s); };
            async::spawn(loop, [](auto make, int& count) -> Task<> {
                Guard guard(count);
                static_cast<void>(co_await async::when_all(make(Guard(count)), make(Guard(count))));
            }(waits, ended));
            async::spawn(loop, [](auto make, int& count) -> Task<> {
                co_await async::yield();
                static_cast<void>(co_await async::timeout(50s, make(Guard(count))));
            }(waits, ended));
            async::spawn(loop, [](Guard) -> Task<> {
                static_cast<void>(co_await async::sleep_for(1s));
            }(Guard(ended)));
            for (int i = 0; i < turns; ++i) ASSERT_TRUE(ok(loop.turn(0ns)));
        }
        EXPECT_EQ(ended, turns == 0 ? 1 : turns == 1 ? 4 : 5) << turns;
    }
}

// Appends its number at its end.
struct Numbered {
    Numbered(std::vector<int>& list, int value) noexcept : numbers(&list), number(value) {}
    Numbered(Numbered&& other) noexcept
        : numbers(std::exchange(other.numbers, nullptr)), number(other.number) {}
    ~Numbered() {
        if (numbers != nullptr) numbers->push_back(number);
    }
    std::vector<int>* numbers;
    int number;
};

TEST(Loop, DestroysTheLatestTaskFirst) {
    std::vector<int> order;
    {
        auto loop = must(async::Loop::create());
        async::Group group(loop);
        auto task = [](Numbered) -> Task<> { static_cast<void>(co_await async::sleep_for(100s)); };
        for (int i = 1; i <= 3; ++i) {
            async::spawn(loop, task(Numbered(order, i)));
            group.spawn(task(Numbered(order, 10 + i)));
        }
        ASSERT_TRUE(ok(loop.turn(0ns)));
    }
    EXPECT_EQ(order, (std::vector{13, 12, 11, 3, 2, 1}));
}

TEST(Loop, DestroysWhatIsSpawnedWhileItIsDestroyed) {
    int ended = 0;
    {
        auto loop = must(async::Loop::create());
        struct Spawner {
            async::LoopCore* loop;
            int* count;
            ~Spawner() {
                async::spawn(*loop, [](Guard) -> Task<> {
                    static_cast<void>(co_await async::sleep_for(1s));
                }(Guard(*count)));
            }
        };
        // One of the loop's own tasks, and one of a group, which is destroyed after them.
        async::Group group(loop);
        auto task = [](async::LoopCore& own, int& count) -> Task<> {
            const Spawner spawner{&own, &count};
            static_cast<void>(co_await async::sleep_for(100s));
        };
        async::spawn(loop, task(loop.core(), ended));
        group.spawn(task(loop.core(), ended));
        ASSERT_TRUE(ok(loop.turn(0ns)));
        async::Loop destroyed(std::move(loop));
    }
    EXPECT_EQ(ended, 2);
}

TEST(Loop, EndsTheTasksOfAGroupThatIsMadeWhileItIsDestroyed) {
    int ended = 0;
    std::optional<async::Group> group;
    {
        auto loop = must(async::Loop::create());
        struct Spawner {
            explicit Spawner(async::LoopCore& own, int& number) noexcept : loop(&own), count(&number) {}
            Spawner(Spawner&& other) noexcept
                : loop(std::exchange(other.loop, nullptr)), count(other.count) {}
            ~Spawner() {
                // The loop takes no more tasks.
                if (loop != nullptr) async::spawn(*loop, [](Guard) -> Task<> { co_return; }(Guard(*count)));
            }
            async::LoopCore* loop;
            int* count;
        };
        struct Maker {
            std::optional<async::Group>* made;
            async::LoopCore* loop;
            int* count;
            ~Maker() {
                made->emplace(async::Context{loop, &loop->root()});
                (*made)->spawn([](Guard, Spawner) -> Task<> { co_return; }, Guard(*count),
                               Spawner(*loop, *count));
            }
        };
        async::spawn(loop, [](std::optional<async::Group>& to, async::LoopCore& own, int& count) -> Task<> {
            const Maker maker{&to, &own, &count};
            static_cast<void>(co_await async::sleep_for(100s));
        }(group, loop.core(), ended));
        ASSERT_TRUE(ok(loop.turn(0ns)));
    }
    EXPECT_EQ(ended, 2);
    ASSERT_TRUE(group.has_value());
    EXPECT_TRUE(group->empty());
    group->spawn([](Guard) -> Task<> { co_return; }(Guard(ended)));
    EXPECT_EQ(ended, 3) << "the group still has its loop";
}

TEST(Loop, ShutDownCancelsAndWaits) {
    auto loop = must(async::Loop::create());
    int ended = 0;
    async::spawn(loop, [](Guard) -> Task<> {
        static_cast<void>(co_await async::sleep_for(100s));
        static_cast<void>(co_await async::shield(async::sleep_for(1ms)));
    }(Guard(ended)));
    ASSERT_TRUE(ok(loop.turn(0ns)));
    ASSERT_TRUE(ok(loop.shut_down()));
    EXPECT_EQ(ended, 1);
    EXPECT_TRUE(ok(must(async::run(loop, sleeper(1ms)))));
}

TEST(Loop, ATurnInsideATurnIsAnError) {
    auto loop = must(async::Loop::create());
    async::spawn(loop, [](async::Loop& own) -> Task<> {
        EXPECT_TRUE(fails_with(own.turn(0ns), std::errc::resource_deadlock_would_occur));
        co_return;
    }(loop));
    ASSERT_TRUE(ok(loop.turn()));
    EXPECT_TRUE(loop.is_idle());
}

TEST(Loop, AMainTaskCannotRunItsLoop) {
    auto loop = must(async::Loop::create());
    const auto attempt = [](async::Loop& own, int& started) -> Task<> {
        auto count = [](int& calls) -> Task<> {
            ++calls;
            co_return;
        };
        EXPECT_TRUE(fails_with(async::run(own, count(started)), std::errc::resource_deadlock_would_occur));
        EXPECT_TRUE(fails_with(own.turn(0ns), std::errc::resource_deadlock_would_occur));
        EXPECT_TRUE(fails_with(own.shut_down(), std::errc::resource_deadlock_would_occur));
        EXPECT_TRUE(ok(co_await async::sleep_for(1ms))); // `shut_down` has cancelled nothing
    };
    int started = 0;
    const auto twice = [&]() -> Task<> {
        co_await attempt(loop, started); // before the first turn
        co_await attempt(loop, started); // in a turn
        auto other = must(async::Loop::create());
        EXPECT_TRUE(ok(async::run(other, sleeper(1ms)))); // another loop may run
    };
    EXPECT_TRUE(ok(async::run(loop, twice())));
    EXPECT_EQ(started, 0);
}

TEST(Loop, SharesThePollOfTheProgram) {
    auto poll = must(mio::Poll::create());
    auto waker = must(mio::Waker::create(poll.registry(), mio::Token{7}));
    auto first = must(async::Loop::over(poll));
    auto second = must(async::Loop::over(poll));
    EXPECT_TRUE(fails_with(first.turn(0ns), mio::Errc::unsupported));
    auto work = [](mio::Waker& wakes) -> Task<> {
        static_cast<void>(co_await async::sleep_for(2ms));
        EXPECT_TRUE(ok(wakes.wake()));
        static_cast<void>(co_await async::sleep_for(2ms));
    };
    async::spawn(first, work(waker));
    async::spawn(second, work(waker));
    mio::Events events(16);
    int own = 0;
    while (!first.is_idle() || !second.is_idle()) {
        auto deadline = Clock::now() + 10s;
        for (const auto* loop : {&first, &second})
            if (const auto next = loop->deadline(); next && *next < deadline) deadline = *next;
        ASSERT_TRUE(ok(poll.poll_until(events, deadline)));
        for (const auto& event : events) {
            if (first.handle(event) || second.handle(event)) continue;
            EXPECT_EQ(event.token(), mio::Token{7});
            ++own;
        }
        first.finish();
        second.finish();
    }
    EXPECT_GE(own, 1);
}

} // namespace
