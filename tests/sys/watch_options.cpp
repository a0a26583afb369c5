// EPOLLEXCLUSIVE and EPOLLWAKEUP: `mio::sys::epoll::set_watch_options`.
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "posix.hpp"

import mio.sys.epoll;

using namespace test;
using mio::Errc;
using mio::Trigger;
using mio::sys::epoll::Selector;
using mio::sys::epoll::set_watch_options;
using mio::sys::epoll::watch_options;
using mio::sys::epoll::WatchOptions;

namespace {

constexpr Token id1{1}, id2{2};
constexpr WatchOptions none{}, exclusive{.is_exclusive = true}, awake{.prevents_suspend = true},
    both{.is_exclusive = true, .prevents_suspend = true};

/// The `events` word of a registration, from the epoll instance's fdinfo; 0 if there is none. The kernel adds
/// EPOLLERR and EPOLLHUP.
std::uint32_t word_of(int epoll, int handle) {
    std::ifstream info("/proc/self/fdinfo/" + std::to_string(epoll));
    for (std::string line; std::getline(info, line);) {
        std::istringstream words(line);
        std::string label;
        int fd = -1;
        std::uint32_t events = 0;
        if (words >> label && label == "tfd:" && words >> fd >> label >> std::hex >> events && fd == handle)
            return events & ~(EPOLLERR | EPOLLHUP);
    }
    return 0;
}

/// Whether the kernel keeps EPOLLWAKEUP in this process.
bool keeps_wakeup() {
    const plain::Socket epoll(::epoll_create1(EPOLL_CLOEXEC));
    const auto [here, there] = plain::socket_pair();
    ::epoll_event event{.events = EPOLLIN | EPOLLWAKEUP, .data = {}};
    EXPECT_EQ(::epoll_ctl(epoll.fd(), EPOLL_CTL_ADD, here.fd(), &event), 0);
    return (word_of(epoll.fd(), here.fd()) & EPOLLWAKEUP) != 0;
}

class EpollWatchOptions : public testing::Test {
  protected:
    ~EpollWatchOptions() override {
        if (state != 0) Selector::forget(state);
    }

    void add(Trigger trigger = Trigger::edge, Interest interest = Interest::readable) {
        state = must(selector.add(listener.fd(), id1, interest, trigger));
    }
    std::uint32_t word() const { return word_of(selector.raw_fd(), listener.fd()); }
    std::size_t select() {
        EXPECT_TRUE(ok(selector.select(events, 500ms)));
        return events.size();
    }
    void expect_nothing() {
        EXPECT_TRUE(ok(selector.select(events, 20ms)));
        EXPECT_TRUE(events.empty());
    }

    Selector selector{must(Selector::open())};
    mio::Events events = events_for<Selector>(16);
    const plain::Socket listener = plain::listen(local_v4());
    std::uint64_t state = 0;
};

} // namespace

TEST_F(EpollWatchOptions, ChangeTheFlagsOfTheRegistration) {
    const std::uint32_t wakeup = keeps_wakeup() ? std::uint32_t{EPOLLWAKEUP} : 0;
    for (const auto trigger : {Trigger::edge, Trigger::level}) {
        add(trigger);
        const std::uint32_t edge = trigger == Trigger::edge ? std::uint32_t{EPOLLET} : 0;
        EXPECT_EQ(must(selector.options(listener.fd())), none);
        EXPECT_EQ(word(), EPOLLIN | EPOLLRDHUP | edge);
        const std::pair<WatchOptions, std::uint32_t> all[] = {
            {awake, EPOLLIN | EPOLLRDHUP | wakeup},
            {both, EPOLLIN | EPOLLEXCLUSIVE | wakeup},
            {exclusive, EPOLLIN | EPOLLEXCLUSIVE},
            {none, EPOLLIN | EPOLLRDHUP},
        };
        for (const auto& [options, flags] : all) {
            ASSERT_TRUE(ok(selector.set_options(listener.fd(), options)));
            EXPECT_EQ(must(selector.options(listener.fd())), options);
            EXPECT_EQ(word(), flags | edge);
        }
        Selector::forget(std::exchange(state, 0));
    }
}

TEST_F(EpollWatchOptions, ReportAConditionThatHoldsAgain) {
    add();
    const auto client = plain::connect(plain::address_of(listener));
    for (const auto& options : {none, awake, exclusive, both, none}) {
        EXPECT_EQ(select(), 1u);
        EXPECT_EQ(events[0].token(), id1);
        expect_nothing();
        ASSERT_TRUE(ok(selector.set_options(listener.fd(), options)));
    }
}

TEST_F(EpollWatchOptions, ExclusiveRegistrationCannotBeModifiedOrRenewed) {
    add();
    ASSERT_TRUE(ok(selector.set_options(listener.fd(), exclusive)));
    EXPECT_TRUE(fails_with(selector.modify(listener.fd(), state, id2, Interest::readable, Trigger::edge),
                           std::errc::invalid_argument));
    EXPECT_TRUE(fails_with(selector.renew(state), std::errc::invalid_argument));
    EXPECT_EQ(word(), EPOLLIN | EPOLLEXCLUSIVE | EPOLLET) << "both leave it as it was";
    const auto client = plain::connect(plain::address_of(listener));
    EXPECT_EQ(select(), 1u);
    EXPECT_EQ(events[0].token(), id1);
    // Once it is not exclusive any more, it can.
    ASSERT_TRUE(ok(selector.set_options(listener.fd(), none)));
    ASSERT_TRUE(ok(selector.modify(listener.fd(), state, id2, Interest::readable, Trigger::edge)));
    EXPECT_EQ(select(), 1u);
    EXPECT_EQ(events[0].token(), id2);
}

TEST_F(EpollWatchOptions, ModifyAndRenewKeepTheWakeupFlag) {
    if (!keeps_wakeup()) GTEST_SKIP() << "the kernel ignores EPOLLWAKEUP in this process";
    add();
    ASSERT_TRUE(ok(selector.set_options(listener.fd(), awake)));
    ASSERT_TRUE(ok(selector.renew(state)));
    EXPECT_NE(word() & EPOLLWAKEUP, 0u);
    ASSERT_TRUE(ok(selector.modify(listener.fd(), state, id2, Interest::readable, Trigger::level)));
    EXPECT_NE(word() & EPOLLWAKEUP, 0u);
}

TEST_F(EpollWatchOptions, AreRefusedWhereTheKernelRefusesThem) {
    for (const auto& [trigger, interest] :
         {std::pair(Trigger::oneshot, Interest::readable),
          std::pair(Trigger::edge, Interest::readable | Interest::priority)}) {
        add(trigger, interest);
        const auto before = word();
        EXPECT_TRUE(fails_with(selector.set_options(listener.fd(), exclusive), std::errc::invalid_argument));
        EXPECT_EQ(word(), before);
        EXPECT_EQ(must(selector.options(listener.fd())), none);
        Selector::forget(std::exchange(state, 0));
    }
    EXPECT_TRUE(fails_with(selector.set_options(listener.fd(), awake), Errc::not_registered));
    EXPECT_TRUE(fails_with(selector.set_options(-1, awake), Errc::not_registered));
    EXPECT_TRUE(fails_with(selector.options(listener.fd()), Errc::not_registered));
}

TEST_F(EpollWatchOptions, EndWithTheRegistration) {
    add();
    ASSERT_TRUE(ok(selector.set_options(listener.fd(), both)));
    ASSERT_TRUE(ok(selector.remove(listener.fd(), std::exchange(state, 0))));
    EXPECT_EQ(word(), 0u);
    add();
    EXPECT_EQ(must(selector.options(listener.fd())), none);
    EXPECT_EQ(word(), EPOLLIN | EPOLLRDHUP | EPOLLET);
}

namespace {

/// Threads that each wait in a Poll of their own for one shared listener, and the number of those that a connection
/// wakes.
class Sharing {
  public:
    static constexpr int threads = 4;

    explicit Sharing(bool is_exclusive) : listener_(must(mio::net::TcpListener::bind(local_v4()))) {
        for (int t = 0; t < threads; ++t) workers_.emplace_back([this, is_exclusive] { work(is_exclusive); });
    }
    ~Sharing() {
        stop_ = true;
        for (const auto& waker : wakers_) EXPECT_TRUE(ok(waker.wake()));
        for (auto& worker : workers_) worker.join();
    }

    /// Connects while all threads wait, and returns the number of threads that woke. The connection stays pending until
    /// then: a thread that finds none continues to wait.
    int connect() {
        await_all_waiting();
        woken_ = 0;
        const auto client = plain::connect(must(listener_.local_address()));
        while (woken_ == 0) std::this_thread::yield();
        await_all_waiting();
        EXPECT_TRUE(ok(listener_.accept()));
        return woken_;
    }

  private:
    void work(bool is_exclusive) {
        Loop loop;
        mio::RawSource source(listener_.raw());
        ASSERT_TRUE(ok(loop.registry().add(source, id1, Interest::readable)));
        if (is_exclusive) {
            ASSERT_TRUE(ok(set_watch_options(loop.registry(), listener_.raw(), exclusive)));
            EXPECT_EQ(must(watch_options(loop.registry(), listener_.raw())), exclusive);
        }
        {
            const std::scoped_lock lock(mutex_);
            wakers_.push_back(must(mio::Waker::create(loop.registry(), id2)));
            tids_.push_back(static_cast<int>(::syscall(SYS_gettid)));
        }
        while (true) {
            ASSERT_TRUE(ok(loop.poll.poll(loop.events)));
            if (stop_) return;
            ++woken_;
        }
    }
    // Until every thread sleeps in epoll_wait. @see proc_pid_syscall(5), proc_pid_stat(5)
    void await_all_waiting() {
        for (int quiet = 0; quiet < 3;) {
            const std::scoped_lock lock(mutex_);
            bool all = tids_.size() == threads;
            for (const int tid : tids_) {
                std::ifstream stat("/proc/self/task/" + std::to_string(tid) + "/stat");
                std::string text;
                std::getline(stat, text);
                const auto name_end = text.rfind(')');
                all = all && name_end != std::string::npos && text.substr(name_end + 2, 1) == "S";
            }
            quiet = all ? quiet + 1 : 0;
            std::this_thread::yield();
        }
    }

    mio::net::TcpListener listener_;
    std::atomic<bool> stop_ = false;
    std::atomic<int> woken_ = 0;
    std::mutex mutex_;
    std::vector<int> tids_;
    std::vector<mio::Waker> wakers_;
    std::vector<std::thread> workers_;
};

} // namespace

TEST(EpollExclusive, OneConnectionDoesNotWakeAllPolls) {
    if (mio::backend() != "epoll") {
        Loop loop;
        EXPECT_TRUE(fails_with(set_watch_options(loop.registry(), 0, exclusive), Errc::unsupported));
        EXPECT_TRUE(fails_with(watch_options(loop.registry(), 0), Errc::unsupported));
        GTEST_SKIP() << "Poll has another backend";
    }
    constexpr int rounds = 20;
    const auto woken_by = [](bool is_exclusive) {
        Sharing sharing(is_exclusive);
        int woken = 0;
        for (int i = 0; i < rounds; ++i) woken += sharing.connect();
        return woken;
    };
    const int shared = woken_by(false), alone = woken_by(true);
    RecordProperty("threads woken by 20 connections, shared", shared);
    RecordProperty("threads woken by 20 connections, exclusive", alone);
    EXPECT_EQ(shared, rounds * Sharing::threads);
    EXPECT_GE(alone, rounds);
    EXPECT_LT(alone, rounds * 2);
}
