#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <climits>
#include <utility>

#include "posix.hpp"
#include "tcp.hpp"

using namespace test;

namespace {

// One socket per family, for properties of both.
std::array<TcpSocket, 2> sockets() { return {must(TcpSocket::v4()), must(TcpSocket::v6())}; }

TEST(TcpSocket, HasTheProtocolAndFamilyOfItsConstructor) {
    for (const auto& socket : sockets())
        EXPECT_EQ(must(plain::option(socket.raw(), SOL_SOCKET, SO_PROTOCOL)), IPPROTO_TCP);
    EXPECT_EQ(must(plain::option(must(TcpSocket::v4()).raw(), SOL_SOCKET, SO_DOMAIN)), AF_INET);
    EXPECT_EQ(must(plain::option(must(TcpSocket::v6()).raw(), SOL_SOCKET, SO_DOMAIN)), AF_INET6);
}

TEST(TcpSocket, ListensWithTheGivenBacklog) {
    for (const int backlog : {INT_MIN, -1, 0, 1, 7, 100}) {
        auto socket = must(TcpSocket::v4());
        ASSERT_TRUE(ok(socket.bind(local_v4())));
        const auto listener = must(std::move(socket).listen(backlog));
        ::tcp_info info{};
        ::socklen_t length = sizeof info;
        ASSERT_EQ(::getsockopt(listener.raw(), IPPROTO_TCP, TCP_INFO, &info, &length), 0);
        // Linux reports a listener's backlog here. It takes a negative one for the highest.
        EXPECT_EQ(info.tcpi_sacked, static_cast<unsigned>(std::max(backlog, 0)));
    }
}

TEST(TcpSocket, FlowLabelSurvivesTheKernel) {
    const auto listener = plain::listen(local_v6());
    const auto port = plain::address_of(listener).port();
    auto socket = must(TcpSocket::v6());
    const int on = 1;
    ASSERT_EQ(::setsockopt(socket.raw(), IPPROTO_IPV6, 33 /* IPV6_FLOWINFO_SEND */, &on, sizeof on), 0);
    const auto stream = must(std::move(socket).connect({IpAddress::loopback_v6(), port, 0xf143'4567}));
    // The kernel drops the highest four bits, which shows the byte order that it received.
    EXPECT_EQ(must(stream.peer_address()), SocketAddress(IpAddress::loopback_v6(), port, 0x0143'4567));
}

} // namespace
