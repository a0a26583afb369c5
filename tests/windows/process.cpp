// Console events and processes as sources.
#include "sockets.hpp"

#include <windows.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support.hpp"

using namespace test;
using mio::Child;
using mio::Signal;
using mio::Signals;
using mio::Trigger;

namespace {

constexpr Token id{7}, id2{8};

/// A command that runs without a console: the host of a console may outlive it and hold this program's output open.
class Process {
  public:
    explicit Process(std::wstring command) {
        ::STARTUPINFOW startup{};
        startup.cb = sizeof startup;
        EXPECT_NE(::CreateProcessW(nullptr, command.data(), nullptr, nullptr, FALSE, DETACHED_PROCESS,
                                   nullptr, nullptr, &startup, &information_),
                  0)
            << "error " << ::GetLastError();
        ::CloseHandle(information_.hThread);
    }
    Process(Process&& other) noexcept : information_(std::exchange(other.information_, {})) {}
    ~Process() {
        if (information_.hProcess != nullptr) ::CloseHandle(information_.hProcess);
    }

    [[nodiscard]] ::DWORD id() const { return information_.dwProcessId; }
    [[nodiscard]] ::HANDLE handle() const { return information_.hProcess; }
    [[nodiscard]] mio::RawHandle release() {
        return reinterpret_cast<mio::RawHandle>(std::exchange(information_.hProcess, nullptr));
    }

  private:
    ::PROCESS_INFORMATION information_{};
};

Process that_exits(int code) { return Process(L"cmd.exe /c exit " + std::to_wstring(code)); }
/// Runs until it is ended.
Process that_waits() { return Process(L"ping.exe -n 1000 127.0.0.1"); }

/// Causes a console control event in this process, as the console does: it starts a thread with this routine.
/// GenerateConsoleCtrlEvent needs a console, which Wine does not have without a terminal.
bool cause(::DWORD event) {
    const auto routine = reinterpret_cast<::LPTHREAD_START_ROUTINE>(
        reinterpret_cast<void*>(::GetProcAddress(::GetModuleHandleW(L"kernelbase.dll"), "CtrlRoutine")));
    if (routine == nullptr) return false;
    const auto thread =
        ::CreateThread(nullptr, 0, routine, reinterpret_cast<void*>(std::uintptr_t{event}), 0, nullptr);
    ::WaitForSingleObject(thread, event == CTRL_C_EVENT || event == CTRL_BREAK_EVENT ? INFINITE : 100);
    ::CloseHandle(thread);
    return true;
}

testing::AssertionResult exited(const mio::Result<std::optional<mio::ExitStatus>>& waited,
                                std::uint32_t code) {
    if (auto fine = ok(waited); !fine) return fine;
    if (!*waited) return testing::AssertionFailure() << "it runs";
    if ((*waited)->code != code || (*waited)->signal)
        return testing::AssertionFailure() << "code " << (*waited)->code.value_or(99999);
    return testing::AssertionSuccess();
}

} // namespace

TEST(Child, IsReadableOnceItHasEnded) {
    Loop loop;
    const auto process = that_exits(7);
    auto child = must(Child::watch(process.id()));
    EXPECT_EQ(child.id(), process.id());
    ASSERT_TRUE(ok(loop.registry().add(child, id, Interest::readable)));
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, generous_margin)));
    loop.expect_none();
    EXPECT_TRUE(exited(child.try_wait(), 7));
    EXPECT_TRUE(exited(child.try_wait(), 7));
    // As long as a handle is open, it can be watched.
    auto again = must(Child::watch(process.id()));
    ASSERT_TRUE(ok(loop.registry().add(again, id2, Interest::readable, Trigger::level)));
    for (int i = 0; i < 3; ++i) loop.expect({{id2, Interest::readable}});
    EXPECT_TRUE(exited(again.try_wait(), 7));
}

TEST(Child, IsEndedAndThenReceivesNoSignal) {
    for (const auto signal : {Signal::terminate, Signal::kill}) {
        Loop loop;
        auto process = that_waits();
        auto child = must(Child::from_raw(process.release()));
        ASSERT_TRUE(ok(loop.registry().add(child, id, Interest::readable)));
        const auto waited = must(child.try_wait());
        EXPECT_FALSE(waited);
        loop.expect_none();
        EXPECT_TRUE(fails_with(child.send(Signal::user1), mio::Errc::unsupported));
        ASSERT_TRUE(ok(child.send(signal)));
        loop.expect({{id, Interest::readable}});
        EXPECT_TRUE(exited(child.try_wait(), 1));
        EXPECT_TRUE(fails_with(child.send(signal), std::errc::no_such_process));
    }
}

TEST(Child, RejectsInvalidProcessIdsAndHandles) {
    EXPECT_TRUE(fails_with(Child::watch(0x7ffffff0), std::errc::no_such_process));
    EXPECT_TRUE(fails_with(Child::watch(std::int64_t{1} << 40), std::errc::no_such_process));
    EXPECT_TRUE(fails_with(Child::watch(0), std::errc::invalid_argument));
    EXPECT_TRUE(fails_with(Child::watch(-1), std::errc::invalid_argument));
    EXPECT_TRUE(fails_with(Child::from_raw(mio::invalid_handle), std::errc::bad_file_descriptor));
    const auto event = ::CreateEventW(nullptr, TRUE, FALSE, nullptr);
    EXPECT_FALSE(Child::from_raw(reinterpret_cast<mio::RawHandle>(event)));
    EXPECT_NE(::CloseHandle(event), 0) << "the caller keeps it";
}

TEST(Child, ManyAtOnceAreAllReported) {
    Loop loop;
    constexpr std::size_t total = 20;
    std::vector<Child> children;
    for (std::size_t i = 0; i < total; ++i) {
        children.push_back(must(Child::from_raw(that_exits(static_cast<int>(i)).release())));
        ASSERT_TRUE(ok(loop.registry().add(children.back(), Token{i}, Interest::readable)));
    }
    for (std::size_t ended = 0; ended < total; ended += loop.events.size()) {
        ASSERT_TRUE(ok(loop.poll.poll(loop.events, 60s)));
        ASSERT_FALSE(loop.events.empty());
        for (const auto& event : loop.events) {
            const auto index = event.token().value;
            EXPECT_TRUE(exited(children[index].try_wait(), static_cast<std::uint32_t>(index)));
        }
    }
}

TEST(Signals, RejectWhatWindowsDoesNotHave) {
    EXPECT_TRUE(fails_with(Signals::create({Signal::interrupt, Signal::user1}), mio::Errc::unsupported));
    EXPECT_TRUE(fails_with(Signals::create({Signal::child}), mio::Errc::unsupported));
    EXPECT_TRUE(fails_with(Signals::create({Signal::kill}), std::errc::invalid_argument));
    EXPECT_TRUE(fails_with(Signals::create({Signal::from_number(99)}), std::errc::invalid_argument));
}

TEST(Signals, ReportConsoleEvents) {
    Loop loop;
    auto all = must(Signals::create({Signal::interrupt, Signal::quit, Signal::terminate, Signal::hangup}));
    auto interrupts = must(Signals::create({Signal::interrupt}));
    ASSERT_TRUE(ok(loop.registry().add(all, id, Interest::readable)));
    ASSERT_TRUE(ok(loop.registry().add(interrupts, id2, Interest::readable, Trigger::level)));
    EXPECT_TRUE(blocks(all.receive()));
    loop.expect_none();
    if (!cause(CTRL_BREAK_EVENT)) GTEST_SKIP() << "the console's routine is not exported";
    loop.expect({{id, Interest::readable}});
    EXPECT_EQ(must(all.receive()).signal, Signal::quit);
    EXPECT_TRUE(blocks(all.receive()));
    loop.expect_none();
    cause(CTRL_C_EVENT);
    cause(CTRL_C_EVENT);
    loop.expect({{id, Interest::readable}, {id2, Interest::readable}});
    loop.expect({{id2, Interest::readable}});
    EXPECT_EQ(must(all.receive()).signal, Signal::interrupt);
    EXPECT_EQ(must(interrupts.receive()).signal, Signal::interrupt);
    loop.expect_none();
    EXPECT_TRUE(blocks(all.receive()));
    // Windows would end the process when this thread ended.
    cause(CTRL_CLOSE_EVENT);
    loop.expect({{id, Interest::readable}});
    EXPECT_EQ(must(all.receive()).signal, Signal::hangup);
}
