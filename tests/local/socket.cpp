// Unix sockets before they connect or listen, and listeners with a backlog.
#include <chrono>
#include <concepts>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "local.hpp"

using namespace test;
using mio::Errc;
using mio::net::UnixSocket;

static_assert(mio::Source<UnixSocket>);
static_assert(std::is_nothrow_move_constructible_v<UnixSocket>
              && std::is_nothrow_move_assignable_v<UnixSocket>);
static_assert(!std::is_copy_constructible_v<UnixSocket> && !std::is_default_constructible_v<UnixSocket>
              && !std::constructible_from<UnixSocket, mio::RawHandle>);

namespace {

// Listening and connecting consume the socket, which the caller has to spell out.
template <class S>
concept CanListenAsLvalue = requires(S& socket) { socket.listen(1); };
template <class S>
concept CanConnectAsLvalue = requires(S& socket) { socket.connect(UnixAddress::unnamed()); };
static_assert(!CanListenAsLvalue<UnixSocket> && !CanConnectAsLvalue<UnixSocket>);

bool is_linux() { return std::filesystem::exists("/proc/self/mounts"); }

class UnixSocketTest : public testing::Test {
  protected:
    const DescriptorGuard guard_;
    const Folder folder_;
    const std::string path_ = folder_ / "listener";
    Loop loop_;

    /// The number of clients that connect before the queue is full, at most 100.
    std::size_t queue_of(const UnixListener& listener) {
        const auto address = must(listener.local_address());
        std::vector<UnixStream> clients;
        while (clients.size() < 100) {
            auto client = UnixStream::connect(address);
            if (!client) break;
            clients.push_back(std::move(*client));
        }
        return clients.size();
    }
};

} // namespace

TEST_F(UnixSocketTest, IsAStreamSocketNonBlockingAndNotInherited) {
    const auto socket = must(UnixSocket::create());
    EXPECT_TRUE(is_non_blocking(socket.raw()));
    EXPECT_TRUE(is_close_on_exec(socket.raw()));
    EXPECT_EQ(socket.option(SOL_SOCKET, SO_TYPE), SOCK_STREAM);
    EXPECT_TRUE(must(socket.local_address()).is_unnamed());
    EXPECT_TRUE(has_no_error(socket));
}

TEST_F(UnixSocketTest, ListensAtItsBoundAddress) {
    auto socket = must(UnixSocket::create());
    ASSERT_TRUE(ok(socket.bind(path_)));
    EXPECT_EQ(path_of(must(socket.local_address())), path_);
    EXPECT_TRUE(fails_with(UnixStream::connect(path_), std::errc::connection_refused)) << "not listening yet";
    const auto raw = socket.raw();
    const auto listener = must(std::move(socket).listen(8));
    EXPECT_EQ(listener.raw(), raw);
    EXPECT_EQ(socket.raw(), mio::invalid_handle);
    const auto client = must(UnixStream::connect(path_));
    const auto [stream, peer] = must(listener.accept());
    EXPECT_TRUE(peer.is_unnamed());
    EXPECT_EQ(stream.write(bytes_of(data1)), data1.size());
    EXPECT_EQ(read_text(client), data1);
}

TEST_F(UnixSocketTest, ConnectsFromItsBoundAddress) {
    const auto listener = must(UnixListener::bind(path_));
    auto socket = must(UnixSocket::create());
    ASSERT_TRUE(ok(socket.bind(path_address(folder_ / "client"))));
    const auto stream = must(std::move(socket).connect(path_));
    EXPECT_EQ(path_of(must(stream.local_address())), folder_ / "client");
    EXPECT_EQ(path_of(must(stream.peer_address())), path_);
    const auto [accepted, peer] = must(listener.accept());
    EXPECT_EQ(path_of(peer), folder_ / "client");
    EXPECT_EQ(stream.write(bytes_of(data1)), data1.size());
    EXPECT_EQ(read_text(accepted), data1);
}

TEST_F(UnixSocketTest, SupportsAbstractNames) {
    if (!is_linux()) GTEST_SKIP() << "Linux only";
    auto socket = must(UnixSocket::create());
    ASSERT_TRUE(ok(socket.bind(abstract(unique_name("socket")))));
    const auto listener = must(std::move(socket).listen(1));
    auto client = must(UnixSocket::create());
    EXPECT_TRUE(ok(std::move(client).connect(abstract(unique_name("socket")))));
}

TEST_F(UnixSocketTest, KeepsItsOptions) {
    const auto listener = must(UnixListener::bind(path_));
    auto socket = must(UnixSocket::create());
    ASSERT_TRUE(ok(socket.set_send_buffer(30'000)));
    const auto size = must(socket.send_buffer());
    EXPECT_GE(size, 30'000u);
    const auto stream = must(std::move(socket).connect(path_));
    EXPECT_EQ(stream.send_buffer(), size);
}

TEST_F(UnixSocketTest, StaysUsableAfterConnectFails) {
    auto socket = must(UnixSocket::create());
    const auto raw = socket.raw();
    EXPECT_TRUE(fails_with(std::move(socket).connect(path_), std::errc::no_such_file_or_directory));
    EXPECT_TRUE(fails_with(std::move(socket).connect(""), Errc::invalid_address));
    EXPECT_FALSE(std::move(socket).connect(UnixAddress::unnamed()));
    EXPECT_EQ(socket.raw(), raw);
    const auto listener = must(UnixListener::bind(path_));
    EXPECT_TRUE(ok(std::move(socket).connect(path_)));
}

TEST_F(UnixSocketTest, FailedListenLeavesItUnchanged) {
    if (!is_linux()) GTEST_SKIP() << "Linux only";
    auto socket = must(UnixSocket::create());
    const auto raw = socket.raw();
    EXPECT_TRUE(fails_with(std::move(socket).listen(1), std::errc::invalid_argument)) << "it is not bound";
    EXPECT_EQ(socket.raw(), raw);
    ASSERT_TRUE(ok(socket.bind(path_)));
    EXPECT_TRUE(ok(std::move(socket).listen(1)));
}

TEST_F(UnixSocketTest, BindErrors) {
    const auto socket = must(UnixSocket::create());
    EXPECT_TRUE(fails_with(socket.bind(std::string(200, 'x')), Errc::path_too_long));
    EXPECT_TRUE(fails_with(socket.bind(std::string_view("a\0b", 3)), Errc::interior_nul));
    EXPECT_TRUE(fails_with(socket.bind(folder_ / "none/there"), std::errc::no_such_file_or_directory));
    ASSERT_TRUE(ok(socket.bind(path_)));
    EXPECT_TRUE(fails_with(socket.bind(folder_ / "second"), std::errc::invalid_argument));
    EXPECT_TRUE(fails_with(must(UnixSocket::create()).bind(path_), std::errc::address_in_use));
}

TEST_F(UnixSocketTest, ListenKeepsTheRegistration) {
    auto socket = must(UnixSocket::create());
    ASSERT_TRUE(ok(socket.bind(path_)));
    ASSERT_TRUE(ok(loop_.registry().add(socket, id1, Interest::readable)));
    ASSERT_TRUE(ok(loop_.poll.poll(loop_.events, std::chrono::nanoseconds(0)))); // may report a hang-up
    auto listener = must(std::move(socket).listen(8));
    const auto client = must(UnixStream::connect(path_));
    loop_.expect({{id1, Interest::readable}});
    EXPECT_TRUE(ok(listener.accept()));
    EXPECT_TRUE(blocks(listener.accept()));
    EXPECT_TRUE(fails_with(loop_.registry().add(listener, id2, read_write), Errc::already_registered));
    ASSERT_TRUE(ok(loop_.registry().modify(listener, id2, Interest::readable)));
    const auto second = must(UnixStream::connect(path_));
    loop_.expect({{id2, Interest::readable}});
}

TEST_F(UnixSocketTest, ConnectKeepsTheRegistration) {
    const auto listener = must(UnixListener::bind(path_));
    auto socket = must(UnixSocket::create());
    ASSERT_TRUE(ok(loop_.registry().add(socket, id1, read_write)));
    ASSERT_TRUE(ok(loop_.poll.poll(loop_.events, std::chrono::nanoseconds(0)))); // may report a hang-up
    auto stream = must(std::move(socket).connect(path_));
    ASSERT_TRUE(ok(loop_.registry().modify(stream, id1, read_write)));
    loop_.expect({{id1, Interest::writable}});
    const auto accepted = must(listener.accept()).first;
    EXPECT_EQ(accepted.write(bytes_of(data1)), data1.size());
    loop_.expect({{id1, Interest::readable}});
    EXPECT_EQ(read_text(stream), data1);
    EXPECT_TRUE(ok(loop_.registry().remove(stream)));
}

TEST_F(UnixSocketTest, ReportsDataIfRegisteredBeforeItConnects) {
    const auto listener = must(UnixListener::bind(path_));
    for (const auto trigger : {mio::Trigger::edge, mio::Trigger::level}) {
        auto socket = must(UnixSocket::create());
        ASSERT_TRUE(ok(loop_.registry().add(socket, id1, Interest::readable, trigger)));
        ASSERT_TRUE(ok(loop_.poll.poll(loop_.events, std::chrono::nanoseconds(0)))); // may report a hang-up
        const auto stream = must(std::move(socket).connect(path_));
        const auto accepted = must(listener.accept()).first;
        EXPECT_EQ(stream.write(bytes_of(data2)), data2.size());
        EXPECT_EQ(accepted.write(bytes_of(data1)), data1.size());
        loop_.expect({{id1, Interest::readable}});
        EXPECT_EQ(read_text(stream), data1);
    }
}

TEST_F(UnixSocketTest, TakesAHandleAsItIsAndGivesItBack) {
    auto plain_socket = plain::unix_socket(SOCK_STREAM);
    const auto raw = plain_socket.fd();
    auto socket = UnixSocket::from_raw(plain_socket.release());
    EXPECT_EQ(socket.raw(), raw);
    EXPECT_FALSE(is_non_blocking(raw));
    EXPECT_EQ(socket.release(), raw);
    const plain::Socket closer(raw);
}

TEST_F(UnixSocketTest, CreationFailsWhenDescriptorsAreExhausted) {
    in_child([] {
        const auto failed = without_descriptors([] { return UnixSocket::create(); });
        EXPECT_TRUE(fails_with(failed, std::errc::too_many_files_open));
    });
}

TEST_F(UnixSocketTest, WithoutAHandleFailsAtEverything) {
    const auto nothing = UnixSocket::from_raw(mio::invalid_handle);
    EXPECT_TRUE(fails_with(nothing.bind(path_), no_such_handle));
    EXPECT_TRUE(fails_with(nothing.local_address(), no_such_handle));
    EXPECT_TRUE(fails_with(UnixSocket::from_raw(mio::invalid_handle).listen(1), no_such_handle));
    EXPECT_TRUE(fails_with(UnixSocket::from_raw(mio::invalid_handle).connect(path_), no_such_handle));
}

// Backlog.

TEST_F(UnixSocketTest, BacklogLimitsPendingConnections) {
    const auto none = must(UnixListener::bind(folder_ / "none", 0));
    const auto few = must(UnixListener::bind(path_address(folder_ / "few"), 7));
    const auto negative = must(UnixListener::bind(folder_ / "negative", -1));
    const auto most = must(UnixListener::bind(folder_ / "most"));
    if (is_linux()) { // one more than the backlog
        EXPECT_EQ(queue_of(none), 1u);
        EXPECT_EQ(queue_of(few), 8u);
        EXPECT_EQ(queue_of(negative), 1u);
    } else {
        EXPECT_LT(queue_of(none), 100u);
        EXPECT_LT(queue_of(few), 100u);
    }
    EXPECT_EQ(queue_of(most), 100u);

    auto socket = must(UnixSocket::create());
    ASSERT_TRUE(ok(socket.bind(path_)));
    const auto listener = must(std::move(socket).listen(3));
    if (is_linux()) {
        EXPECT_EQ(queue_of(listener), 4u);
    }
    EXPECT_TRUE(fails_with(UnixListener::bind(path_, 1), std::errc::address_in_use));
    EXPECT_TRUE(fails_with(UnixListener::bind(std::string(200, 'x'), 1), Errc::path_too_long));
}

// The empty path and the unnamed address.

TEST_F(UnixSocketTest, EmptyPathIsNoAddressOnAnySystem) {
    EXPECT_TRUE(fails_with(UnixListener::bind(""), Errc::invalid_address));
    EXPECT_TRUE(fails_with(UnixListener::bind("", 1), Errc::invalid_address));
    EXPECT_TRUE(fails_with(UnixDatagram::bind(""), Errc::invalid_address));
    EXPECT_TRUE(fails_with(must(UnixSocket::create()).bind(""), Errc::invalid_address));
    EXPECT_TRUE(fails_with(UnixStream::connect(""), Errc::invalid_address));
}

TEST_F(UnixSocketTest, UnnamedAddressBindsToAnAbstractNameOnLinuxAndFailsElsewhere) {
    const auto unnamed = UnixAddress::unnamed();
    auto socket = must(UnixSocket::create());
    const auto bound = socket.bind(unnamed);
    if (!is_linux()) {
        EXPECT_TRUE(fails_with(bound, std::errc::invalid_argument));
        EXPECT_FALSE(UnixListener::bind(unnamed));
        EXPECT_FALSE(UnixDatagram::bind(unnamed));
        return;
    }
    ASSERT_TRUE(ok(bound));
    const auto address = must(socket.local_address());
    ASSERT_TRUE(address.abstract_name());
    EXPECT_EQ(address.abstract_name()->size(), 5u) << "five hexadecimal digits, see unix(7)";
    EXPECT_TRUE(ok(socket.bind(unnamed))) << "no effect on a bound socket";
    EXPECT_EQ(must(socket.local_address()), address);
    const auto listener = must(std::move(socket).listen(1));
    EXPECT_TRUE(ok(UnixStream::connect(address)));

    const auto other = must(UnixListener::bind(unnamed, 1));
    EXPECT_NE(must(other.local_address()), address) << "an unused one";
    const auto datagram = must(UnixDatagram::bind(unnamed));
    EXPECT_TRUE(abstract_name_of(must(datagram.local_address())));
}

TEST_F(UnixSocketTest, NothingConnectsToTheUnnamedAddress) {
    EXPECT_TRUE(fails_with(UnixStream::connect(UnixAddress::unnamed()), std::errc::invalid_argument));
}
