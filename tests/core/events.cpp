#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <new>
#include <ranges>
#include <type_traits>
#include <utility>

#include "support.hpp"

using namespace test;
using mio::Event;
using mio::Events;
using mio::sys::BackendAccess;

static_assert(std::ranges::random_access_range<const Events> && std::ranges::contiguous_range<const Events>
              && std::ranges::sized_range<const Events>);
static_assert(std::is_same_v<std::ranges::range_reference_t<Events&>, const Event&>);
static_assert(std::is_nothrow_move_constructible_v<Events> && std::is_nothrow_move_assignable_v<Events>);
static_assert(!std::is_copy_constructible_v<Events> && !std::is_copy_assignable_v<Events>);
static_assert(!std::is_convertible_v<std::size_t, Events>);

namespace {

Events filled(std::size_t count, std::size_t capacity = 8) {
    Events events(capacity);
    for (std::size_t i = 0; i < count; ++i)
        BackendAccess::push(events, Event(Token{i}, Readiness::readable, 0));
    return events;
}

} // namespace

TEST(Events, StartEmptyWithTheRequestedCapacity) {
    for (const std::size_t capacity : {0u, 1u, 16u, 1024u}) {
        Events events(capacity);
        EXPECT_EQ(events.capacity(), capacity);
        EXPECT_EQ(events.size(), 0u);
        EXPECT_TRUE(events.empty());
        EXPECT_EQ(events.begin(), events.end());
    }
}

TEST(Events, TooLargeCapacityFails) {
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    GTEST_SKIP() << "the sanitizer aborts instead of throwing";
#endif
#endif
    // The first overflows the size in bytes; the others exceed the address space.
    constexpr std::size_t least_bytes = sizeof(void*) > 4 ? 64 : 16;
    for (const auto capacity :
         {std::numeric_limits<std::size_t>::max(), std::numeric_limits<std::size_t>::max() / 16,
          std::numeric_limits<std::size_t>::max() / least_bytes}) {
        EXPECT_THROW(Events{capacity}, std::bad_alloc) << capacity;
    }
}

TEST(Events, KeepTheEventsOfAPollUntilCleared) {
    Loop loop;
    EXPECT_EQ(loop.events.capacity(), 16u);
    const auto waker = must(mio::Waker::create(loop.registry(), Token{10}));
    ASSERT_TRUE(ok(waker.wake()));
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 500ms)));
    ASSERT_FALSE(loop.events.empty());
    for (const auto& event : loop.events) {
        EXPECT_EQ(event.token(), Token{10});
        EXPECT_TRUE(event.is_readable());
    }
    loop.events.clear();
    EXPECT_TRUE(loop.events.empty());
    EXPECT_EQ(loop.events.size(), 0u);
    EXPECT_EQ(loop.events.capacity(), 16u);
}

TEST(Events, AreClearedByAPollWithoutNewEvents) {
    Loop loop;
    const auto waker = must(mio::Waker::create(loop.registry(), Token{10}));
    ASSERT_TRUE(ok(waker.wake()));
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 500ms)));
    ASSERT_EQ(loop.events.size(), 1u);
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 0ns)));
    EXPECT_TRUE(loop.events.empty());
}

TEST(Events, AllowRepeatedIterationAndIndexing) {
    const auto events = filled(5);
    ASSERT_EQ(events.size(), 5u);
    for (int round = 0; round < 2; ++round) {
        std::size_t i = 0;
        for (const auto& event : events) {
            EXPECT_EQ(event.token().value, i);
            EXPECT_EQ(&event, &events[i]);
            ++i;
        }
        EXPECT_EQ(i, 5u);
    }
    // An advanced iterator reports the remaining count (Mio gets this wrong).
    EXPECT_EQ(std::distance(events.begin() + 2, events.end()), 3);
    EXPECT_EQ(std::ranges::count_if(events, [](const Event& e) { return e.token().value % 2 == 0; }), 3);
    EXPECT_EQ((events.end() - 1)->token(), Token{4});
}

TEST(Events, RecordStorageIsSuitablyAligned) {
    const auto is_aligned = [](const std::byte* records) {
        return reinterpret_cast<std::uintptr_t>(records) % alignof(std::max_align_t) == 0;
    };
    Events native(4);
    EXPECT_TRUE(is_aligned(BackendAccess::records(native)));
    auto other = BackendAccess::make_events(4, 40);
    EXPECT_EQ(other.capacity(), 4u);
    EXPECT_TRUE(is_aligned(BackendAccess::records(other)));
    // All of the storage is writable; a sanitizer would report otherwise.
    std::fill_n(BackendAccess::records(other), 4 * 40, std::byte{0xff});
    EXPECT_TRUE(other.empty());
}

TEST(Events, MoveWithTheirContents) {
    auto events = filled(3);
    const auto* first = events.begin();
    Events moved(std::move(events));
    EXPECT_EQ(moved.size(), 3u);
    EXPECT_EQ(moved.capacity(), 8u);
    EXPECT_EQ(moved.begin(), first) << "moved, not copied";
    EXPECT_EQ(moved[2].token(), Token{2});
    // The moved-from object has no capacity and no events, and can be queried.
    EXPECT_EQ(events.capacity(), 0u); // NOLINT(bugprone-use-after-move)
    EXPECT_TRUE(events.empty());
    EXPECT_EQ(events.begin(), events.end());

    events = filled(1, 2);
    EXPECT_EQ(events.capacity(), 2u);
    EXPECT_EQ(events.size(), 1u);
    events = std::move(moved);
    EXPECT_EQ(events.capacity(), 8u);
    EXPECT_EQ(events.size(), 3u);
}

TEST(Events, SelfAssignmentKeepsTheEvents) {
    auto events = filled(3);
    auto& same = events;
    events = std::move(same);
    EXPECT_EQ(events.capacity(), 8u);
    ASSERT_EQ(events.size(), 3u);
    EXPECT_EQ(events[1].token(), Token{1});
}

TEST(Events, CanBeSwapped) {
    Loop loop;
    auto other = filled(3, 4);
    std::swap(loop.events, other);
    EXPECT_EQ(loop.events.capacity(), 4u);
    const auto waker = must(mio::Waker::create(loop.registry(), Token{10}));
    ASSERT_TRUE(ok(waker.wake()));
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 500ms)));
    ASSERT_EQ(loop.events.size(), 1u);
    ASSERT_TRUE(ok(waker.wake()));
    ASSERT_TRUE(ok(loop.poll.poll(other, 500ms)));
    EXPECT_EQ(other.size(), 1u);
}

TEST(Events, MovedFromEventsHaveNoCapacity) {
    Loop loop;
    const Events taken(std::move(loop.events));
    EXPECT_TRUE(fails_with(loop.poll.poll(loop.events, 0ns), mio::Errc::no_capacity));
}
