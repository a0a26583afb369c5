// Sockets of any family, as the backend sees them: those of Linux.
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <system_error>
#include <thread>

#include "contract.hpp"

using namespace test;
using mio::net::RawAddress;
using mio::net::Socket;
using mio::net::SocketAddress;

namespace {

class ContractLinuxFamilies : public Contract {};

std::span<const std::byte> bytes_of_object(const auto& object) {
    return std::as_bytes(std::span(&object, 1));
}

} // namespace

TEST_F(ContractLinuxFamilies, ReportsNetlinkMessages) {
    const auto socket = Socket::open(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    if (!socket) GTEST_SKIP() << socket.error().message();
    add(socket->raw(), id1, Interest::readable);
    expect_nothing();
    struct {
        ::nlmsghdr header{};
        ::ifinfomsg body{};
    } request;
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = RTM_GETLINK;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    ::sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    EXPECT_EQ(socket->send_to(bytes_of_object(request), RawAddress::of(kernel)), sizeof request);
    EXPECT_EQ(select(), std::multiset{id1});
    EXPECT_TRUE(events[0].is_readable());
    std::array<std::byte, 65'536> buffer;
    EXPECT_GT(must(socket->read(buffer)), 0u);
}

TEST_F(ContractLinuxFamilies, ReportsRawPackets) {
    // A protocol number that is reserved for experiments, and an address of this process: the same test of another backend
    // may run at the same time.
    const auto socket = Socket::open(AF_INET, SOCK_RAW, 253);
    if (!socket) GTEST_SKIP() << socket.error().message();
    const auto process = static_cast<unsigned>(::getpid());
    const auto own =
        mio::net::IpAddress::v4(127, static_cast<std::uint8_t>(1 + (process >> 16) % 254),
                                static_cast<std::uint8_t>(process >> 8), static_cast<std::uint8_t>(process));
    const RawAddress loopback(SocketAddress(own, 0));
    ASSERT_TRUE(ok(socket->bind(loopback)));
    add(socket->raw(), id1, Interest::readable, Trigger::level);
    expect_nothing();
    EXPECT_EQ(socket->send_to(bytes_of("packet"), loopback), 6u);
    EXPECT_EQ(select(), std::multiset{id1});
    std::array<std::byte, 128> buffer;
    EXPECT_EQ(must(socket->receive_from(buffer)).first, 20u + 6u) << "with its IP header";
    EXPECT_TRUE(blocks(socket->receive_from(buffer)));
    expect_nothing();
}

TEST_F(ContractLinuxFamilies, WatchesVsock) {
    const auto socket = Socket::open(AF_VSOCK, SOCK_STREAM);
    if (!socket) GTEST_SKIP() << socket.error().message();
    ::sockaddr_vm address{};
    address.svm_family = AF_VSOCK;
    address.svm_cid = VMADDR_CID_LOCAL;
    address.svm_port = VMADDR_PORT_ANY;
    const auto bound = socket->bind(RawAddress::of(address));
    if (!bound) {
        address.svm_cid = VMADDR_CID_ANY;
        ASSERT_TRUE(ok(socket->bind(RawAddress::of(address))));
    }
    ASSERT_TRUE(ok(socket->listen(1)));
    add(socket->raw(), id1, Interest::readable, Trigger::level);
    expect_nothing();
    if (!bound) GTEST_SKIP() << "this kernel has no loopback for vsock: " << bound.error().message();

    const auto client = must(Socket::open(AF_VSOCK, SOCK_STREAM));
    ASSERT_TRUE(ok(client.connect(must(socket->local_address()))));
    EXPECT_EQ(select(), std::multiset{id1});
    EXPECT_TRUE(ok(socket->accept()));
    expect_nothing();
}

// The error queue is not empty, which is an error that lasts. The datagram arrives between two waits.
TEST_F(ContractLinuxFamilies, ReportsADatagramBesideAnErrorThatLasts) {
    const auto here = must(Socket::open(AF_INET, SOCK_DGRAM)),
               there = must(Socket::open(AF_INET, SOCK_DGRAM));
    const RawAddress any(SocketAddress(mio::net::IpAddress::loopback_v4(), 0));
    ASSERT_TRUE(ok(here.bind(any)));
    const int on = 1;
    ASSERT_TRUE(ok(here.set_option(IPPROTO_IP, IP_RECVERR, bytes_of_object(on))));
    const auto state = add(here.raw(), id1, Interest::readable);
    // To a port at which nothing listens.
    const RawAddress nowhere = [&] {
        const auto closed = must(Socket::open(AF_INET, SOCK_DGRAM));
        EXPECT_TRUE(ok(closed.bind(any)));
        return must(closed.local_address());
    }();
    EXPECT_EQ(here.send_to(bytes_of("x"), nowhere), 1u);
    EXPECT_EQ(select(), std::multiset{id1});
    std::array<std::byte, 16> buffer;
    EXPECT_TRUE(fails_with(here.read(buffer), std::errc::connection_refused));
    Backend::error_taken(state);
    select(20ms);
    EXPECT_TRUE(blocks(here.read(buffer)));
    EXPECT_TRUE(ok(Backend::rearm(state, Interest::readable)));
    select(20ms);
    EXPECT_EQ(there.send_to(bytes_of("hello"), must(here.local_address())), 5u);
    ::pollfd arrived{.fd = here.raw(), .events = POLLIN, .revents = 0};
    while (::poll(&arrived, 1, 5000) == 1 && (arrived.revents & POLLIN) == 0) std::this_thread::yield();
    EXPECT_EQ(select(), std::multiset{id1});
    EXPECT_TRUE(events.size() == 1 && events[0].is_readable());
    EXPECT_EQ(must(here.read(buffer)), 5u);
}
