#include <concepts>
#include <optional>
#include <string>
#include <type_traits>

#include "support.hpp"

using namespace test;

namespace {

constexpr Interest r = Interest::readable;
constexpr Interest w = Interest::writable;
constexpr Interest p = Interest::priority;
constexpr Interest aio = Interest::aio;
constexpr Interest lio = Interest::lio;

constexpr bool is_exactly(Interest i, bool readable, bool writable, bool priority, bool is_aio, bool is_lio) {
    return i.is_readable() == readable && i.is_writable() == writable && i.is_priority() == priority
           && i.is_aio() == is_aio && i.is_lio() == is_lio;
}

constexpr Interest or_assigned(Interest a, Interest b) {
    a |= b;
    return a;
}

} // namespace

static_assert(sizeof(Interest) == 1 && std::is_trivially_copyable_v<Interest>);
static_assert(!std::default_initializable<Interest>, "an empty interest cannot be made");
static_assert(!std::is_constructible_v<Interest, int> && !std::is_constructible_v<Interest, unsigned char>);

static_assert(is_exactly(r, true, false, false, false, false));
static_assert(is_exactly(w, false, true, false, false, false));
static_assert(is_exactly(p, false, false, true, false, false));
static_assert(is_exactly(aio, false, false, false, true, false));
static_assert(is_exactly(lio, false, false, false, false, true));

static_assert(is_exactly(r | w, true, true, false, false, false));
static_assert(is_exactly(r | w | p | aio | lio, true, true, true, true, true));
static_assert((r | w) == (w | r) && (r | r) == r, "a union is a union, in whatever order");
static_assert(or_assigned(r, w) == (r | w));

static_assert((r | w).without(w) == r);
static_assert((r | w).without(r) == w);
static_assert((r | w).without(p) == (r | w), "taking away what is not there changes nothing");
static_assert((r | w | p).without(r | p) == w);
static_assert(!r.without(r), "nothing would be left");
static_assert(!(r | w).without(r | w | p));

static_assert(r.bits() == 1 && w.bits() == 2 && aio.bits() == 4 && lio.bits() == 8 && p.bits() == 16);
constexpr bool every_set_survives_its_bits() {
    for (unsigned bits = 1; bits < 32; ++bits) {
        const auto interest = Interest::from_bits(bits);
        if (!interest || interest->bits() != bits) return false;
    }
    return true;
}
static_assert(every_set_survives_its_bits());
static_assert(Interest::from_bits((r | p).bits()) == (r | p));
static_assert(!Interest::from_bits(0) && !Interest::from_bits(32) && !Interest::from_bits(33)
                  && !Interest::from_bits(256 + 1),
              "neither an empty set nor bits without a meaning");

static_assert(r != w && r < w && w < (r | w), "ordered, so that it can be a key");

TEST(Interest, PrintsTheNamesOfItsFlags) {
    EXPECT_EQ(to_string(r), "READABLE");
    EXPECT_EQ(to_string(w), "WRITABLE");
    EXPECT_EQ(to_string(p), "PRIORITY");
    EXPECT_EQ(to_string(aio), "AIO");
    EXPECT_EQ(to_string(lio), "LIO");
    EXPECT_EQ(to_string(r | w), "READABLE | WRITABLE");
    EXPECT_EQ(to_string(w | r), "READABLE | WRITABLE");
    EXPECT_EQ(to_string(r | p), "READABLE | PRIORITY");
    EXPECT_EQ(to_string(r | w | aio | lio | p), "READABLE | WRITABLE | AIO | LIO | PRIORITY");
}

TEST(Interest, ConstantsAreUsableBeforeMain) {
    static constinit Interest both = Interest::readable | Interest::writable;
    EXPECT_EQ(both, r | w);
}

TEST(Interest, RemovingTheLastFlagYieldsNone) {
    std::optional<Interest> left = r | w;
    left = left->without(r);
    ASSERT_TRUE(left);
    EXPECT_EQ(*left, w);
    EXPECT_FALSE(left->without(w));
}
