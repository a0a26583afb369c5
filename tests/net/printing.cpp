// Addresses on streams.
#include <concepts>
#include <iomanip>
#include <ostream>
#include <sstream>
#include <string>

#include "support.hpp"

using namespace test;
using namespace mio::net::literals;
using mio::net::IpAddress;
using mio::net::IpPrefix;
using mio::net::SocketAddress;
using mio::net::UnixAddress;

namespace {

template <class T> std::string printed(const T& value) {
    std::ostringstream stream;
    static_assert(std::same_as<decltype(stream << value), std::ostream&>);
    stream << value << '!';
    return std::move(stream).str();
}

/// A stream that is not from the standard library.
struct Log {
    std::string text;
    Log& operator<<(const std::string& more) {
        text += more;
        return *this;
    }
};

template <class Stream, class T>
concept Prints = requires(Stream& stream, const T& value) { stream << value; };

static_assert(Prints<std::ostream, IpAddress> && Prints<Log, SocketAddress>);
static_assert(!Prints<int, IpAddress> && !Prints<int, UnixAddress> && !Prints<std::wostream, IpPrefix>);

TEST(Printing, WritesWhatToStringReturns) {
    EXPECT_EQ(printed("192.0.2.1"_ip), "192.0.2.1!");
    EXPECT_EQ(printed("2001:db8::7"_ip), "2001:db8::7!");
    EXPECT_EQ(printed("10.0.0.0/8"_prefix), "10.0.0.0/8!");
    EXPECT_EQ(printed("127.0.0.1:80"_addr), "127.0.0.1:80!");
    EXPECT_EQ(printed("[fe80::1%3]:80"_addr), "[fe80::1%3]:80!");
    EXPECT_EQ(printed("/run/a\tsocket"_unix), "/run/a\\x09socket!");
    EXPECT_EQ(printed(UnixAddress::unnamed()), "(unnamed)!");
}

TEST(Printing, ObeysTheFieldWidth) {
    std::ostringstream stream;
    stream << std::setw(12) << std::left << "192.0.2.1"_ip << '|' << std::setw(12) << std::right << "::1"_ip
           << '|';
    EXPECT_EQ(stream.str(), "192.0.2.1   |         ::1|");
}

TEST(Printing, WritesToOtherStreams) {
    Log log;
    log << "127.0.0.1:80"_addr << " "
        << "::1"_ip;
    EXPECT_EQ(log.text, "127.0.0.1:80 ::1");
}

} // namespace
