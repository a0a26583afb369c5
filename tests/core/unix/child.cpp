#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "posix.hpp"

using namespace test;
using mio::Child;
using mio::ExitStatus;
using mio::Signal;

namespace {

constexpr Token id{7}, id2{8};

/// A child process that runs `f` once `go` is called or this object is destroyed.
class Forked {
  public:
    explicit Forked(const std::function<void()>& f) {
        auto [reader, writer] = plain::socket_pair();
        id_ = ::fork();
        if (id_ == 0) {
            writer.close();
            char byte = 0;
            while (::read(reader.fd(), &byte, 1) == -1 && errno == EINTR) {
            }
            f();
            ::_exit(0);
        }
        go_ = std::move(writer);
    }
    explicit Forked(int code) : Forked([code] { ::_exit(code); }) {}

    ~Forked() {
        if (go_.fd() != mio::invalid_handle) go();
    }
    Forked(Forked&&) = default;

    [[nodiscard]] ::pid_t id() const { return id_; }
    // Closing alone would not do: later children inherit the descriptor.
    void go() {
        static_cast<void>(plain::send(go_.fd(), "x", 1));
        go_.close();
    }
    /// Waits until it has ended, and leaves its status.
    void await_end() {
        go();
        ::siginfo_t info;
        ASSERT_EQ(::waitid(P_PID, static_cast<::id_t>(id_), &info, WEXITED | WNOWAIT), 0);
    }

  private:
    ::pid_t id_ = 0;
    plain::Socket go_;
};

testing::AssertionResult exited(const mio::Result<std::optional<ExitStatus>>& waited, std::uint32_t code) {
    if (auto fine = ok(waited); !fine) return fine;
    if (!*waited) return testing::AssertionFailure() << "it runs";
    if ((*waited)->code != code || (*waited)->signal)
        return testing::AssertionFailure() << "code " << (*waited)->code.value_or(99999);
    return testing::AssertionSuccess();
}

testing::AssertionResult was_ended_by(const mio::Result<std::optional<ExitStatus>>& waited, Signal signal) {
    if (auto fine = ok(waited); !fine) return fine;
    if (!*waited) return testing::AssertionFailure() << "it runs";
    if ((*waited)->code || (*waited)->signal != signal) return testing::AssertionFailure();
    return testing::AssertionSuccess();
}

testing::AssertionResult runs(const mio::Result<std::optional<ExitStatus>>& waited) {
    if (auto fine = ok(waited); !fine) return fine;
    return *waited ? testing::AssertionFailure() << "it has ended" : testing::AssertionSuccess();
}

void expect_no_children() {
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD) << "a child or zombie is left";
}

} // namespace

TEST(Child, IsReadableOnceItHasEnded) {
    const DescriptorGuard guard;
    Loop loop;
    Forked process(7);
    auto child = must(Child::watch(process.id()));
    EXPECT_EQ(child.id(), process.id());
    EXPECT_TRUE(is_close_on_exec(child.raw()));
    ASSERT_TRUE(ok(loop.registry().add(child, id, Interest::readable)));
    loop.expect_none();
    EXPECT_TRUE(runs(child.try_wait()));
    process.go();
    loop.expect({{id, Interest::readable}});
    EXPECT_TRUE(exited(child.try_wait(), 7));
    EXPECT_TRUE(exited(child.try_wait(), 7)) << "the status is kept";
    expect_no_children();
}

TEST(Child, ThatEndedBeforeIsReadable) {
    const DescriptorGuard guard;
    Loop loop;
    Forked process(0);
    process.await_end();
    auto child = must(Child::watch(process.id()));
    ASSERT_TRUE(ok(loop.registry().add(child, id, Interest::readable)));
    loop.expect({{id, Interest::readable}});
    const auto waited = child.try_wait();
    EXPECT_TRUE(exited(waited, 0));
    EXPECT_TRUE((*waited)->is_success());
    expect_no_children();
}

TEST(Child, CanBeWaitedForWithoutAPoll) {
    Forked process(3);
    auto child = must(Child::watch(process.id()));
    process.await_end();
    const auto waited = child.try_wait();
    EXPECT_TRUE(exited(waited, 3));
    EXPECT_FALSE((*waited)->is_success());
}

TEST(Child, ReportsTheSignalThatEndedIt) {
    Loop loop;
    Forked process(0);
    auto child = must(Child::watch(process.id()));
    ASSERT_TRUE(ok(loop.registry().add(child, id, Interest::readable)));
    ASSERT_TRUE(ok(child.send(Signal::terminate)));
    loop.expect({{id, Interest::readable}});
    const auto waited = child.try_wait();
    EXPECT_TRUE(was_ended_by(waited, Signal::terminate));
    EXPECT_FALSE((*waited)->is_success());
    EXPECT_FALSE((*waited)->dumped_core);
}

TEST(Child, IsReportedAtEachPollWithLevelTriggerAndOnceOtherwise) {
    Loop loop;
    Forked process(0);
    auto child = must(Child::watch(process.id()));
    ASSERT_TRUE(ok(loop.registry().add(child, id, Interest::readable, mio::Trigger::level)));
    process.go();
    for (int i = 0; i < 3; ++i) loop.expect({{id, Interest::readable}});
    EXPECT_TRUE(exited(child.try_wait(), 0));
    loop.expect({{id, Interest::readable}});
    ASSERT_TRUE(ok(loop.registry().modify(child, id2, Interest::readable, mio::Trigger::edge)));
    loop.expect({{id2, Interest::readable}});
    loop.expect_none();
    ASSERT_TRUE(ok(loop.registry().modify(child, id, Interest::readable, mio::Trigger::oneshot)));
    loop.expect({{id, Interest::readable}});
    loop.expect_none();
    ASSERT_TRUE(ok(loop.registry().renew(child)));
    loop.expect({{id, Interest::readable}});
    ASSERT_TRUE(ok(loop.registry().remove(child)));
}

TEST(Child, AHundredAtOnceAreAllReportedAndLeaveNoZombie) {
    const DescriptorGuard guard;
    Loop loop;
    constexpr int total = 100;
    std::vector<Forked> processes;
    std::vector<Child> children;
    for (int i = 0; i < total; ++i) {
        processes.emplace_back(i);
        children.push_back(must(Child::watch(processes.back().id())));
        ASSERT_TRUE(
            ok(loop.registry().add(children.back(), Token{static_cast<std::size_t>(i)}, Interest::readable)));
    }
    for (auto& process : processes) process.go();
    std::map<std::size_t, int> ended;
    while (ended.size() < total) {
        ASSERT_TRUE(ok(loop.poll.poll(loop.events, generous_margin)));
        ASSERT_FALSE(loop.events.empty());
        for (const auto& event : loop.events) {
            const auto index = event.token().value;
            ++ended[index];
            EXPECT_TRUE(exited(children[index].try_wait(), static_cast<std::uint32_t>(index)));
            EXPECT_TRUE(ok(loop.registry().remove(children[index])));
        }
    }
    EXPECT_TRUE(std::ranges::all_of(ended, [](const auto& each) { return each.second == 1; }));
    expect_no_children();
}

TEST(Child, FetchesOnlyItsOwnStatus) {
    Forked one(1), other(2);
    auto child = must(Child::watch(one.id()));
    one.await_end();
    other.await_end();
    EXPECT_TRUE(exited(child.try_wait(), 1));
    int status = 0;
    ASSERT_EQ(::waitpid(other.id(), &status, WNOHANG), other.id());
    EXPECT_EQ(WEXITSTATUS(status), 2);
}

TEST(Child, ReportsThatItsStatusWasFetchedElsewhere) {
    Loop loop;
    Forked process(0);
    auto child = must(Child::watch(process.id()));
    ASSERT_TRUE(ok(loop.registry().add(child, id, Interest::readable)));
    process.go();
    ASSERT_EQ(::waitpid(process.id(), nullptr, 0), process.id());
    loop.expect({{id, Interest::readable}});
    EXPECT_TRUE(fails_with(child.try_wait(), std::errc::no_child_process));
    EXPECT_TRUE(fails_with(child.send(Signal::kill), std::errc::no_such_process));
}

TEST(Child, ReportsTheEndOfAProcessThatIsNoChild) {
    Loop loop;
    auto [reader, writer] = plain::pipe();
    auto [hold, released] = plain::pipe();
    const auto parent = ::fork();
    if (parent == 0) {
        const auto grandchild = ::fork();
        if (grandchild == 0) {
            released.close();
            char byte = 0;
            [[maybe_unused]] const auto ignored = ::read(hold.fd(), &byte, 1);
            ::_exit(0);
        }
        [[maybe_unused]] const auto ignored = ::write(writer.fd(), &grandchild, sizeof grandchild);
        ::_exit(0);
    }
    ::pid_t grandchild = 0;
    ASSERT_EQ(::read(reader.fd(), &grandchild, sizeof grandchild), static_cast<::ssize_t>(sizeof grandchild));
    ASSERT_EQ(::waitpid(parent, nullptr, 0), parent);
    auto child = must(Child::watch(grandchild));
    ASSERT_TRUE(ok(loop.registry().add(child, id, Interest::readable)));
    EXPECT_TRUE(fails_with(child.try_wait(), std::errc::no_child_process));
    EXPECT_TRUE(ok(child.send(Signal::resume)));
    loop.expect_none();
    released.close();
    loop.expect({{id, Interest::readable}});
    EXPECT_TRUE(fails_with(child.try_wait(), std::errc::no_child_process));
}

TEST(Child, SendsNoSignalAfterItsStatusWasFetched) {
    Forked process(0);
    auto child = must(Child::watch(process.id()));
    process.await_end();
    EXPECT_TRUE(ok(child.send(Signal::kill))) << "a zombie";
    EXPECT_TRUE(exited(child.try_wait(), 0));
    EXPECT_TRUE(fails_with(child.send(Signal::kill), std::errc::no_such_process));
    EXPECT_TRUE(exited(child.try_wait(), 0));
}

TEST(Child, WatchRejectsInvalidProcessIds) {
    const DescriptorGuard guard;
    Forked process(0);
    process.go();
    ASSERT_EQ(::waitpid(process.id(), nullptr, 0), process.id());
    EXPECT_TRUE(fails_with(Child::watch(process.id()), std::errc::no_such_process));
    EXPECT_TRUE(fails_with(Child::watch(std::int64_t{1} << 40), std::errc::no_such_process));
    EXPECT_TRUE(fails_with(Child::watch(0), std::errc::invalid_argument));
    EXPECT_TRUE(fails_with(Child::watch(-1), std::errc::invalid_argument));
}

TEST(Child, DestructionLeavesTheProcessAlone) {
    const DescriptorGuard guard;
    Loop loop;
    Forked process(5);
    {
        auto child = must(Child::watch(process.id()));
        ASSERT_TRUE(ok(loop.registry().add(child, id, Interest::readable)));
    }
    EXPECT_EQ(::waitpid(process.id(), nullptr, WNOHANG), 0) << "it runs";
    process.go();
    int status = 0;
    ASSERT_EQ(::waitpid(process.id(), &status, 0), process.id());
    EXPECT_EQ(WEXITSTATUS(status), 5);
    loop.expect_none();
}

TEST(Child, CanBeMovedWhileRegistered) {
    Loop loop;
    Forked process(4);
    auto child = must(Child::watch(process.id()));
    ASSERT_TRUE(ok(loop.registry().add(child, id, Interest::readable)));
    Child moved(std::move(child));
    EXPECT_EQ(child.raw(), mio::invalid_handle);
    EXPECT_FALSE(child.id());
    EXPECT_FALSE(child.try_wait());
    EXPECT_FALSE(child.send(Signal::terminate));
    child = std::move(moved);
    EXPECT_TRUE(
        fails_with(loop.registry().add(child, id, Interest::readable), mio::Errc::already_registered));
    process.go();
    loop.expect({{id, Interest::readable}});
    EXPECT_TRUE(exited(child.try_wait(), 4));
}

TEST(Child, StoppingAndContinuingIsNotReported) {
    Loop loop;
    Forked process(0);
    auto child = must(Child::watch(process.id()));
    ASSERT_TRUE(ok(loop.registry().add(child, id, Interest::readable)));
    ASSERT_TRUE(ok(child.send(Signal::from_number(SIGSTOP))));
    ::siginfo_t info;
    ASSERT_EQ(::waitid(P_PID, static_cast<::id_t>(process.id()), &info, WSTOPPED | WNOWAIT), 0);
    EXPECT_TRUE(runs(child.try_wait()));
    loop.expect_none();
    ASSERT_TRUE(ok(child.send(Signal::kill)));
    loop.expect({{id, Interest::readable}});
    EXPECT_TRUE(was_ended_by(child.try_wait(), Signal::kill));
}
