#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "posix.hpp"

using namespace test;
using mio::Signal;
using mio::Signals;

namespace {

constexpr Token id{7}, id2{8};

bool is_blocked(int number) {
    ::sigset_t mask;
    sigemptyset(&mask);
    ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
    return sigismember(&mask, number) == 1;
}

void set_blocked(int number, bool on) {
    ::sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    ::pthread_sigmask(on ? SIG_BLOCK : SIG_UNBLOCK, &set, nullptr);
}

void send_to_self(int number) { ASSERT_EQ(::kill(::getpid(), number), 0); }

/// Receives until would-block.
std::vector<int> all_of(Signals& signals) {
    std::vector<int> numbers;
    while (true) {
        const auto info = signals.receive();
        if (!info) {
            EXPECT_TRUE(blocks(info));
            std::ranges::sort(numbers);
            return numbers;
        }
        EXPECT_EQ(info->sender.value_or(::getpid()), ::getpid());
        numbers.push_back(info->signal.number());
    }
}

std::vector<int> sorted(std::vector<int> numbers) {
    std::ranges::sort(numbers);
    return numbers;
}

} // namespace

TEST(Signals, ReportASignalSentToTheProcess) {
    Loop loop;
    auto signals = must(Signals::create({Signal::user1}));
    ASSERT_TRUE(ok(loop.registry().add(signals, id, Interest::readable)));
    loop.expect_none();
    EXPECT_TRUE(blocks(signals.receive()));
    send_to_self(SIGUSR1);
    loop.expect({{id, Interest::readable}});
    EXPECT_EQ(all_of(signals), std::vector{SIGUSR1});
    loop.expect_none();
    send_to_self(SIGUSR1);
    loop.expect({{id, Interest::readable}});
    EXPECT_EQ(all_of(signals), std::vector{SIGUSR1});
}

TEST(Signals, ReportDifferentSignals) {
    Loop loop;
    auto signals = must(Signals::create({Signal::user1, Signal::user2, Signal::terminate, Signal::hangup}));
    ASSERT_TRUE(ok(loop.registry().add(signals, id, Interest::readable)));
    for (const int number : {SIGTERM, SIGUSR2, SIGUSR1, SIGHUP}) send_to_self(number);
    loop.expect({{id, Interest::readable}});
    EXPECT_EQ(all_of(signals), sorted({SIGTERM, SIGUSR2, SIGUSR1, SIGHUP}));
}

// By default these are ignored.
TEST(Signals, ReportSignalsThatAreIgnoredByDefault) {
    Loop loop;
    auto signals = must(Signals::create({Signal::window_change, Signal::child}));
    ASSERT_TRUE(ok(loop.registry().add(signals, id, Interest::readable)));
    send_to_self(SIGWINCH);
    loop.expect({{id, Interest::readable}});
    EXPECT_EQ(all_of(signals), std::vector{SIGWINCH});
    const auto child = ::fork();
    if (child == 0) ::_exit(0);
    loop.expect({{id, Interest::readable}});
    const auto info = must(signals.receive());
    EXPECT_EQ(info.signal, Signal::child);
    EXPECT_EQ(info.sender.value_or(child), child);
    EXPECT_EQ(::waitpid(child, nullptr, 0), child);
}

TEST(Signals, ReportASignalThatWasPendingBefore) {
    set_blocked(SIGUSR1, true);
    send_to_self(SIGUSR1);
    Loop loop;
    {
        auto signals = must(Signals::create({Signal::user1}));
        ASSERT_TRUE(ok(loop.registry().add(signals, id, Interest::readable)));
        loop.expect({{id, Interest::readable}});
        EXPECT_EQ(all_of(signals), std::vector{SIGUSR1});
    }
    EXPECT_TRUE(is_blocked(SIGUSR1)) << "it was blocked before";
    set_blocked(SIGUSR1, false);
}

TEST(Signals, AStormLosesNoLastSignal) {
    Loop loop;
    auto signals = must(Signals::create({Signal::user1, Signal::user2}));
    ASSERT_TRUE(ok(loop.registry().add(signals, id, Interest::readable)));
    constexpr int total = 20'000;
    std::thread sender([] {
        for (int i = 0; i < total; ++i) ::kill(::getpid(), SIGUSR1);
        ::kill(::getpid(), SIGUSR2);
    });
    int received = 0;
    for (bool is_over = false; !is_over;) {
        ASSERT_TRUE(ok(loop.poll.poll(loop.events, generous_margin)));
        ASSERT_FALSE(loop.events.empty());
        for (const int number : all_of(signals)) {
            if (number == SIGUSR2) is_over = true;
            if (number == SIGUSR1) ++received;
        }
    }
    sender.join();
    EXPECT_GE(received, 1);
    EXPECT_LE(received, total);
    send_to_self(SIGUSR1);
    loop.expect({{id, Interest::readable}});
    EXPECT_EQ(all_of(signals), std::vector{SIGUSR1});
}

TEST(Signals, LevelIsReportedUntilReceived) {
    Loop loop;
    auto signals = must(Signals::create({Signal::user1, Signal::user2}));
    ASSERT_TRUE(ok(loop.registry().add(signals, id, Interest::readable, mio::Trigger::level)));
    send_to_self(SIGUSR1);
    send_to_self(SIGUSR2);
    loop.expect({{id, Interest::readable}});
    loop.expect({{id, Interest::readable}});
    EXPECT_TRUE(ok(signals.receive()));
    loop.expect({{id, Interest::readable}});
    EXPECT_TRUE(ok(signals.receive()));
    loop.expect_none();
}

TEST(Signals, OneshotIsReportedAgainAfterModify) {
    Loop loop;
    auto signals = must(Signals::create({Signal::user1, Signal::user2}));
    ASSERT_TRUE(ok(loop.registry().add(signals, id, Interest::readable, mio::Trigger::oneshot)));
    send_to_self(SIGUSR1);
    loop.expect({{id, Interest::readable}});
    send_to_self(SIGUSR2);
    loop.expect_none();
    ASSERT_TRUE(ok(loop.registry().modify(signals, id2, Interest::readable, mio::Trigger::oneshot)));
    loop.expect({{id2, Interest::readable}});
    loop.expect_none();
    ASSERT_TRUE(ok(loop.registry().renew(signals)));
    loop.expect({{id2, Interest::readable}});
    EXPECT_EQ(all_of(signals), sorted({SIGUSR1, SIGUSR2}));
}

TEST(Signals, OfSeveralPollsReportTheirOwn) {
    Loop first, second;
    auto one = must(Signals::create({Signal::user1}));
    auto other = must(Signals::create({Signal::user2}));
    ASSERT_TRUE(ok(first.registry().add(one, id, Interest::readable)));
    ASSERT_TRUE(ok(second.registry().add(other, id2, Interest::readable)));
    send_to_self(SIGUSR2);
    second.expect({{id2, Interest::readable}});
    first.expect_none();
    send_to_self(SIGUSR1);
    first.expect({{id, Interest::readable}});
    EXPECT_EQ(all_of(one), std::vector{SIGUSR1});
    EXPECT_EQ(all_of(other), std::vector{SIGUSR2});
}

TEST(Signals, AThreadStartedAfterwardsCanPollThem) {
    auto signals = must(Signals::create({Signal::user1}));
    std::atomic<bool> is_registered = false;
    std::thread server([&] {
        Loop loop;
        ASSERT_TRUE(ok(loop.registry().add(signals, id, Interest::readable)));
        is_registered = true;
        loop.expect({{id, Interest::readable}});
        EXPECT_EQ(all_of(signals), std::vector{SIGUSR1});
        EXPECT_TRUE(ok(loop.registry().remove(signals)));
    });
    while (!is_registered) std::this_thread::yield();
    send_to_self(SIGUSR1);
    server.join();
}

TEST(Signals, DestructionUnblocksWhatWasNotBlocked) {
    set_blocked(SIGUSR2, true);
    {
        const auto signals = must(Signals::create({Signal::user1, Signal::user2, Signal::user1}));
        EXPECT_TRUE(is_blocked(SIGUSR1));
        EXPECT_TRUE(is_blocked(SIGUSR2));
        EXPECT_FALSE(is_blocked(SIGTERM));
    }
    EXPECT_FALSE(is_blocked(SIGUSR1));
    EXPECT_TRUE(is_blocked(SIGUSR2));
    set_blocked(SIGUSR2, false);
}

TEST(Signals, TheLastOfSeveralUnblocks) {
    for (const bool first_goes_first : {true, false}) {
        auto first = must(Signals::create({Signal::user1}));
        auto second = must(Signals::create({Signal::user1, Signal::user2}));
        auto& gone = first_goes_first ? first : second;
        {
            const auto end = std::move(gone);
        }
        EXPECT_TRUE(is_blocked(SIGUSR1));
        EXPECT_EQ(is_blocked(SIGUSR2), first_goes_first);
        auto& rest = first_goes_first ? second : first;
        send_to_self(SIGUSR1);
        EXPECT_EQ(all_of(rest), std::vector{SIGUSR1});
        {
            const auto end = std::move(rest);
        }
        EXPECT_FALSE(is_blocked(SIGUSR1));
        EXPECT_FALSE(is_blocked(SIGUSR2));
    }
}

TEST(Signals, DestructionInAnotherThreadLeavesThemBlocked) {
    std::thread other(
        [signals = must(Signals::create({Signal::user1}))] { EXPECT_TRUE(is_blocked(SIGUSR1)); });
    other.join();
    EXPECT_TRUE(is_blocked(SIGUSR1));
    // The next one to be destroyed here restores the mask.
    {
        const auto again = must(Signals::create({Signal::user1}));
    }
    EXPECT_FALSE(is_blocked(SIGUSR1));
}

TEST(Signals, CanOutliveTheThreadThatCreatedThem) {
    std::optional<Signals> signals;
    std::thread([&] { signals = must(Signals::create({Signal::user1})); }).join();
    EXPECT_FALSE(is_blocked(SIGUSR1)) << "only the creator blocks them";
    signals.reset();
    EXPECT_FALSE(is_blocked(SIGUSR1));
}

TEST(Signals, ASignalNotReceivedDoesNotActAfterDestruction) {
    EXPECT_TRUE(holds_in_child([] {
        {
            const auto signals = must(Signals::create({Signal::user1, Signal::user2}));
            send_to_self(SIGUSR1);
            send_to_self(SIGUSR2);
        }
        EXPECT_FALSE(is_blocked(SIGUSR1));
    }));
}

TEST(Signals, DestructionLeavesASignalThatAnotherObjectUses) {
    EXPECT_TRUE(holds_in_child([] {
        auto other = must(Signals::create({Signal::user1}));
        {
            const auto signals = must(Signals::create({Signal::user1}));
            send_to_self(SIGUSR1);
        }
        EXPECT_EQ(all_of(other), std::vector{SIGUSR1});
    }));
}

TEST(Signals, AReceivedSignalDoesNotActAfterDestruction) {
    EXPECT_TRUE(holds_in_child([] {
        {
            auto signals = must(Signals::create({Signal::user1}));
            send_to_self(SIGUSR1);
            EXPECT_EQ(all_of(signals), std::vector{SIGUSR1});
        }
        EXPECT_FALSE(is_blocked(SIGUSR1));
    }));
}

TEST(Signals, RejectWhatCannotBeBlocked) {
    const DescriptorGuard guard;
    for (const int number : {SIGKILL, SIGSTOP, 0, -1, 1'000'000}) {
        EXPECT_TRUE(fails_with(Signals::create({Signal::user1, Signal::from_number(number)}),
                               std::errc::invalid_argument))
            << number;
        EXPECT_FALSE(is_blocked(SIGUSR1)) << "a failed call blocks nothing";
    }
}

TEST(Signals, ReportDescriptorExhaustionAndBlockNothing) {
    EXPECT_TRUE(holds_in_child([] {
        const auto created = without_descriptors([] { return Signals::create({Signal::user1}); });
        EXPECT_TRUE(fails_with(created, std::errc::too_many_files_open));
        EXPECT_FALSE(is_blocked(SIGUSR1));
    }));
}

TEST(Signals, CanBeMovedWhileRegistered) {
    const DescriptorGuard guard;
    Loop loop;
    auto signals = must(Signals::create({Signal::user1}));
    EXPECT_TRUE(is_close_on_exec(signals.raw()));
    ASSERT_TRUE(ok(loop.registry().add(signals, id, Interest::readable)));
    EXPECT_TRUE(
        fails_with(loop.registry().add(signals, id, Interest::readable), mio::Errc::already_registered));
    Signals moved(std::move(signals));
    signals = std::move(moved);
    EXPECT_EQ(moved.raw(), mio::invalid_handle);
    EXPECT_FALSE(loop.registry().add(moved, id2, Interest::readable));
    EXPECT_FALSE(moved.receive());
    EXPECT_TRUE(fails_with(loop.registry().remove(moved), mio::Errc::not_registered));
    send_to_self(SIGUSR1);
    loop.expect({{id, Interest::readable}});
    EXPECT_EQ(all_of(signals), std::vector{SIGUSR1});
    EXPECT_TRUE(ok(loop.registry().remove(signals)));
    EXPECT_TRUE(fails_with(loop.registry().remove(signals), mio::Errc::not_registered));
}

TEST(Signals, AChildOfForkCanDestroyThem) {
    Loop loop;
    auto signals = must(Signals::create({Signal::user1}));
    ASSERT_TRUE(ok(loop.registry().add(signals, id, Interest::readable)));
    EXPECT_TRUE(holds_in_child([&] {
        EXPECT_TRUE(is_blocked(SIGUSR1)) << "the mask is inherited";
        // A kqueue is not inherited; its number may be reused.
        std::vector<std::pair<plain::Socket, plain::Socket>> pipes;
        do {
            pipes.push_back(plain::pipe());
        } while (pipes.back().second.fd() < signals.raw());
        {
            const auto end = std::move(signals);
        }
        for (const auto& pipe : pipes) EXPECT_TRUE(is_open(pipe.first.fd()) && is_open(pipe.second.fd()));
        EXPECT_FALSE(is_blocked(SIGUSR1));
    }));
    send_to_self(SIGUSR1);
    loop.expect({{id, Interest::readable}});
    EXPECT_EQ(all_of(signals), std::vector{SIGUSR1});
}

TEST(Signal, HasANumberAndAName) {
    EXPECT_EQ(Signal::user1.number(), SIGUSR1);
    EXPECT_EQ(Signal::from_number(SIGTERM), Signal::terminate);
    EXPECT_EQ(to_string(Signal::window_change), "window_change");
    EXPECT_EQ(to_string(Signal::from_number(1234)), "signal 1234");
}
