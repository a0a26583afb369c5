#include <expected>
#include <iterator>
#include <set>
#include <string>
#include <system_error>
#include <type_traits>

#include "support.hpp"

using namespace test;
using mio::Errc;

static_assert(std::is_error_code_enum_v<Errc>);
static_assert(std::is_same_v<mio::Result<>, std::expected<void, std::error_code>>);
static_assert(std::is_same_v<mio::Result<int>, std::expected<int, std::error_code>>);
static_assert(static_cast<int>(Errc::already_registered) == 1, "0 would be success");

namespace {

struct Mapping {
    Errc code;
    std::errc condition;
    const char* text;
};
constexpr Mapping mappings[] = {
    {Errc::already_registered, std::errc::file_exists, "already registered"},
    {Errc::not_registered, std::errc::no_such_file_or_directory, "not registered"},
    {Errc::other_registry, std::errc::file_exists, "another Poll"},
    {Errc::no_capacity, std::errc::invalid_argument, "capacity"},
    {Errc::invalid_address, std::errc::invalid_argument, "address"},
    {Errc::path_too_long, std::errc::filename_too_long, "too long"},
    {Errc::interior_nul, std::errc::invalid_argument, "NUL"},
    {Errc::unsupported, std::errc::operation_not_supported, "not supported"},
};

std::error_code os(int code) { return {code, mio::os_category()}; }
std::error_code generic(int code) { return {code, std::generic_category()}; }

} // namespace

TEST(Errors, EachErrcHasAConditionAndAMessage) {
    std::set<std::string> texts;
    for (const auto& [errc, condition, text] : mappings) {
        const std::error_code code = errc;
        EXPECT_EQ(code.category(), mio::error_category());
        EXPECT_EQ(code.value(), static_cast<int>(errc));
        EXPECT_EQ(code, errc);
        EXPECT_EQ(code, condition) << code.message();
        EXPECT_NE(code.message().find(text), std::string::npos) << code.message();
        EXPECT_TRUE(code) << "an error code is never 0";
        texts.insert(code.message());
        // It matches no other condition of the list.
        for (const auto& other : mappings) {
            if (other.condition != condition) {
                EXPECT_NE(code, other.condition) << code.message();
            }
        }
    }
    EXPECT_EQ(texts.size(), std::size(mappings)) << "messages are distinct";
}

TEST(Errors, CategoryIsNamedMioAndUnique) {
    EXPECT_STREQ(mio::error_category().name(), "mio");
    EXPECT_EQ(&mio::error_category(), &mio::error_category());
    EXPECT_EQ(make_error_code(Errc::unsupported).category(), mio::error_category());
}

TEST(Errors, UnknownCodeHasAMessageButNoCondition) {
    const std::error_code unknown(4711, mio::error_category());
    EXPECT_NE(unknown.message().find("4711"), std::string::npos);
    EXPECT_EQ(unknown.default_error_condition().category(), mio::error_category());
    const std::error_code none(0, mio::error_category());
    EXPECT_FALSE(none.message().empty());
}

TEST(Errors, ErrcDoesNotEqualErrnoWithTheSameValue) {
    EXPECT_NE(std::error_code(Errc::already_registered), os(1));
    EXPECT_NE(std::error_code(Errc::already_registered), generic(1));
}
