// Polling, waking, registering and I/O allocate no memory after set-up. Every allocation function is replaced by a
// counting one.
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include "aligned.hpp"
#include "differences.hpp"
#include "support.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TEST_UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TEST_UNDER_SANITIZER 1
#endif
#endif
#if !defined(TEST_UNDER_SANITIZER) && defined(__GLIBC__)
#define TEST_REPLACES_MALLOC 1
#endif

namespace {

std::atomic<std::size_t> allocations = 0;

} // namespace

#ifdef TEST_UNDER_SANITIZER

// Sanitizers replace the allocation functions and report allocation themselves.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void*, std::size_t),
                                                         void (*)(const volatile void*));

namespace {

const int installed = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void*, std::size_t) { ++allocations; }, [](const volatile void*) {});

} // namespace

#else

namespace {

std::atomic<bool> memory_is_short = false;

void* allocate(std::size_t size) noexcept {
    ++allocations;
    if (memory_is_short) return nullptr;
    return std::malloc(size == 0 ? 1 : size);
}
void* allocate(std::size_t size, std::align_val_t alignment) noexcept {
    ++allocations;
    if (memory_is_short) return nullptr;
    return aligned::allocate(size, static_cast<std::size_t>(alignment));
}
void* or_throw(void* memory) {
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}

} // namespace

#ifdef TEST_REPLACES_MALLOC
// The C library's own functions, under the names that stay reachable while the replacements below are linked.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);

void* malloc(std::size_t size) noexcept {
    ++allocations;
    return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) noexcept {
    ++allocations;
    return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) noexcept {
    ++allocations;
    return __libc_realloc(memory, size);
}
}
#endif

// GCC inlines these and mistakes the memory for another operator's.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif
void* operator new(std::size_t n) { return or_throw(allocate(n)); }
void* operator new[](std::size_t n) { return or_throw(allocate(n)); }
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return allocate(n); }
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return allocate(n); }
void* operator new(std::size_t n, std::align_val_t a) { return or_throw(allocate(n, a)); }
void* operator new[](std::size_t n, std::align_val_t a) { return or_throw(allocate(n, a)); }
void* operator new(std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
    return allocate(n, a);
}
void* operator new[](std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
    return allocate(n, a);
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { aligned::free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { aligned::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { aligned::free(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { aligned::free(p); }

#endif

using namespace test;
using mio::Trigger;

namespace {

/// Number of allocations while `f` runs. The result of `f` is checked after counting.
template <class F> testing::AssertionResult takes_no_memory(F&& f) {
    const auto before = allocations.load();
    const bool succeeded = f();
    const auto count = allocations.load() - before;
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
    const auto before = allocations.load();
    ::operator delete(::operator new(8));
    EXPECT_GT(allocations.load(), before) << "allocations are not counted";
#if defined(TEST_REPLACES_MALLOC) || defined(TEST_UNDER_SANITIZER)
    const auto between = allocations.load();
    void* volatile memory = std::malloc(8);
    std::free(memory);
    EXPECT_GT(allocations.load(), between);
#endif
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
#ifdef TEST_UNDER_SANITIZER
    GTEST_SKIP() << "operator new cannot be made to fail under this sanitizer";
#else
    DescriptorGuard guard;
    {
        Loop loop;
        Stream stream;
        const auto other = must(mio::Waker::create(loop.registry(), id2));
        const auto before = open_handles();
        memory_is_short = true;
        const auto poll = mio::Poll::create();
        const auto waker = mio::Waker::create(loop.registry(), id1);
        const auto resolved = mio::net::resolve("127.0.0.1", "80");
        const auto added = loop.registry().add(stream.here.raw(), id1, Interest::readable);
        const auto removed = loop.registry().remove(stream.here.raw());
        memory_is_short = false;
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
#endif
}
