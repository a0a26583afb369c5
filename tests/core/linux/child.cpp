#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>

#include "posix.hpp"

using namespace test;
using mio::Child;
using mio::Signal;
using mio::Signals;

namespace {

/// Forks a child that waits for a signal.
::pid_t fork_waiting() {
    const auto id = ::fork();
    if (id == 0) {
        while (true) ::pause();
    }
    return id;
}

/// Forks a child that gets this process ID; another one if the kernel does not allow it.
::pid_t fork_waiting_as(::pid_t id) {
    const int file = ::open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
    if (file == -1) return fork_waiting();
    const auto text = std::to_string(id - 1);
    [[maybe_unused]] const auto ignored = ::write(file, text.data(), text.size());
    ::close(file);
    return fork_waiting();
}

} // namespace

TEST(ChildOnLinux, SendsNothingToAProcessThatReusesTheId) {
    for (int attempt = 0; attempt < 50; ++attempt) {
        const auto first = fork_waiting();
        auto child = must(Child::watch(first));
        ASSERT_EQ(::kill(first, SIGKILL), 0);
        ASSERT_EQ(::waitpid(first, nullptr, 0), first);
        const auto second = fork_waiting_as(first);
        if (second == first) {
            EXPECT_TRUE(fails_with(child.send(Signal::kill), std::errc::no_such_process));
            EXPECT_TRUE(fails_with(child.try_wait(), std::errc::no_child_process));
            EXPECT_EQ(::waitpid(second, nullptr, WNOHANG), 0) << "it still runs";
        }
        ASSERT_EQ(::kill(second, SIGKILL), 0);
        ASSERT_EQ(::waitpid(second, nullptr, 0), second);
        if (second == first) return;
    }
    GTEST_SKIP() << "the kernel did not reuse the process ID";
}

TEST(ChildOnLinux, TakesAPidfd) {
    const auto id = fork_waiting();
    const DescriptorGuard guard;
    const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, id, 0));
    ASSERT_NE(pidfd, -1);
    {
        auto child = must(Child::from_raw(pidfd));
        EXPECT_EQ(child.raw(), pidfd);
        EXPECT_FALSE(child.id());
        Loop loop;
        ASSERT_TRUE(ok(loop.registry().add(child, Token{1}, Interest::readable)));
        ASSERT_TRUE(ok(child.send(Signal::user1)));
        loop.expect({{Token{1}, Interest::readable}});
        const auto waited = must(child.try_wait());
        ASSERT_TRUE(waited);
        EXPECT_EQ(waited->signal, Signal::user1);
    }
    EXPECT_FALSE(is_open(pidfd));
}

TEST(ChildOnLinux, TakesNothingButAPidfd) {
    const auto [reader, writer] = plain::pipe();
    EXPECT_TRUE(fails_with(Child::from_raw(reader.fd()), std::errc::bad_file_descriptor));
    EXPECT_TRUE(is_open(reader.fd()));
    EXPECT_TRUE(fails_with(Child::from_raw(mio::invalid_handle), std::errc::invalid_argument));
}

TEST(SignalsOnLinux, ReportTheSender) {
    auto signals = must(Signals::create({Signal::user1, Signal::from_number(SIGALRM)}));
    const auto parent = ::getpid();
    const auto child = ::fork();
    if (child == 0) ::_exit(::kill(parent, SIGUSR1) == 0 ? 0 : 1);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    const auto info = must(signals.receive());
    EXPECT_EQ(info.signal, Signal::user1);
    EXPECT_EQ(info.sender, child);
    // The kernel is not a sender.
    ::alarm(1);
    plain::await(signals.raw(), 1);
    EXPECT_EQ(must(signals.receive()).sender, std::nullopt);
}

TEST(SignalsOnLinux, RealTimeSignalsAreQueued) {
    auto signals = must(Signals::create({Signal::from_number(SIGRTMIN + 1)}));
    for (int i = 0; i < 5; ++i) ASSERT_EQ(::kill(::getpid(), SIGRTMIN + 1), 0);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(must(signals.receive()).signal.number(), SIGRTMIN + 1);
    EXPECT_TRUE(blocks(signals.receive()));
}
