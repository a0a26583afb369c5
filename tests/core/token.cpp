#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <unordered_set>

#include "support.hpp"

using namespace test;

static_assert(std::is_trivially_copyable_v<Token> && std::is_nothrow_default_constructible_v<Token>);
static_assert(sizeof(Token) == sizeof(std::size_t), "a token has to fit what the kernel carries for us");
static_assert(!std::is_convertible_v<std::size_t, Token>, "a number is not a token by accident");
static_assert(!std::is_convertible_v<Token, std::size_t>);
static_assert(std::is_same_v<std::compare_three_way_result_t<Token>, std::strong_ordering>);

static_assert(Token{}.value == 0);
static_assert(Token{3} == Token{3} && Token{3} != Token{4});
static_assert(Token{3} < Token{4} && Token{4} >= Token{4} && Token{5} > Token{4});

TEST(Token, WorksAsAHashTableKey) {
    std::unordered_set<Token> tokens{Token{1}, Token{2}, Token{1}};
    EXPECT_EQ(tokens.size(), 2u);
    EXPECT_TRUE(tokens.contains(Token{2}));
    EXPECT_FALSE(tokens.contains(Token{3}));
}

TEST(Token, EveryBitSurvivesTheKernel) {
    for (const auto value :
         {std::size_t{0}, std::size_t{1}, std::size_t{0x5555'5555},
          std::numeric_limits<std::size_t>::max() / 2 + 1, std::numeric_limits<std::size_t>::max() - 1,
          std::numeric_limits<std::size_t>::max()}) {
        Loop loop;
        const auto [here, there] = plain::socket_pair();
        mio::RawSource source(here.fd());
        ASSERT_TRUE(ok(loop.registry().add(source, Token{value}, Interest::writable)));
        ASSERT_TRUE(ok(loop.poll.poll(loop.events, 500ms)));
        ASSERT_EQ(loop.events.size(), 1u);
        EXPECT_EQ(loop.events[0].token().value, value);
    }
}

TEST(Token, CanBeSharedByTwoSources) {
    Loop loop;
    const auto [here, there] = plain::socket_pair();
    mio::RawSource one(here.fd());
    mio::RawSource other(there.fd());
    ASSERT_TRUE(ok(loop.registry().add(one, Token{7}, Interest::writable)));
    ASSERT_TRUE(ok(loop.registry().add(other, Token{7}, Interest::writable)));
    loop.expect({{Token{7}, Interest::writable}, {Token{7}, Interest::writable}});
}
