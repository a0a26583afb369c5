// Sockets of any family: those of Linux.
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <system_error>
#include <utility>

#include "posix.hpp"

using namespace test;
using mio::net::IpAddress;
using mio::net::RawAddress;
using mio::net::Socket;
using mio::net::SocketAddress;

namespace {

std::span<const std::byte> bytes_of_object(const auto& object) {
    return std::as_bytes(std::span(&object, 1));
}

/// A family may be missing from the kernel, or forbidden.
bool is_missing(const mio::Result<Socket>& socket) {
    return !socket
           && (socket.error() == std::errc::address_family_not_supported
               || socket.error() == std::errc::protocol_not_supported
               || socket.error() == std::errc::operation_not_permitted
               || socket.error() == std::errc::permission_denied
               || socket.error() == std::errc::no_protocol_option);
}

} // namespace

TEST(AnyLinuxSocket, ListensWithTheGivenBacklog) {
    for (const int backlog : {INT_MIN, -1, 0, 1, 7, 100}) {
        const auto socket = must(Socket::open(AF_INET, SOCK_STREAM));
        ASSERT_TRUE(ok(socket.bind(local_v4())));
        ASSERT_TRUE(ok(socket.listen(backlog)));
        // Linux reports a listener's backlog here. It takes a negative one for the highest.
        const auto info = must(socket.option<::tcp_info>(IPPROTO_TCP, TCP_INFO));
        EXPECT_EQ(info.tcpi_sacked, static_cast<unsigned>(std::max(backlog, 0)));
    }
}

TEST(NetlinkSocket, ListsTheNetworkInterfaces) {
    auto opened = Socket::open(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    if (is_missing(opened)) GTEST_SKIP() << opened.error().message();
    auto socket = must(std::move(opened));
    EXPECT_TRUE(is_non_blocking(socket.raw()));
    EXPECT_TRUE(is_close_on_exec(socket.raw()));

    ::sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    ASSERT_TRUE(ok(socket.bind(RawAddress::of(kernel))));
    const auto here = must(socket.local_address()).as<::sockaddr_nl>();
    EXPECT_EQ(here.nl_family, AF_NETLINK);
    EXPECT_NE(here.nl_pid, 0u) << "the kernel chooses a port";

    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(socket, Token{1}, Interest::readable)));
    std::array<std::byte, 65'536> buffer;
    EXPECT_TRUE(blocks(socket.read(buffer)));

    struct {
        ::nlmsghdr header{};
        ::ifinfomsg body{};
    } request;
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = RTM_GETLINK;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    EXPECT_EQ(socket.send_to(bytes_of_object(request), RawAddress::of(kernel)), sizeof request);

    int interfaces = 0;
    bool done = false;
    while (!done) {
        loop.expect({{Token{1}, Interest::readable}});
        while (true) {
            const auto received = socket.receive_from(buffer);
            if (!received) {
                ASSERT_TRUE(blocks(received));
                break;
            }
            EXPECT_EQ(received->second.as<::sockaddr_nl>().nl_pid, 0u) << "the sender is the kernel";
            auto left = static_cast<int>(received->first);
            for (const auto* each = reinterpret_cast<const ::nlmsghdr*>(buffer.data());
                 NLMSG_OK(each, static_cast<unsigned>(left)); each = NLMSG_NEXT(each, left)) {
                if (each->nlmsg_type == RTM_NEWLINK) ++interfaces;
                if (each->nlmsg_type == NLMSG_DONE) done = true;
                ASSERT_NE(each->nlmsg_type, NLMSG_ERROR);
            }
        }
    }
    EXPECT_GT(interfaces, 0) << "the loopback interface at least";
}

TEST(RawSocket, PingsThisMachine) {
    auto opened = Socket::open(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    if (is_missing(opened)) GTEST_SKIP() << opened.error().message();
    auto socket = must(std::move(opened));
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(socket, Token{1}, read_write)));
    loop.expect({{Token{1}, Interest::writable}});

    ::icmphdr request{};
    request.type = ICMP_ECHO;
    request.un.echo.id = htons(0x4d10);
    request.un.echo.sequence = htons(7);
    // The checksum of a header whose other words are known.
    const std::uint32_t sum = (ICMP_ECHO << 8) + 0x4d10 + 7;
    request.checksum = htons(static_cast<std::uint16_t>(~(sum + (sum >> 16))));
    const RawAddress loopback(SocketAddress(IpAddress::loopback_v4(), 0));
    ASSERT_EQ(socket.send_to(bytes_of_object(request), loopback), sizeof request);

    // Both the request and the reply arrive, with their IP headers; others' packets may, too.
    std::array<std::byte, 1500> buffer;
    for (bool replied = false; !replied;) {
        plain::await(socket.raw(), POLLIN);
        const auto [size, sender] = must(socket.receive_from(buffer));
        ASSERT_GE(size, sizeof(::iphdr));
        ::iphdr ip;
        std::memcpy(&ip, buffer.data(), sizeof ip);
        ::icmphdr reply;
        ASSERT_GE(size, ip.ihl * 4 + sizeof reply);
        std::memcpy(&reply, buffer.data() + ip.ihl * 4, sizeof reply);
        if (reply.un.echo.id != request.un.echo.id) continue;
        EXPECT_EQ(must(sender.to_ip()).ip(), IpAddress::loopback_v4());
        replied = reply.type == ICMP_ECHOREPLY && reply.un.echo.sequence == request.un.echo.sequence;
    }
}

TEST(VsockSocket, BindsListensAndReportsItsAddress) {
    auto opened = Socket::open(AF_VSOCK, SOCK_STREAM);
    if (is_missing(opened)) GTEST_SKIP() << opened.error().message();
    auto socket = must(std::move(opened));
    EXPECT_TRUE(is_non_blocking(socket.raw()));
    EXPECT_TRUE(is_close_on_exec(socket.raw()));
    ::sockaddr_vm any{};
    any.svm_family = AF_VSOCK;
    any.svm_cid = VMADDR_CID_ANY;
    any.svm_port = VMADDR_PORT_ANY;
    ASSERT_TRUE(ok(socket.bind(RawAddress::of(any))));
    ASSERT_TRUE(ok(socket.listen(4)));
    const auto here = must(socket.local_address());
    EXPECT_EQ(here.family(), AF_VSOCK);
    EXPECT_EQ(here.bytes().size(), sizeof any);
    EXPECT_NE(here.as<::sockaddr_vm>().svm_port, VMADDR_PORT_ANY) << "the kernel chooses a port";
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(socket, Token{1}, Interest::readable)));
    EXPECT_TRUE(blocks(socket.accept()));
    loop.expect_none();
}

TEST(VsockSocket, ConnectsWithinThisMachine) {
    auto opened = Socket::open(AF_VSOCK, SOCK_STREAM);
    if (is_missing(opened)) GTEST_SKIP() << opened.error().message();
    auto listener = must(std::move(opened));
    ::sockaddr_vm address{};
    address.svm_family = AF_VSOCK;
    address.svm_cid = VMADDR_CID_LOCAL;
    address.svm_port = VMADDR_PORT_ANY;
    if (const auto bound = listener.bind(RawAddress::of(address)); !bound)
        GTEST_SKIP() << "this kernel has no loopback for vsock: " << bound.error().message();
    ASSERT_TRUE(ok(listener.listen(4)));

    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(listener, Token{1}, Interest::readable)));
    auto client = must(Socket::open(AF_VSOCK, SOCK_STREAM));
    ASSERT_TRUE(ok(client.connect(must(listener.local_address()))));
    ASSERT_TRUE(ok(loop.registry().add(client, Token{2}, read_write)));
    loop.expect({{Token{1}, Interest::readable}, {Token{2}, Interest::writable}});
    EXPECT_EQ(client.finish_connect(), true);
    auto [server, peer] = must(listener.accept());
    EXPECT_EQ(peer.as<::sockaddr_vm>().svm_cid, unsigned{VMADDR_CID_LOCAL});
    ASSERT_TRUE(ok(loop.registry().add(server, Token{3}, Interest::readable)));
    EXPECT_EQ(client.write(bytes_of("hello")), 5u);
    loop.expect({{Token{3}, Interest::readable}});
    std::array<std::byte, 64> buffer;
    EXPECT_EQ(server.read(buffer), 5u);
    EXPECT_TRUE(blocks(server.read(buffer)));
}

TEST(MultipathTcpSocket, ConnectsAndTransfers) {
    constexpr int mptcp = 262; // IPPROTO_MPTCP, which older headers lack
    auto opened = Socket::open(AF_INET, SOCK_STREAM, mptcp);
    if (is_missing(opened)) GTEST_SKIP() << opened.error().message();
    auto listener = must(std::move(opened));
    ASSERT_TRUE(ok(listener.bind(local_v4())));
    ASSERT_TRUE(ok(listener.listen(4)));
    Loop loop;
    auto client = must(Socket::open(AF_INET, SOCK_STREAM, mptcp));
    ASSERT_TRUE(ok(client.connect(must(listener.local_address()))));
    ASSERT_TRUE(ok(loop.registry().add(client, Token{1}, read_write)));
    ASSERT_TRUE(ok(loop.registry().add(listener, Token{2}, Interest::readable)));
    loop.expect({{Token{1}, Interest::writable}, {Token{2}, Interest::readable}});
    EXPECT_EQ(client.finish_connect(), true);
    EXPECT_EQ(client.option(SOL_SOCKET, SO_PROTOCOL), mptcp);
    const auto server = must(listener.accept()).first;
    EXPECT_EQ(server.write(bytes_of("hello")), 5u);
    loop.expect({{Token{1}, Interest::readable}});
    std::array<std::byte, 64> buffer;
    EXPECT_EQ(client.read(buffer), 5u);
}
