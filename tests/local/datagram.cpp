// Unix datagram sockets.
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "local.hpp"

using namespace test;
using mio::Errc;

static_assert(std::is_nothrow_move_constructible_v<UnixDatagram>
              && std::is_nothrow_move_assignable_v<UnixDatagram>);
static_assert(!std::is_copy_constructible_v<UnixDatagram> && !std::is_copy_assignable_v<UnixDatagram>);
static_assert(mio::Source<UnixDatagram> && sizeof(UnixDatagram) <= 16);

namespace {

class UnixDatagramTest : public testing::Test {
  protected:
    const DescriptorGuard guard_;
    const Folder folder_;
    const std::string path1_ = folder_ / "one";
    const std::string path2_ = folder_ / "two";
    Loop loop_;

    static UnixDatagram taken_over(std::string_view path) {
        auto socket = plain::unix_bound(SOCK_DGRAM, plain::unix_path(path));
        socket.set_non_blocking();
        return UnixDatagram::from_raw(socket.release());
    }

    void register_both(UnixDatagram& s1, UnixDatagram& s2) {
        for (const auto* each : {&s1, &s2}) {
            EXPECT_TRUE(is_non_blocking(each->raw()));
            EXPECT_TRUE(is_close_on_exec(each->raw()));
        }
        ASSERT_TRUE(ok(loop_.registry().add(s1, id1, read_write)));
        ASSERT_TRUE(ok(loop_.registry().add(s2, id2, read_write)));
        loop_.expect({{id1, Interest::writable}, {id2, Interest::writable}});
    }

    void exchange_without_peers(UnixDatagram s1, UnixDatagram s2) {
        EXPECT_EQ(path_of(must(s1.local_address())), path1_);
        EXPECT_EQ(path_of(must(s2.local_address())), path2_);
        register_both(s1, s2);
        std::array<std::byte, 64> buffer;
        EXPECT_TRUE(blocks(s1.receive_from(buffer)));
        EXPECT_TRUE(blocks(s2.receive_from(buffer)));
        EXPECT_EQ(s1.send_to(bytes_of(data1), path2_), data1.size());
        EXPECT_EQ(s2.send_to(bytes_of(data2), path_address(path1_)), data2.size());
        loop_.expect({{id1, Interest::readable}, {id2, Interest::readable}});
        EXPECT_EQ(must(s1.receive_from(buffer)), std::pair(data2.size(), path_address(path2_)));
        EXPECT_EQ(text_of(std::span(buffer).first(data2.size())), data2);
        EXPECT_EQ(must(s2.receive_from(buffer)), std::pair(data1.size(), path_address(path1_)));
        EXPECT_EQ(text_of(std::span(buffer).first(data1.size())), data1);
        EXPECT_TRUE(has_no_error(s1) && has_no_error(s2));
    }

    void exchange_between_peers(UnixDatagram s1, UnixDatagram s2) {
        register_both(s1, s2);
        EXPECT_TRUE(blocks(try_receive(s1)));
        EXPECT_TRUE(blocks(try_receive(s2)));
        EXPECT_EQ(s1.send(bytes_of(data1)), data1.size());
        EXPECT_EQ(s2.send(bytes_of(data2)), data2.size());
        loop_.expect({{id1, Interest::readable}, {id2, Interest::readable}});
        EXPECT_EQ(receive_text(s1), data2);
        EXPECT_EQ(receive_text(s2), data1);
        EXPECT_TRUE(blocks(try_receive(s1)));
        EXPECT_TRUE(has_no_error(s1) && has_no_error(s2));
    }

    void connect_both(const UnixDatagram& s1, const UnixDatagram& s2) {
        ASSERT_TRUE(ok(s1.connect(path2_)));
        ASSERT_TRUE(ok(s2.connect(path_address(path1_))));
        EXPECT_EQ(must(s1.local_address()), must(s2.peer_address()));
        EXPECT_EQ(must(s2.local_address()), must(s1.peer_address()));
    }
};

} // namespace

TEST_F(UnixDatagramTest, ExchangesDataWithoutPeers) {
    exchange_without_peers(must(UnixDatagram::bind(path1_)), must(UnixDatagram::bind(path_address(path2_))));
}

TEST_F(UnixDatagramTest, AdoptedSocketsExchangeDataWithoutPeers) {
    exchange_without_peers(taken_over(path1_), taken_over(path2_));
}

TEST_F(UnixDatagramTest, ExchangesDataWithAPeer) {
    auto s1 = must(UnixDatagram::bind(path1_));
    auto s2 = must(UnixDatagram::bind(path2_));
    connect_both(s1, s2);
    exchange_between_peers(std::move(s1), std::move(s2));
}

TEST_F(UnixDatagramTest, AdoptedSocketsExchangeDataWithAPeer) {
    auto s1 = taken_over(path1_);
    auto s2 = taken_over(path2_);
    connect_both(s1, s2);
    exchange_between_peers(std::move(s1), std::move(s2));
}

TEST_F(UnixDatagramTest, PairIsConnected) {
    auto [s1, s2] = must(UnixDatagram::pair());
    exchange_between_peers(std::move(s1), std::move(s2));
}

TEST_F(UnixDatagramTest, ConnectsToItself) {
    const auto s1 = must(UnixDatagram::bind(path1_));
    const auto s2 = must(UnixDatagram::bind(path2_));
    EXPECT_TRUE(ok(s1.connect(path1_)));
    EXPECT_TRUE(ok(s2.connect(path2_)));
    EXPECT_TRUE(ok(s1.send(bytes_of(data1))));
    EXPECT_EQ(receive_text(s1), data1);
}

TEST_F(UnixDatagramTest, ReportsShutdown) {
    auto s1 = must(UnixDatagram::bind(path1_));
    auto s2 = must(UnixDatagram::bind(path2_));
    ASSERT_TRUE(ok(loop_.registry().add(s1, id1, read_write)));
    ASSERT_TRUE(ok(loop_.registry().add(s2, id2, read_write)));
    ASSERT_TRUE(ok(s1.connect(path2_)));
    loop_.expect({{id1, Interest::writable}});
    EXPECT_EQ(s1.send(bytes_of(data1)), data1.size());
    loop_.expect({{id2, Interest::readable}});
    ASSERT_TRUE(ok(s1.shutdown(Shutdown::read)));
    loop_.expect({{id1, Readiness::read_closed}});
    EXPECT_TRUE(ok(s1.send(bytes_of(data1))));
    ASSERT_TRUE(ok(s1.shutdown(Shutdown::write)));
    loop_.expect({{id1, Readiness::write_closed}});
    EXPECT_TRUE(fails_with(s1.send(bytes_of(data1)), std::errc::broken_pipe));
    EXPECT_TRUE(fails_with(s1.send_to(bytes_of(data1), path2_), std::errc::broken_pipe));
    EXPECT_TRUE(has_no_error(s1));
}

TEST_F(UnixDatagramTest, IsNotReadableWithoutData) {
    auto s1 = must(UnixDatagram::bind(path1_));
    ASSERT_TRUE(ok(loop_.registry().add(s1, id1, Interest::readable)));
    loop_.expect_none();
}

TEST_F(UnixDatagramTest, ModifyToWritableReportsIt) {
    auto s1 = must(UnixDatagram::bind(path1_));
    const auto s2 = must(UnixDatagram::bind(path2_));
    ASSERT_TRUE(ok(loop_.registry().add(s1, id1, Interest::readable)));
    ASSERT_TRUE(ok(s2.connect(path1_)));
    ASSERT_TRUE(ok(loop_.registry().modify(s1, id1, Interest::writable)));
    loop_.expect({{id1, Interest::writable}});
}

TEST_F(UnixDatagramTest, RemovedSocketIsNotReported) {
    auto s1 = must(UnixDatagram::bind(path1_));
    const auto s2 = must(UnixDatagram::bind(path2_));
    ASSERT_TRUE(ok(loop_.registry().add(s1, id1, Interest::writable)));
    ASSERT_TRUE(ok(s2.connect(path1_)));
    ASSERT_TRUE(ok(loop_.registry().remove(s1)));
    loop_.expect_none();
}

TEST_F(UnixDatagramTest, PeekDoesNotConsumeData) {
    const auto s1 = must(UnixDatagram::bind(path1_));
    const auto s2 = must(UnixDatagram::bind(path2_));
    std::array<std::byte, 64> buffer;
    EXPECT_TRUE(blocks(s2.peek(buffer)));
    EXPECT_TRUE(blocks(s2.peek_from(buffer)));
    ASSERT_TRUE(ok(s1.send_to(bytes_of(data1), path2_)));
    ASSERT_TRUE(ok(s1.send_to(bytes_of(data2), path2_)));
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(must(s2.peek_from(buffer)), std::pair(data1.size(), path_address(path1_)));
        EXPECT_EQ(s2.peek(buffer), data1.size());
        EXPECT_EQ(text_of(std::span(buffer).first(data1.size())), data1);
    }
    EXPECT_EQ(receive_text(s2), data1);
    EXPECT_EQ(receive_text(s2), data2);
}

TEST_F(UnixDatagramTest, KeepsOrderAndBoundaries) {
    const auto [s1, s2] = must(UnixDatagram::pair());
    for (const auto* text : {"one", "", "three"})
        EXPECT_EQ(s1.send(bytes_of(text)), std::string_view(text).size());
    for (const auto* text : {"one", "", "three"}) EXPECT_EQ(receive_text(s2), text);
    EXPECT_TRUE(blocks(try_receive(s2)));
    // Bytes that do not fit the buffer are lost.
    ASSERT_TRUE(ok(s1.send(bytes_of(data1))));
    ASSERT_TRUE(ok(s1.send(bytes_of(data2))));
    std::array<std::byte, 3> small;
    EXPECT_EQ(s2.receive(small), 3u);
    EXPECT_EQ(text_of(small), data1.substr(0, 3));
    EXPECT_EQ(receive_text(s2), data2);
}

TEST_F(UnixDatagramTest, CanChangeItsPeer) {
    const auto s1 = must(UnixDatagram::bind(path1_));
    const auto s2 = must(UnixDatagram::bind(path2_));
    const auto sender = must(UnixDatagram::unbound());
    for (const auto* receiver : {&s1, &s2, &s1}) {
        ASSERT_TRUE(ok(sender.connect(must(receiver->local_address()))));
        EXPECT_EQ(sender.peer_address(), receiver->local_address());
        EXPECT_TRUE(ok(sender.send(bytes_of(data1))));
        EXPECT_EQ(receive_text(*receiver), data1);
    }
    // A connected socket can send to other addresses.
    EXPECT_TRUE(ok(sender.send_to(bytes_of(data2), path2_)));
    EXPECT_EQ(receive_text(s2), data2);
}

TEST_F(UnixDatagramTest, SupportsAbstractNames) {
    const auto receiver = must(UnixDatagram::bind(abstract(unique_name("datagram"))));
    const auto sender = must(UnixDatagram::bind(abstract(unique_name("sender"))));
    ASSERT_TRUE(ok(sender.send_to(bytes_of(data1), abstract(unique_name("datagram")))));
    std::array<std::byte, 64> buffer;
    EXPECT_EQ(abstract_name_of(must(receiver.receive_from(buffer)).second), unique_name("sender"));
}

TEST_F(UnixDatagramTest, HasNoPeerBeforeConnect) {
    const auto socket = must(UnixDatagram::unbound());
    EXPECT_TRUE(is_non_blocking(socket.raw()) && is_close_on_exec(socket.raw()));
    EXPECT_TRUE(must(socket.local_address()).is_unnamed());
    EXPECT_TRUE(fails_with(socket.peer_address(), std::errc::not_connected));
    EXPECT_TRUE(fails_with(socket.send(bytes_of(data1)), std::errc::not_connected));
}

TEST_F(UnixDatagramTest, SendingToAnUnboundAddressFails) {
    const auto socket = must(UnixDatagram::unbound());
    leave_stale_socket(path1_, SOCK_DGRAM);
    EXPECT_TRUE(fails_with(socket.send_to(bytes_of(data1), path1_), std::errc::connection_refused));
    EXPECT_TRUE(fails_with(socket.connect(path1_), std::errc::connection_refused));
    EXPECT_TRUE(fails_with(socket.send_to(bytes_of(data1), path2_), std::errc::no_such_file_or_directory));
    EXPECT_TRUE(fails_with(socket.connect(path2_), std::errc::no_such_file_or_directory));
    const auto listener = must(UnixListener::bind(path2_));
    EXPECT_TRUE(fails_with(socket.send_to(bytes_of(data1), path2_), std::errc::wrong_protocol_type));
    EXPECT_TRUE(fails_with(socket.connect(path2_), std::errc::wrong_protocol_type));
    EXPECT_TRUE(
        fails_with(socket.send_to(bytes_of(data1), UnixAddress::unnamed()), std::errc::invalid_argument));
    EXPECT_TRUE(fails_with(socket.connect(UnixAddress::unnamed()), std::errc::invalid_argument));
}

TEST_F(UnixDatagramTest, InvalidPathsFail) {
    const auto socket = must(UnixDatagram::unbound());
    const auto too_long = folder_.path_of_size(108);
    EXPECT_TRUE(fails_with(UnixDatagram::bind(too_long), Errc::path_too_long));
    EXPECT_TRUE(fails_with(socket.connect(too_long), Errc::path_too_long));
    EXPECT_TRUE(fails_with(socket.send_to(bytes_of(data1), too_long), Errc::path_too_long));
    EXPECT_TRUE(fails_with(UnixDatagram::bind(""), Errc::invalid_address));
    EXPECT_TRUE(fails_with(socket.connect(""), Errc::invalid_address));
    EXPECT_TRUE(fails_with(socket.send_to(bytes_of(data1), ""), Errc::invalid_address));
}

TEST_F(UnixDatagramTest, BindToAUsedPathFails) {
    const auto socket = must(UnixDatagram::bind(path1_));
    EXPECT_TRUE(fails_with(UnixDatagram::bind(path1_), std::errc::address_in_use));
    leave_stale_socket(path2_, SOCK_DGRAM);
    EXPECT_TRUE(fails_with(UnixDatagram::bind(path2_), std::errc::address_in_use));
}

TEST_F(UnixDatagramTest, SendingToAClosedPeerFails) {
    auto [s1, s2] = must(UnixDatagram::pair());
    {
        const auto gone = std::move(s2);
    }
    EXPECT_TRUE(fails_with(s1.send(bytes_of(data1)), std::errc::connection_refused));
}

TEST_F(UnixDatagramTest, TooLongDatagramFails) {
    const auto [s1, s2] = must(UnixDatagram::pair());
    const std::vector<std::byte> huge(16'000'000);
    EXPECT_TRUE(fails_with(s1.send(huge), std::errc::message_size));
    EXPECT_TRUE(blocks(try_receive(s2)));
}

TEST_F(UnixDatagramTest, BecomesWritableWhenItsPeerHasSpace) {
    const auto receiver = must(UnixDatagram::bind(path1_));
    auto sender = must(UnixDatagram::unbound());
    ASSERT_TRUE(ok(sender.connect(path1_)));
    ASSERT_TRUE(ok(loop_.registry().add(sender, id1, Interest::writable)));
    loop_.expect({{id1, Interest::writable}});
    int sent = 0;
    auto count = sender.send(bytes_of(data1));
    for (; count; count = sender.send(bytes_of(data1))) ++sent;
    EXPECT_TRUE(blocks(count));
    EXPECT_TRUE(blocks(must(UnixDatagram::unbound()).send_to(bytes_of(data1), path1_)));
    loop_.expect_none();
    for (int i = 0; i < sent; ++i) EXPECT_EQ(receive_text(receiver), data1);
    EXPECT_TRUE(blocks(try_receive(receiver)));
    loop_.expect({{id1, Interest::writable}});
    EXPECT_TRUE(ok(sender.send(bytes_of(data1))));
}

TEST_F(UnixDatagramTest, StaysUsableWhenMoved) {
    auto [first, peer] = must(UnixDatagram::pair());
    ASSERT_TRUE(ok(loop_.registry().add(first, id1, Interest::readable)));
    const auto second = std::move(first);
    ASSERT_TRUE(ok(peer.send(bytes_of(data1))));
    loop_.expect({{id1, Interest::readable}});
    EXPECT_EQ(receive_text(second), data1);
}

TEST_F(UnixDatagramTest, LeaksNoDescriptors) {
    const auto before = open_descriptors();
    const auto name = abstract(unique_name("rounds"));
    for (int i = 0; i < 10'000; ++i) {
        const auto receiver = must(UnixDatagram::bind(name));
        const auto sender = must(UnixDatagram::unbound());
        ASSERT_TRUE(ok(sender.send_to(bytes_of(data1), name)));
        ASSERT_EQ(receive_text(receiver), data1);
        ASSERT_TRUE(fails_with(UnixDatagram::bind(name), std::errc::address_in_use));
        const auto [one, other] = must(UnixDatagram::pair());
        ASSERT_TRUE(ok(one.send(bytes_of(data1))));
        ASSERT_EQ(receive_text(other), data1);
    }
    EXPECT_EQ(open_descriptors(), before);
}
