// Sources for handles that can be waited for.
#include "sockets.hpp"

#include <windows.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "support.hpp"

using namespace test;
using mio::Trigger;
using mio::WaitableSource;

namespace {

constexpr Token id{7}, id2{8};

struct Close {
    void operator()(void* handle) const { ::CloseHandle(handle); }
};
using Handle = std::unique_ptr<void, Close>;

Handle event(bool resets_itself) {
    return Handle(::CreateEventW(nullptr, resets_itself ? FALSE : TRUE, FALSE, nullptr));
}

WaitableSource source_of(const Handle& handle) {
    return WaitableSource(reinterpret_cast<mio::RawHandle>(handle.get()));
}

void set(const Handle& event) { ASSERT_NE(::SetEvent(event.get()), 0); }
void reset(const Handle& event) { ASSERT_NE(::ResetEvent(event.get()), 0); }

/// Whether a poll without a timeout reports `token`, and nothing else.
bool reports_now(Loop& loop, Token token) {
    EXPECT_TRUE(ok(loop.poll.poll(loop.events, 0ns)));
    return loop.events.size() == 1 && loop.events[0].token() == token && loop.events[0].is_readable();
}

void await(Loop& loop, Token token) { loop.expect({{token, Interest::readable}}); }

} // namespace

TEST(WaitableSource, ReportsAnEdgeOnceUntilItWaitsAgain) {
    for (const bool resets_itself : {false, true}) {
        Loop loop;
        const auto handle = event(resets_itself);
        auto source = source_of(handle);
        ASSERT_TRUE(ok(loop.registry().add(source, id, Interest::readable)));
        loop.expect_none();
        set(handle);
        await(loop, id);
        loop.expect_none();
        if (!resets_itself) reset(handle);
        source.wait_again();
        loop.expect_none();
        set(handle);
        await(loop, id);
        // Still signaled, or signaled meanwhile.
        if (resets_itself) set(handle);
        loop.expect_none();
        source.wait_again();
        EXPECT_TRUE(reports_now(loop, id));
    }
}

TEST(WaitableSource, ReportsALevelWhileItHolds) {
    Loop loop;
    const auto handle = event(false);
    auto source = source_of(handle);
    ASSERT_TRUE(ok(loop.registry().add(source, id, Interest::readable, Trigger::level)));
    loop.expect_none();
    for (int round = 0; round < 3; ++round) {
        set(handle);
        await(loop, id);
        EXPECT_TRUE(reports_now(loop, id));
        EXPECT_TRUE(reports_now(loop, id));
        reset(handle);
        loop.expect_none();
    }
}

TEST(WaitableSource, ReportsALevelOnceForEachSignalOfAnObjectThatResetsItself) {
    Loop loop;
    const Handle semaphore(::CreateSemaphoreW(nullptr, 0, 10, nullptr));
    auto source = source_of(semaphore);
    ASSERT_TRUE(ok(loop.registry().add(source, id, Interest::readable, Trigger::level)));
    loop.expect_none();
    ASSERT_NE(::ReleaseSemaphore(semaphore.get(), 3, nullptr), 0);
    await(loop, id);
    EXPECT_TRUE(reports_now(loop, id));
    EXPECT_TRUE(reports_now(loop, id));
    loop.expect_none();
    ASSERT_NE(::ReleaseSemaphore(semaphore.get(), 1, nullptr), 0);
    await(loop, id);
    loop.expect_none();
}

TEST(WaitableSource, ReportsAOneshotAgainAfterModify) {
    Loop loop;
    const auto handle = event(false);
    auto source = source_of(handle);
    ASSERT_TRUE(ok(loop.registry().add(source, id, Interest::readable, Trigger::oneshot)));
    set(handle);
    await(loop, id);
    source.wait_again();
    loop.expect_none();
    ASSERT_TRUE(ok(loop.registry().modify(source, id2, Interest::readable, Trigger::oneshot)));
    EXPECT_TRUE(reports_now(loop, id2));
    loop.expect_none();
    ASSERT_TRUE(ok(loop.registry().renew(source)));
    EXPECT_TRUE(reports_now(loop, id2));
    reset(handle);
    ASSERT_TRUE(ok(loop.registry().modify(source, id2, Interest::readable, Trigger::oneshot)));
    loop.expect_none();
}

TEST(WaitableSource, ReportsASignalThatIsSetBefore) {
    for (const auto trigger : {Trigger::edge, Trigger::level, Trigger::oneshot}) {
        Loop loop;
        const auto handle = event(true);
        set(handle);
        auto source = source_of(handle);
        ASSERT_TRUE(ok(loop.registry().add(source, id, Interest::readable, trigger)));
        EXPECT_TRUE(reports_now(loop, id));
        loop.expect_none();
    }
}

TEST(WaitableSource, ModifyKeepsASignalThatWasNotReported) {
    Loop loop;
    for (int round = 0; round < 200; ++round) {
        const auto handle = event(true);
        auto source = source_of(handle);
        ASSERT_TRUE(ok(loop.registry().add(source, id, Interest::readable)));
        set(handle);
        ASSERT_TRUE(ok(loop.registry().modify(source, id2, Interest::readable, Trigger::level)));
        await(loop, id2);
    }
}

TEST(WaitableSource, ReportsNothingAfterRemove) {
    Loop loop;
    const auto handle = event(false);
    auto source = source_of(handle);
    for (const auto trigger : {Trigger::edge, Trigger::level}) {
        ASSERT_TRUE(ok(loop.registry().add(source, id, Interest::readable, trigger)));
        set(handle);
        ASSERT_TRUE(ok(loop.registry().remove(source)));
        EXPECT_TRUE(fails_with(loop.registry().remove(source), mio::Errc::not_registered));
        EXPECT_TRUE(
            fails_with(loop.registry().modify(source, id, Interest::readable), mio::Errc::not_registered));
        loop.expect_none();
        reset(handle);
    }
    {
        auto gone = source_of(handle);
        ASSERT_TRUE(ok(loop.registry().add(gone, id, Interest::readable)));
    }
    set(handle);
    loop.expect_none();
}

TEST(WaitableSource, MayBeRemovedWhileItIsSignaled) {
    Loop loop;
    std::atomic<bool> is_over = false;
    const auto handle = event(true);
    std::thread setter([&] {
        while (!is_over) ::SetEvent(handle.get());
    });
    for (int round = 0; round < 300; ++round) {
        auto source = source_of(handle);
        const auto trigger = round % 2 == 0 ? Trigger::edge : Trigger::level;
        ASSERT_TRUE(ok(loop.registry().add(source, id, Interest::readable, trigger)));
        ASSERT_TRUE(ok(loop.poll.poll(loop.events, 0ns)));
        source.wait_again();
        ASSERT_TRUE(ok(loop.registry().modify(source, id2, Interest::readable, trigger)));
        ASSERT_TRUE(ok(loop.registry().remove(source)));
        ASSERT_TRUE(ok(loop.poll.poll(loop.events, 0ns)));
        ASSERT_TRUE(loop.events.empty());
    }
    is_over = true;
    setter.join();
}

TEST(WaitableSource, LosesNoSignalOfAnotherThread) {
    Loop loop;
    const Handle semaphore(::CreateSemaphoreW(nullptr, 0, 1000, nullptr));
    auto source = source_of(semaphore);
    ASSERT_TRUE(ok(loop.registry().add(source, id, Interest::readable, Trigger::level)));
    constexpr int total = 500;
    std::thread other([&] {
        for (int i = 0; i < total; ++i) {
            ::ReleaseSemaphore(semaphore.get(), 1, nullptr);
            if (i % 50 == 0) ::Sleep(1);
        }
    });
    for (int seen = 0; seen < total; ++seen) {
        ASSERT_TRUE(ok(loop.poll.poll(loop.events, generous_margin)));
        ASSERT_EQ(loop.events.size(), 1u) << seen;
    }
    other.join();
    loop.expect_none();
}

TEST(WaitableSource, EndsTheWaitOfAPollInProgress) {
    Loop loop;
    const auto handle = event(true);
    auto source = source_of(handle);
    ASSERT_TRUE(ok(loop.registry().add(source, id, Interest::readable)));
    std::thread other([&] {
        ::Sleep(20);
        set(handle);
    });
    ASSERT_TRUE(ok(loop.poll.poll(loop.events)));
    EXPECT_EQ(loop.events.size(), 1u);
    other.join();
}

TEST(WaitableSource, WatchesTimersAndThreads) {
    Loop loop;
    const Handle timer(::CreateWaitableTimerW(nullptr, FALSE, nullptr));
    ::LARGE_INTEGER due;
    due.QuadPart = -10'000; // 1 ms
    ASSERT_NE(::SetWaitableTimer(timer.get(), &due, 5, nullptr, nullptr, FALSE), 0);
    auto ticks = source_of(timer);
    ASSERT_TRUE(ok(loop.registry().add(ticks, id, Interest::readable, Trigger::level)));
    for (int i = 0; i < 3; ++i) await(loop, id);
    ASSERT_TRUE(ok(loop.registry().remove(ticks)));

    const Handle thread(::CreateThread(nullptr, 0, [](void*) -> ::DWORD { return 0; }, nullptr, 0, nullptr));
    auto end = source_of(thread);
    ASSERT_TRUE(ok(loop.registry().add(end, id2, Interest::readable)));
    await(loop, id2);
    loop.expect_none();
}

TEST(WaitableSource, RejectsWhatCannotBeWaitedFor) {
    Loop loop;
    const auto add = [&](mio::RawHandle handle, Interest interest = Interest::readable) {
        WaitableSource source(handle);
        return loop.registry().add(source, id, interest);
    };
    const auto [here, there] = plain::socket_pair();
    EXPECT_TRUE(fails_with(add(here.fd()), mio::Errc::unsupported));
    const Handle mutex(::CreateMutexW(nullptr, FALSE, nullptr));
    EXPECT_TRUE(fails_with(add(reinterpret_cast<mio::RawHandle>(mutex.get())), mio::Errc::unsupported));
    const Handle memory(
        ::CreateFileMappingW(INVALID_HANDLE_VALUE, nullptr, PAGE_READWRITE, 0, 4096, nullptr));
    EXPECT_FALSE(add(reinterpret_cast<mio::RawHandle>(memory.get())));
    EXPECT_TRUE(fails_with(add(mio::invalid_handle), std::errc::bad_file_descriptor));
    EXPECT_TRUE(fails_with(add(0x7ffffff4), std::errc::bad_file_descriptor));
    const auto handle = event(true);
    EXPECT_TRUE(fails_with(add(reinterpret_cast<mio::RawHandle>(handle.get()), Interest::writable),
                           mio::Errc::unsupported));
    loop.expect_none();
    // And a RawSource takes only sockets.
    mio::RawSource raw(reinterpret_cast<mio::RawHandle>(handle.get()));
    EXPECT_TRUE(fails_with(loop.registry().add(raw, id, Interest::readable), std::errc::not_a_socket));
}

TEST(WaitableSource, TheHandleMayBeClosedWhileItIsRegistered) {
    Loop loop;
    auto handle = event(false);
    ::HANDLE copy = nullptr;
    ASSERT_NE(::DuplicateHandle(::GetCurrentProcess(), handle.get(), ::GetCurrentProcess(), &copy, 0, FALSE,
                                DUPLICATE_SAME_ACCESS),
              0);
    const Handle other(copy);
    auto source = source_of(handle);
    ASSERT_TRUE(ok(loop.registry().add(source, id, Interest::readable)));
    handle.reset();
    loop.expect_none();
    set(other);
    await(loop, id);
    EXPECT_TRUE(ok(loop.registry().remove(source)));
}

TEST(WaitableSource, ChangesItsPoll) {
    auto first = std::make_unique<Loop>();
    Loop second;
    const auto handle = event(false);
    auto source = source_of(handle);
    ASSERT_TRUE(ok(first->registry().add(source, id, Interest::readable)));
    EXPECT_TRUE(
        fails_with(first->registry().add(source, id, Interest::readable), mio::Errc::already_registered));
    EXPECT_TRUE(
        fails_with(second.registry().add(source, id, Interest::readable), mio::Errc::already_registered));
    EXPECT_TRUE(
        fails_with(second.registry().modify(source, id, Interest::readable), mio::Errc::other_registry));
    EXPECT_TRUE(fails_with(second.registry().remove(source), mio::Errc::other_registry));
    ASSERT_TRUE(ok(first->registry().remove(source)));
    ASSERT_TRUE(ok(second.registry().add(source, id, Interest::readable)));
    ASSERT_TRUE(ok(second.registry().remove(source)));
    ASSERT_TRUE(ok(first->registry().add(source, id, Interest::readable)));
    first.reset();
    EXPECT_TRUE(fails_with(second.registry().remove(source), mio::Errc::not_registered));
    ASSERT_TRUE(ok(second.registry().add(source, id2, Interest::readable)));
    auto moved = std::move(source);
    set(handle);
    await(second, id2);
}

TEST(WaitableSource, SharesAPollWithSocketsAndMoreHandlesThanOneThreadWaitsFor) {
    Loop loop;
    constexpr std::size_t total = 200;
    std::vector<Handle> handles;
    std::vector<WaitableSource> sources;
    for (std::size_t i = 0; i < total; ++i) {
        handles.push_back(event(true));
        sources.push_back(source_of(handles.back()));
        ASSERT_TRUE(ok(loop.registry().add(sources.back(), Token{i}, Interest::readable)));
    }
    auto [here, there] = plain::socket_pair();
    auto stream = mio::net::TcpStream::from_raw(here.release());
    ASSERT_TRUE(ok(loop.registry().add(stream, Token{total}, Interest::readable)));
    for (const auto& handle : handles) set(handle);
    plain::write_all(there, "x");
    std::vector<int> counts(total + 1);
    for (std::size_t seen = 0; seen < total + 1; seen += loop.events.size()) {
        ASSERT_TRUE(ok(loop.poll.poll(loop.events, generous_margin)));
        ASSERT_FALSE(loop.events.empty());
        for (const auto& event : loop.events) ++counts[event.token().value];
    }
    EXPECT_EQ(counts, std::vector<int>(total + 1, 1));
    loop.expect_none();
}
