// Sockets of any family: Unix sockets of every type.
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "posix.hpp"

using namespace test;
using mio::Errc;
using mio::net::RawAddress;
using mio::net::Socket;
using mio::net::UnixAddress;

namespace {

/// A temporary directory, removed with its contents.
class Folder {
  public:
    Folder() { EXPECT_NE(::mkdtemp(path_.data()), nullptr); }
    Folder(const Folder&) = delete;
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    UnixAddress operator/(const char* name) const { return must(UnixAddress::from_path(path_ + '/' + name)); }

  private:
    std::string path_ = "/tmp/mio-any-XXXXXX";
};

std::string read_text(const Socket& socket) {
    plain::await(socket.raw(), POLLIN);
    std::array<std::byte, 64> buffer;
    const auto count = socket.read(buffer);
    return count ? std::string(text_of(std::span(buffer).first(*count))) : count.error().message();
}

/// Apple systems have no SOCK_SEQPACKET.
bool has_sequenced_packets() { return Socket::open(AF_UNIX, SOCK_SEQPACKET).has_value(); }

} // namespace

TEST(AnyUnixSocket, PairIsConnectedNonBlockingAndNotInherited) {
    for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}) {
        if (type == SOCK_SEQPACKET && !has_sequenced_packets()) continue;
        const auto [one, two] = must(Socket::pair(AF_UNIX, type));
        for (const auto* socket : {&one, &two}) {
            EXPECT_TRUE(is_non_blocking(socket->raw()));
            EXPECT_TRUE(is_close_on_exec(socket->raw()));
            EXPECT_EQ(socket->option(SOL_SOCKET, SO_TYPE), type);
        }
        EXPECT_EQ(one.write(bytes_of("hello")), 5u);
        EXPECT_EQ(read_text(two), "hello");
    }
}

TEST(AnyUnixSocket, PairFailsWithTheSystemsErrorAndLeaksNothing) {
    const DescriptorGuard guard;
    EXPECT_FALSE(Socket::pair(AF_INET, SOCK_STREAM));
    EXPECT_FALSE(Socket::pair(-1, SOCK_STREAM));
    EXPECT_FALSE(Socket::pair(AF_UNIX, SOCK_STREAM, 4711)) << "no such protocol";
    EXPECT_TRUE(holds_in_child([] {
        const auto failed = without_descriptors([] { return Socket::pair(AF_UNIX, SOCK_STREAM); });
        EXPECT_TRUE(fails_with(failed, std::errc::too_many_files_open));
        const auto opened = without_descriptors([] { return Socket::open(AF_UNIX, SOCK_STREAM); });
        EXPECT_TRUE(fails_with(opened, std::errc::too_many_files_open));
    }));
}

TEST(AnyUnixSocket, SequencedPacketsKeepTheirBoundaries) {
    if (!has_sequenced_packets()) GTEST_SKIP() << "this system has no SOCK_SEQPACKET";
    const Folder folder;
    const auto path = folder / "seqpacket";
    Loop loop;
    auto listener = must(Socket::open(AF_UNIX, SOCK_SEQPACKET));
    ASSERT_TRUE(ok(listener.bind(path)));
    ASSERT_TRUE(ok(listener.listen(4)));
    ASSERT_TRUE(ok(loop.registry().add(listener, Token{1}, Interest::readable)));
    EXPECT_TRUE(blocks(listener.accept()));
    EXPECT_EQ(must(UnixAddress::from_raw(must(listener.local_address()))), path);

    auto client = must(Socket::open(AF_UNIX, SOCK_SEQPACKET));
    ASSERT_TRUE(ok(client.connect(path)));
    EXPECT_EQ(client.finish_connect(), true);
    loop.expect({{Token{1}, Interest::readable}});
    auto [server, peer] = must(listener.accept());
    EXPECT_TRUE(must(UnixAddress::from_raw(peer)).is_unnamed());
    EXPECT_EQ(must(UnixAddress::from_raw(must(client.peer_address()))), path);
    ASSERT_TRUE(ok(loop.registry().add(server, Token{2}, Interest::readable)));
    ASSERT_TRUE(ok(loop.registry().add(client, Token{3}, Interest::readable)));

    EXPECT_EQ(client.write(bytes_of("one")), 3u);
    EXPECT_EQ(client.write(bytes_of("second")), 6u);
    loop.expect({{Token{2}, Interest::readable}});
    EXPECT_EQ(read_text(server), "one");
    std::array<std::byte, 3> buffer;
    EXPECT_EQ(server.read(buffer), 3u); // truncated; the rest is lost
    EXPECT_TRUE(blocks(server.read(buffer)));

    EXPECT_EQ(server.write(bytes_of("reply")), 5u);
    loop.expect({{Token{3}, Interest::readable}});
    EXPECT_EQ(read_text(client), "reply");

    // The peer's end.
    server = must(Socket::open(AF_UNIX, SOCK_SEQPACKET));
    loop.expect({{Token{3}, Interest::readable}});
    EXPECT_EQ(client.read(buffer), 0u);
    EXPECT_TRUE(fails_with(client.write(buffer), std::errc::broken_pipe)) << "and no SIGPIPE";
}

TEST(AnyUnixSocket, DatagramsHaveTheAddressOfTheirSender) {
    const Folder folder;
    const auto one = must(Socket::open(AF_UNIX, SOCK_DGRAM));
    const auto two = must(Socket::open(AF_UNIX, SOCK_DGRAM));
    ASSERT_TRUE(ok(one.bind(folder / "one")));
    std::array<std::byte, 64> buffer;

    EXPECT_EQ(two.send_to(bytes_of("nameless"), folder / "one"), 8u);
    const auto [size, sender] = must(one.receive_from(buffer));
    EXPECT_EQ(size, 8u);
    EXPECT_TRUE(must(UnixAddress::from_raw(sender)).is_unnamed());

    ASSERT_TRUE(ok(two.bind(folder / "two")));
    EXPECT_EQ(two.send_to(bytes_of("named"), folder / "one"), 5u);
    EXPECT_EQ(must(UnixAddress::from_raw(must(one.receive_from(buffer)).second)), folder / "two");
}

TEST(AnyUnixSocket, ConnectToAFullListenerWouldBlockOrIsRefused) {
    const Folder folder;
    const auto path = folder / "full";
    const auto listener = must(Socket::open(AF_UNIX, SOCK_STREAM));
    ASSERT_TRUE(ok(listener.bind(path)));
    ASSERT_TRUE(ok(listener.listen(0)));
    std::vector<Socket> clients;
    mio::Result<> connected;
    while (connected && clients.size() < 1000) {
        clients.push_back(must(Socket::open(AF_UNIX, SOCK_STREAM)));
        connected = clients.back().connect(path);
    }
    ASSERT_FALSE(connected);
    EXPECT_TRUE(mio::would_block(connected.error()) || connected.error() == std::errc::connection_refused);
}

TEST(AnyUnixSocket, AddressesConvertInBothDirections) {
    const auto path = must(UnixAddress::from_path("/tmp/somewhere"));
    const RawAddress raw = path;
    EXPECT_EQ(raw.family(), AF_UNIX);
    EXPECT_STREQ(raw.as<::sockaddr_un>().sun_path, "/tmp/somewhere");
    EXPECT_EQ(must(UnixAddress::from_raw(raw)), path);
    EXPECT_TRUE(must(UnixAddress::from_raw(RawAddress())).is_unnamed());
    EXPECT_TRUE(must(UnixAddress::from_raw(UnixAddress::unnamed())).is_unnamed());
    EXPECT_TRUE(fails_with(UnixAddress::from_raw(local_v4()), Errc::invalid_address));
    EXPECT_TRUE(fails_with(raw.to_ip(), Errc::invalid_address));
    const auto longest = must(UnixAddress::from_path(std::string(sizeof(::sockaddr_un::sun_path) - 1, 'x')));
    EXPECT_EQ(must(UnixAddress::from_raw(longest)), longest);
}
