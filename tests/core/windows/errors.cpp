#include "sockets.hpp"

#include <windows.h>

#include <system_error>

#include "support.hpp"

using namespace test;

namespace {

struct Mapping {
    int code;
    std::errc condition;
};

constexpr Mapping mappings[] = {
    {WSAEINTR, std::errc::interrupted},
    {WSAEACCES, std::errc::permission_denied},
    {WSAEINVAL, std::errc::invalid_argument},
    {WSAEMFILE, std::errc::too_many_files_open},
    {WSAENOTSOCK, std::errc::not_a_socket},
    {WSAEMSGSIZE, std::errc::message_size},
    {WSAEAFNOSUPPORT, std::errc::address_family_not_supported},
    {WSAEADDRINUSE, std::errc::address_in_use},
    {WSAEADDRNOTAVAIL, std::errc::address_not_available},
    {WSAECONNABORTED, std::errc::connection_aborted},
    {WSAECONNRESET, std::errc::connection_reset},
    {WSAECONNREFUSED, std::errc::connection_refused},
    {WSAENOTCONN, std::errc::not_connected},
    {WSAESHUTDOWN, std::errc::broken_pipe},
    {WSAETIMEDOUT, std::errc::timed_out},
    {ERROR_INVALID_HANDLE, std::errc::bad_file_descriptor},
    {ERROR_ACCESS_DENIED, std::errc::permission_denied},
    {ERROR_BROKEN_PIPE, std::errc::broken_pipe},
    {ERROR_NO_DATA, std::errc::broken_pipe},
    {ERROR_OUTOFMEMORY, std::errc::not_enough_memory},
    {ERROR_ALREADY_EXISTS, std::errc::file_exists},
};

std::error_code os(int code) { return {code, mio::os_category()}; }

} // namespace

TEST(Errors, OsErrorsCompareWithErrcAndHaveTheirOwnMessage) {
    for (const auto& [code, condition] : mappings) {
        EXPECT_EQ(os(code), condition) << code << ": " << os(code).message();
        EXPECT_FALSE(os(code).message().empty()) << code;
        EXPECT_EQ(os(code).message().find("rror"), std::string::npos)
            << os(code).message() << " is not descriptive";
        EXPECT_FALSE(mio::would_block(os(code))) << code;
        EXPECT_FALSE(mio::in_progress(os(code))) << code;
    }
}

TEST(Errors, WouldBlockIsTheWinsockCode) {
    EXPECT_TRUE(mio::would_block(os(WSAEWOULDBLOCK)));
    EXPECT_TRUE(mio::would_block(std::make_error_code(std::errc::operation_would_block)));
    EXPECT_TRUE(mio::would_block(std::make_error_code(std::errc::resource_unavailable_try_again)));
    EXPECT_FALSE(mio::would_block({WSAEWOULDBLOCK, mio::error_category()})) << "value of another category";
    EXPECT_FALSE(mio::would_block({}));
}

TEST(Errors, InProgressAndInterruptedAreTheWinsockCodes) {
    EXPECT_TRUE(mio::in_progress(os(WSAEINPROGRESS)));
    EXPECT_TRUE(mio::in_progress(os(ERROR_IO_PENDING)));
    EXPECT_TRUE(mio::in_progress(os(WSAEWOULDBLOCK))) << "connect returns this while it is in progress";
    EXPECT_TRUE(mio::interrupted(os(WSAEINTR)));
    EXPECT_FALSE(mio::interrupted(os(WSAEWOULDBLOCK)));
}

TEST(Errors, UnknownOsCodeHasAMessageButNoCondition) {
    EXPECT_FALSE(os(0x2000'4711).message().empty());
    EXPECT_EQ(os(0x2000'4711).default_error_condition().category(), mio::os_category());
}
