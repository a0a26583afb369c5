#include <cerrno>
#include <string>
#include <system_error>

#include "support.hpp"

using namespace test;

namespace {

std::error_code os(int code) { return {code, mio::os_category()}; }
std::error_code generic(int code) { return {code, std::generic_category()}; }

// Codes of foreign categories, which express their meaning only through an equivalent condition.
class Foreign final : public std::error_category {
  public:
    const char* name() const noexcept override { return "foreign"; }
    std::string message(int) const override { return "foreign"; }
    std::error_condition default_error_condition(int value) const noexcept override {
        return {value, std::generic_category()};
    }
};

} // namespace

TEST(Errors, OsErrorsCompareWithErrc) {
    EXPECT_EQ(os(EEXIST), std::errc::file_exists);
    EXPECT_EQ(os(EMFILE), std::errc::too_many_files_open);
    EXPECT_EQ(os(EBADF), std::errc::bad_file_descriptor);
    EXPECT_EQ(os(EPERM), std::errc::operation_not_permitted);
    EXPECT_EQ(os(ECONNREFUSED), std::errc::connection_refused);
    EXPECT_EQ(os(EPIPE), std::errc::broken_pipe);
    EXPECT_FALSE(os(EBADF).message().empty());
}

TEST(Errors, WouldBlockMatchesBothCodesInEveryCategory) {
    static const Foreign foreign;
    for (const int code : {EAGAIN, EWOULDBLOCK}) {
        EXPECT_TRUE(mio::would_block(os(code)));
        EXPECT_TRUE(mio::would_block(generic(code)));
        EXPECT_TRUE(mio::would_block({code, foreign}));
    }
    EXPECT_TRUE(mio::would_block(std::make_error_code(std::errc::operation_would_block)));
    EXPECT_TRUE(mio::would_block(std::make_error_code(std::errc::resource_unavailable_try_again)));
    for (const int code : {0, EINTR, EINPROGRESS, EBADF, EPIPE}) {
        EXPECT_FALSE(mio::would_block(os(code))) << code;
        EXPECT_FALSE(mio::would_block(generic(code))) << code;
        EXPECT_FALSE(mio::would_block({code, foreign})) << code;
    }
    // The same number in an unrelated category is a different error.
    EXPECT_FALSE(mio::would_block({EAGAIN, mio::error_category()}));
    EXPECT_FALSE(mio::would_block({}));
}

TEST(Errors, InterruptedAndInProgressMatchInEveryCategory) {
    static const Foreign foreign;
    for (const auto& category :
         {&mio::os_category(), &std::generic_category(), static_cast<const std::error_category*>(&foreign)}) {
        EXPECT_TRUE(mio::interrupted({EINTR, *category})) << category->name();
        EXPECT_TRUE(mio::in_progress({EINPROGRESS, *category})) << category->name();
        for (const int code : {0, EAGAIN, EBADF, EINPROGRESS}) {
            EXPECT_FALSE(mio::interrupted({code, *category})) << category->name() << " " << code;
        }
        for (const int code : {0, EAGAIN, EBADF, EINTR, EALREADY}) {
            EXPECT_FALSE(mio::in_progress({code, *category})) << category->name() << " " << code;
        }
    }
    EXPECT_FALSE(mio::interrupted(mio::Errc::unsupported));
    EXPECT_FALSE(mio::in_progress(mio::Errc::unsupported));
}
