#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "support.hpp"

using namespace test;
using mio::Event;

static_assert(std::is_trivially_copyable_v<Event> && std::is_standard_layout_v<Event>);
static_assert(sizeof(Event) <= 16);
static_assert(std::is_nothrow_default_constructible_v<Event>);

namespace {

constexpr Readiness all_readiness[] = {Readiness::readable,    Readiness::writable,     Readiness::error,
                                       Readiness::read_closed, Readiness::write_closed, Readiness::priority,
                                       Readiness::aio,         Readiness::lio};

// Each predicate reads exactly its own bit.
constexpr bool agrees(Readiness r) {
    const Event event(Token{1}, r, 0);
    const auto has = [r](Readiness bit) { return (r & bit) != Readiness::none; };
    return event.readiness() == r && event.is_readable() == has(Readiness::readable)
           && event.is_writable() == has(Readiness::writable) && event.is_error() == has(Readiness::error)
           && event.is_read_closed() == has(Readiness::read_closed)
           && event.is_write_closed() == has(Readiness::write_closed)
           && event.is_priority() == has(Readiness::priority) && event.is_aio() == has(Readiness::aio)
           && event.is_lio() == has(Readiness::lio);
}

constexpr bool every_set_agrees() {
    for (unsigned bits = 0; bits < 256; ++bits) {
        if (!agrees(static_cast<Readiness>(bits))) return false;
    }
    return true;
}

constexpr Readiness or_assigned(Readiness a, Readiness b) {
    a |= b;
    return a;
}

} // namespace

static_assert(every_set_agrees());
static_assert(Event().token() == Token{0} && Event().readiness() == Readiness::none
              && Event().raw_flags() == 0);
static_assert((Readiness::readable | Readiness::error) != Readiness::readable);
static_assert((Readiness::readable & Readiness::writable) == Readiness::none);
static_assert(or_assigned(Readiness::aio, Readiness::lio) == (Readiness::aio | Readiness::lio));

TEST(Event, KeepsItsTokenAndReadiness) {
    constexpr Event event(Token{9}, Readiness::readable, 0xdead'beef, 0x1234, -7);
    EXPECT_EQ(event.token(), Token{9});
    EXPECT_EQ(event.raw_flags(), 0xdead'beefu);
    EXPECT_EQ(event.raw_detail(), 0x1234);
    EXPECT_EQ(event.raw_filter(), -7);
    const Event copy = event;
    EXPECT_EQ(copy.token(), event.token());
    EXPECT_EQ(copy.raw_flags(), event.raw_flags());
}

TEST(Event, IsPrintedAsTokenAndPredicates) {
    EXPECT_EQ(to_string(Event(Token{7}, Readiness::none, 0)), "Token(7)");
    EXPECT_EQ(to_string(Event(Token{7}, Readiness::readable | Readiness::read_closed, 0)),
              "Token(7) READABLE | READ_CLOSED");
    auto everything = Readiness::none;
    for (const auto bit : all_readiness) everything |= bit;
    EXPECT_EQ(to_string(Event(Token{0}, everything, 0)),
              "Token(0) READABLE | WRITABLE | ERROR | READ_CLOSED | WRITE_CLOSED | PRIORITY | AIO | LIO");
    const std::string names[] = {"READABLE",     "WRITABLE", "ERROR", "READ_CLOSED",
                                 "WRITE_CLOSED", "PRIORITY", "AIO",   "LIO"};
    for (std::size_t i = 0; i < std::size(names); ++i) {
        EXPECT_EQ(to_string(Event(Token{1}, all_readiness[i], 0)), "Token(1) " + names[i]);
    }
}

TEST(Event, DescribeNamesTheKernelFlags) {
    Loop loop;
    const auto [here, there] = plain::socket_pair();
    mio::RawSource source(here.fd());
    ASSERT_TRUE(ok(loop.registry().add(source, Token{1}, Interest::writable)));
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 500ms)));
    ASSERT_EQ(loop.events.size(), 1u);
    // The format is not specified; it is only non-empty and differs from that of an empty record.
    EXPECT_FALSE(describe(loop.events[0]).empty());
    EXPECT_NE(describe(loop.events[0]), describe(Event()));
    EXPECT_FALSE(describe(Event()).empty());
    EXPECT_NE(loop.events[0].raw_flags() | loop.events[0].raw_detail(), 0u);
}

TEST(Event, OutlivesItsPoll) {
    std::vector<Event> kept;
    {
        Loop loop;
        const auto [here, there] = plain::socket_pair();
        mio::RawSource source(here.fd());
        ASSERT_TRUE(ok(loop.registry().add(source, Token{5}, Interest::writable)));
        ASSERT_TRUE(ok(loop.poll.poll(loop.events, 500ms)));
        kept.assign(loop.events.begin(), loop.events.end());
    }
    ASSERT_EQ(kept.size(), 1u);
    EXPECT_EQ(kept[0].token(), Token{5});
    EXPECT_TRUE(kept[0].is_writable());
}
