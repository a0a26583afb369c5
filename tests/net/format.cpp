// The optional header for std::format.
#include <format>
#include <string>

#include "support.hpp"

#include <mio/format.hpp>

using namespace test;
using namespace mio::net::literals;

namespace {

TEST(Format, FormatsAddressesAsStrings) {
    EXPECT_EQ(std::format("{}", "192.0.2.1"_ip), "192.0.2.1");
    EXPECT_EQ(std::format("{}", "10.0.0.0/8"_prefix), "10.0.0.0/8");
    EXPECT_EQ(std::format("<{}>", "[fe80::1%3]:80"_addr), "<[fe80::1%3]:80>");
    EXPECT_EQ(std::format("{}", "/run/a\tsocket"_unix), "/run/a\\x09socket");
}

TEST(Format, AcceptsTheSpecificationsOfStrings) {
    EXPECT_EQ(std::format("{:>12}|{:<12}|{:*^11}", "192.0.2.1"_ip, "::1"_ip, "10.0.0.0/8"_prefix),
              "   192.0.2.1|::1         |10.0.0.0/8*");
    const std::string_view format = "{:d}";
    const auto address = "::1"_ip;
    EXPECT_THROW((void)std::vformat(format, std::make_format_args(address)), std::format_error);
}

} // namespace
