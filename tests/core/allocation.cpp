// Polling, waking, registering and I/O allocate no memory after set-up.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include "counted_heap.hpp"

#include "differences.hpp"
#include "support.hpp"

using namespace test;
using mio::Trigger;

namespace {

/// Whether `f` calls neither operator new nor malloc. The result of `f` is checked after counting.
template <class F> testing::AssertionResult takes_no_memory(F&& f) {
    const auto before = heap.allocations + heap.mallocs;
    const bool succeeded = f();
    const auto count = heap.allocations + heap.mallocs - before;
    if (!succeeded) return testing::AssertionFailure() << "the operation failed";
    if (count != 0) return testing::AssertionFailure() << "allocated memory " << count << " times";
    return testing::AssertionSuccess();
}

struct Stream {
    Stream() {
        const auto listener = plain::listen(local_v4());
        there = plain::connect(plain::address_of(listener));
        auto accepted = plain::accept(listener);
        accepted.set_non_blocking();
        here = mio::net::TcpStream::from_raw(accepted.release());
    }
    plain::Socket there;
    mio::net::TcpStream here = mio::net::TcpStream::from_raw(mio::invalid_handle);
};

constexpr Token id1{1}, id2{2};

/// Whether the backend runs on the test double of kqueue, which allocates.
bool is_kqueue_double() {
#if defined(__linux__)
    return mio::backend() == "kqueue";
#else
    return false;
#endif
}

} // namespace

TEST(Allocation, IsCounted) {
    if (replaces_new) {
        EXPECT_EQ(allocations_in([] { ::operator delete(::operator new(8)); }), 1u);
    }
    if (replaces_malloc || under_sanitizer) {
        const auto before = heap.mallocs.load();
        void* volatile memory = std::malloc(8);
        std::free(memory);
        EXPECT_EQ(heap.mallocs - before, 1u);
    }
}

TEST(Allocation, IsNotNeededToPoll) {
    Loop loop;
    Stream stream;
    ASSERT_TRUE(ok(loop.registry().add(stream.here, id1, Interest::writable, Trigger::level)));
    EXPECT_TRUE(takes_no_memory([&] { return loop.poll.poll(loop.events, 0ns) && loop.events.size() == 1; }));
    EXPECT_TRUE(takes_no_memory([&] { return loop.poll.poll(loop.events, 1s) && loop.events.size() == 1; }));
    EXPECT_TRUE(takes_no_memory([&] { return loop.poll.poll(loop.events) && loop.events.size() == 1; }));
    ASSERT_TRUE(ok(loop.registry().remove(stream.here)));
    EXPECT_TRUE(takes_no_memory([&] { return loop.poll.poll(loop.events, 1ms) && loop.events.empty(); }));
    EXPECT_TRUE(takes_no_memory([&] {
        return loop.poll.poll_until(loop.events, std::chrono::steady_clock::now() + 1ms)
               && loop.events.empty();
    }));
    mio::Events none(0);
    EXPECT_TRUE(takes_no_memory([&] { return !loop.poll.poll(none, 0ns); }));
}

TEST(Allocation, IsNotNeededToCount) {
    Loop loop;
    Stream stream;
    mio::PollCounters counters;
    const auto waker = must(mio::Waker::create(loop.registry(), id2));
    ASSERT_TRUE(ok(loop.registry().add(stream.here, id1, Interest::writable, Trigger::level)));
    EXPECT_TRUE(takes_no_memory([&] {
        return waker.wake(counters) && waker.wake(counters) && loop.poll.poll(loop.events, 1s, counters)
               && loop.poll.poll_until(loop.events, std::chrono::steady_clock::now(), counters)
               && counters.polls() == 2;
    }));
}

TEST(Allocation, IsNotNeededForHandlesWithoutAnObject) {
    Loop loop;
    Stream stream;
    const auto handle = stream.here.raw();
    const auto& registry = loop.registry();
    ASSERT_TRUE(ok(registry.add(handle, id1, Interest::writable)));
    std::byte byte{};
    const auto blocked = [&] { return plain::receive(handle, &byte, 1); };
    EXPECT_TRUE(takes_no_memory([&] {
        return loop.poll.poll(loop.events, 1s) && loop.events.size() == 1
               && !registry.try_io(handle, Interest::readable, blocked)
               && registry.exhausted(handle, Interest::writable);
    }));
    if (differences.registering_may_allocate || is_kqueue_double()) return;
    EXPECT_TRUE(takes_no_memory([&] {
        return registry.modify(handle, id1, Interest::writable) && registry.renew(handle)
               && registry.remove(handle) && registry.add(handle, id1, Interest::writable);
    }));
}

TEST(Allocation, IsNotNeededForAFullBatch) {
    Loop loop;
    std::vector<std::pair<plain::Socket, plain::Socket>> pairs;
    std::vector<mio::RawSource> sources;
    for (std::size_t i = 0; i < 40; ++i) {
        pairs.push_back(plain::socket_pair());
        sources.emplace_back(pairs.back().first.fd());
    }
    for (auto& source : sources) ASSERT_TRUE(ok(loop.registry().add(source, id1, Interest::writable)));
    EXPECT_TRUE(takes_no_memory([&] {
        std::size_t seen = 0;
        while (seen < 40 && loop.poll.poll(loop.events, 500ms) && !loop.events.empty())
            seen += loop.events.size();
        return seen == 40;
    }));
}

TEST(Allocation, IsNotNeededToWake) {
    Loop loop;
    const auto waker = must(mio::Waker::create(loop.registry(), id1));
    const auto other = must(mio::Waker::create(loop.registry(), id2));
    EXPECT_TRUE(takes_no_memory([&] {
        for (int i = 0; i < 10; ++i) {
            if (!waker.wake() || !waker.wake() || !other.wake()) return false;
            if (!loop.poll.poll(loop.events, 500ms) || loop.events.size() != 2) return false;
        }
        return true;
    }));
}

// More sources than any backend allocates at a time.
TEST(Allocation, IsNeededToRegisterAgainOnlyWhereStated) {
    if (is_kqueue_double()) GTEST_SKIP() << "the kqueue double allocates";
    Loop loop;
    std::vector<std::pair<plain::Socket, plain::Socket>> pairs;
    std::vector<mio::RawSource> sources;
    for (std::size_t i = 0; i < 70; ++i) {
        pairs.push_back(plain::socket_pair());
        sources.emplace_back(pairs.back().first.fd());
    }
    const auto register_and_remove = [&] {
        for (auto& source : sources) {
            if (!loop.registry().add(source, id1, Interest::readable)) return false;
            if (!loop.registry().modify(source, id2, read_write, Trigger::oneshot)) return false;
        }
        for (auto& source : sources) {
            if (!loop.registry().remove(source)) return false;
        }
        // A backend may free what it no longer watches only in a poll.
        return loop.poll.poll(loop.events, 0ns).has_value();
    };
    ASSERT_TRUE(register_and_remove());
    EXPECT_EQ(takes_no_memory(register_and_remove), !differences.registering_may_allocate);
}

TEST(Allocation, IsNotNeededToRegisterWhereStatesAreReused) {
    if (differences.registering_may_allocate) GTEST_SKIP() << "allocates a state for each source";
    if (is_kqueue_double()) GTEST_SKIP() << "the kqueue double allocates";
    Loop loop;
    Loop elsewhere;
    Stream stream;
    const auto& registry = loop.registry();
    const auto register_and_remove = [&] {
        return registry.add(stream.here, id1, Interest::readable)
               && registry.modify(stream.here, id2, read_write, Trigger::oneshot)
               && registry.remove(stream.here);
    };
    ASSERT_TRUE(register_and_remove());
    EXPECT_TRUE(takes_no_memory(register_and_remove));
    // Reporting misuse allocates nothing either.
    mio::RawSource bad(mio::invalid_handle);
    EXPECT_TRUE(takes_no_memory([&] {
        return !registry.modify(stream.here, id1, Interest::readable) && !registry.remove(stream.here)
               && !registry.add(bad, id1, Interest::readable)
               && registry.add(stream.here, id1, Interest::readable)
               && !registry.add(stream.here, id1, Interest::readable)
               && !elsewhere.registry().modify(stream.here, id1, Interest::readable);
    }));
    // Nor does destroying a registered source.
    EXPECT_TRUE(takes_no_memory([&] {
        stream.here = mio::net::TcpStream::from_raw(mio::invalid_handle);
        return true;
    }));
}

// A program closes a handle without removing it, and registers the next one, which has the same number. More often than any
// backend has states in advance.
TEST(Allocation, IsNotNeededForHandlesThatAreClosedAndRegisteredAgain) {
    if (differences.registering_may_allocate || is_kqueue_double())
        GTEST_SKIP() << "registering may allocate";
    Loop loop;
    const auto once = [&] {
        const auto [here, there] = plain::socket_pair();
        return loop.registry().add(here.fd(), id1, Interest::readable).has_value();
    };
    ASSERT_TRUE(once());
    EXPECT_TRUE(takes_no_memory([&] {
        for (int i = 0; i < 200; ++i) {
            if (!once()) return false;
        }
        return true;
    }));
}

TEST(Allocation, IsNotNeededForIo) {
    Loop loop;
    Stream stream;
    ASSERT_TRUE(ok(loop.registry().add(stream.here, id1, read_write)));
    std::array<std::byte, 64> buffer;
    std::array<std::byte, 64> more;
    const std::array slices{mio::net::IoSlice(bytes_of("hello, ")), mio::net::IoSlice(bytes_of("world"))};
    const std::array rooms{mio::net::IoSliceMut(buffer), mio::net::IoSliceMut(more)};
    EXPECT_TRUE(takes_no_memory([&] {
        const auto read = stream.here.read(buffer);
        return !read && mio::would_block(read.error());
    }));
    EXPECT_TRUE(takes_no_memory([&] {
        return stream.here.write(bytes_of("hello")) == 5u && stream.here.write_vectored(slices) == 12u;
    }));
    plain::write_all(stream.there, "hello");
    loop.expect({{id1, Interest::readable}});
    EXPECT_TRUE(takes_no_memory([&] {
        return stream.here.peek(buffer) == 5u && stream.here.read(std::span(buffer).first(2)) == 2u
               && stream.here.read_vectored(rooms) == 3u;
    }));
    EXPECT_TRUE(takes_no_memory([&] {
        return stream.here.finish_connect() == true && stream.here.take_error() == std::error_code()
               && stream.here.set_nodelay(true) && stream.here.peer_address() && stream.here.local_address()
               && stream.here.shutdown(mio::net::Shutdown::write);
    }));
    // Errors of a broken connection allocate nothing either.
    EXPECT_TRUE(takes_no_memory([&] {
        const auto written = stream.here.write(bytes_of("x"));
        return !written && written.error() == std::errc::broken_pipe;
    }));
}

TEST(Allocation, IsNotNeededToConnectAndAccept) {
    auto listener = must(mio::net::TcpListener::bind(local_v4()));
    const auto address = must(listener.local_address());
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(listener, id1, Interest::readable)));
    EXPECT_TRUE(takes_no_memory([&] {
        const auto client = mio::net::TcpStream::connect(address);
        if (!client || !loop.poll.poll(loop.events, 5s) || loop.events.size() != 1) return false;
        const auto accepted = listener.accept();
        const auto none = listener.accept();
        return accepted && !none && mio::would_block(none.error());
    }));
}

TEST(Allocation, FailureIsAnErrorAndLeaksNothing) {
    if (is_kqueue_double()) GTEST_SKIP() << "the kqueue double allocates and cannot fail";
    if (under_sanitizer) GTEST_SKIP() << "operator new is made to fail without sanitizers only";
    DescriptorGuard guard;
    {
        Loop loop;
        Stream stream;
        const auto other = must(mio::Waker::create(loop.registry(), id2));
        const auto before = open_handles();
        heap.is_short = true;
        const auto poll = mio::Poll::create();
        const auto waker = mio::Waker::create(loop.registry(), id1);
        const auto resolved = mio::net::resolve("127.0.0.1", "80");
        const auto added = loop.registry().add(stream.here.raw(), id1, Interest::readable);
        const auto removed = loop.registry().remove(stream.here.raw());
        heap.is_short = false;
        EXPECT_TRUE(fails_with(poll, std::errc::not_enough_memory));
        EXPECT_TRUE(fails_with(waker, std::errc::not_enough_memory));
        EXPECT_TRUE(fails_with(resolved, std::errc::not_enough_memory));
        EXPECT_TRUE(fails_with(added, std::errc::not_enough_memory));
        EXPECT_TRUE(fails_with(removed, mio::Errc::not_registered));
        EXPECT_EQ(&poll.error().category(), &mio::os_category());
        EXPECT_EQ(&waker.error().category(), &mio::os_category());
        EXPECT_EQ(&resolved.error().category(), &mio::os_category());
        EXPECT_EQ(open_handles(), before);
        // The poll still works after creating the waker failed.
        ASSERT_TRUE(ok(other.wake()));
        loop.expect({{id2, Interest::readable}});
        const auto again = must(mio::Waker::create(loop.registry(), id1));
        ASSERT_TRUE(ok(again.wake()));
        loop.expect({{id1, Interest::readable}});
        loop.expect_none();
    }
}
