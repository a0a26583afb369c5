#include <sys/resource.h>
#include <sys/socket.h>

#include <system_error>

#include "../udp.hpp"
#include "posix.hpp"

using namespace test;

namespace {

class UdpSocketOnUnix : public OnEachFamily {};
INSTANTIATE_TEST_SUITE_P(, UdpSocketOnUnix, both_families, family_name);

} // namespace

TEST_P(UdpSocketOnUnix, ExhaustionLeaksNothing) {
    DescriptorGuard guard;
    ::rlimit before;
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const ::rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    const auto by_bind = UdpSocket::bind(GetParam());
    const auto by_family = GetParam().ip().is_v4() ? UdpSocket::v4() : UdpSocket::v6();
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_TRUE(fails_with(by_bind, std::errc::too_many_files_open));
    EXPECT_TRUE(fails_with(by_family, std::errc::too_many_files_open));
}

TEST_P(UdpSocketOnUnix, AdoptingAHandleDoesNotChangeIt) {
    const int family = GetParam().ip().is_v4() ? AF_INET : AF_INET6;
    const auto socket = UdpSocket::from_raw(::socket(family, SOCK_DGRAM, 0));
    expect_blocking(socket.raw());
    EXPECT_FALSE(is_close_on_exec(socket.raw()));
}

TEST_P(UdpSocketOnUnix, LocalAddressIsUnspecifiedBeforeBind) {
    const auto socket = unbound(); // Windows does not report this
    EXPECT_EQ(address_of(socket).port(), 0);
    EXPECT_TRUE(address_of(socket).ip().is_unspecified());
    EXPECT_EQ(address_of(socket).ip().is_v4(), GetParam().ip().is_v4());
}
