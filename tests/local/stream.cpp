// Unix streams.
#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "local.hpp"

using namespace test;
using mio::Errc;
using mio::net::IoSlice;
using mio::net::IoSliceMut;

static_assert(std::is_nothrow_move_constructible_v<UnixStream>
              && std::is_nothrow_move_assignable_v<UnixStream>);
static_assert(!std::is_copy_constructible_v<UnixStream> && !std::is_copy_assignable_v<UnixStream>);
static_assert(mio::Source<UnixStream> && sizeof(UnixStream) <= 16);

namespace {

class UnixStreamTest : public testing::Test {
  protected:
    const DescriptorGuard guard_;
    const Folder folder_;
    const std::string path_ = folder_ / "listener";
    plain::Socket listener_ = plain::unix_listen(path_);
    Loop loop_;

    /// A stream and the plain socket at its other end.
    std::pair<UnixStream, plain::Socket> connected() const {
        auto stream = must(UnixStream::connect(path_));
        return {std::move(stream), plain::accept(listener_)};
    }

    static void echo(const plain::Socket& peer, std::size_t count) {
        plain::write_all(peer, plain::read_exactly(peer, count));
    }

    void reads_and_writes(UnixStream stream) {
        const auto peer = plain::accept(listener_);
        EXPECT_TRUE(is_non_blocking(stream.raw()));
        EXPECT_TRUE(is_close_on_exec(stream.raw()));
        ASSERT_TRUE(ok(loop_.registry().add(stream, id1, read_write)));
        loop_.expect({{id1, Interest::writable}});
        EXPECT_TRUE(blocks(try_read(stream)));

        EXPECT_EQ(stream.write(bytes_of(data1)), data1.size());
        echo(peer, data1.size());
        loop_.expect({{id1, Interest::readable}});
        EXPECT_EQ(read_text(stream), data1);
        EXPECT_TRUE(has_no_error(stream));
        EXPECT_TRUE(blocks(try_read(stream)));

        const std::array<IoSlice, 2> out = {bytes_of(data1), bytes_of(data2)};
        EXPECT_EQ(stream.write_vectored(out), 30u);
        echo(peer, 30);
        loop_.expect({{id1, Interest::readable}});
        std::array<std::byte, 16> one;
        std::array<std::byte, 15> two;
        one.fill(std::byte{1});
        two.fill(std::byte{2});
        const std::array<IoSliceMut, 2> in = {std::span<std::byte>(one), std::span<std::byte>(two)};
        EXPECT_EQ(stream.read_vectored(in), 30u);
        EXPECT_EQ(text_of(one), data1);
        EXPECT_EQ(text_of(std::span(two).first(14)), data2);
        EXPECT_EQ(two[14], std::byte{2});
        EXPECT_TRUE(has_no_error(stream));
        EXPECT_TRUE(blocks(stream.read_vectored(in)));
    }

    /// Common start of the shutdown tests: exchange data in both directions.
    std::pair<UnixStream, plain::Socket> echoed() {
        auto both = connected();
        EXPECT_TRUE(ok(loop_.registry().add(both.first, id1, read_write)));
        loop_.expect({{id1, Interest::writable}});
        EXPECT_EQ(both.first.write(bytes_of(data1)), data1.size());
        echo(both.second, data1.size());
        loop_.expect({{id1, Interest::readable}});
        return both;
    }
};

} // namespace

TEST_F(UnixStreamTest, ReadsAndWrites) { reads_and_writes(must(UnixStream::connect(path_))); }

TEST_F(UnixStreamTest, AdoptsAnExistingSocket) {
    auto client = plain::unix_connect(path_);
    client.set_non_blocking();
    reads_and_writes(UnixStream::from_raw(client.release()));
}

TEST_F(UnixStreamTest, ConnectsToAPath) {
    auto [stream, peer] = connected();
    ASSERT_TRUE(ok(loop_.registry().add(stream, id1, read_write)));
    loop_.expect({{id1, Interest::writable}});
    peer.close();
    loop_.expect({{id1, Interest::readable}});
    EXPECT_EQ(try_read(stream), 0u);
}

TEST_F(UnixStreamTest, ConnectsToAnAddress) {
    const auto listener = must(UnixListener::bind(folder_ / "other"));
    auto stream = must(UnixStream::connect(must(listener.local_address())));
    ASSERT_TRUE(ok(loop_.registry().add(stream, id1, read_write)));
    loop_.expect({{id1, Interest::writable}});
    must(listener.accept()); // accepted and closed
    loop_.expect({{id1, Interest::readable}});
    EXPECT_EQ(try_read(stream), 0u);
}

TEST_F(UnixStreamTest, PairIsConnected) {
    auto [s1, s2] = must(UnixStream::pair());
    for (const auto* each : {&s1, &s2}) {
        EXPECT_TRUE(is_non_blocking(each->raw()));
        EXPECT_TRUE(is_close_on_exec(each->raw()));
        EXPECT_TRUE(must(each->local_address()).is_unnamed());
        EXPECT_TRUE(must(each->peer_address()).is_unnamed());
    }
    ASSERT_TRUE(ok(loop_.registry().add(s1, id1, read_write)));
    ASSERT_TRUE(ok(loop_.registry().add(s2, id2, read_write)));
    loop_.expect({{id1, Interest::writable}, {id2, Interest::writable}});
    EXPECT_TRUE(blocks(try_read(s1)));
    EXPECT_EQ(s1.write(bytes_of(data1)), data1.size());
    loop_.expect({{id2, Interest::readable}});
    EXPECT_EQ(read_text(s2), data1);
    EXPECT_TRUE(blocks(try_read(s2)));
    EXPECT_EQ(s2.write(bytes_of(data2)), data2.size());
    loop_.expect({{id1, Interest::readable}});
    EXPECT_EQ(read_text(s1), data2);
    EXPECT_TRUE(blocks(try_read(s2)));
    EXPECT_TRUE(has_no_error(s1) && has_no_error(s2));
}

TEST_F(UnixStreamTest, ReportsLocalAndPeerAddress) {
    const auto [stream, peer] = connected();
    EXPECT_EQ(path_of(must(stream.peer_address())), path_);
    EXPECT_TRUE(must(stream.local_address()).is_unnamed());
    const auto lone = UnixStream::from_raw(plain::unix_socket(SOCK_STREAM).release());
    EXPECT_TRUE(fails_with(lone.peer_address(), std::errc::not_connected));
}

TEST_F(UnixStreamTest, ReportsLocalShutdownRead) {
    auto [stream, peer] = echoed();
    ASSERT_TRUE(ok(stream.shutdown(Shutdown::read)));
    loop_.expect({{id1, Readiness::read_closed}});
    // Received data is still readable, then end of stream.
    EXPECT_EQ(read_text(stream), data1);
    EXPECT_EQ(try_read(stream), 0u);
    EXPECT_EQ(stream.write(bytes_of(data2)), data2.size());
    EXPECT_EQ(plain::read_exactly(peer, data2.size()), data2);
}

TEST_F(UnixStreamTest, StaysReadableAfterShutdownWrite) {
    auto [stream, peer] = echoed();
    ASSERT_TRUE(ok(stream.shutdown(Shutdown::write)));
    EXPECT_TRUE(fails_with(stream.write(bytes_of(data2)), std::errc::broken_pipe));
    EXPECT_TRUE(
        fails_with(stream.write_vectored(std::array<IoSlice, 1>{bytes_of(data2)}), std::errc::broken_pipe));
    EXPECT_EQ(read_text(stream), data1);
    EXPECT_TRUE(blocks(try_read(stream)));
    EXPECT_EQ(plain::read_exactly(peer, 1), "");
    plain::write_all(peer, data2);
    EXPECT_EQ(read_text(stream), data2);
}

TEST_F(UnixStreamTest, ReportsLocalShutdownBoth) {
    auto [stream, peer] = echoed();
    ASSERT_TRUE(ok(stream.shutdown(Shutdown::both)));
    loop_.expect({{id1, Readiness::write_closed | Readiness::read_closed}});
    EXPECT_EQ(read_text(stream), data1);
    EXPECT_EQ(try_read(stream), 0u);
    EXPECT_TRUE(fails_with(stream.write(bytes_of(data2)), std::errc::broken_pipe));
}

TEST_F(UnixStreamTest, ReportsPeerShutdownWrite) {
    auto [stream, peer] = connected();
    ASSERT_TRUE(ok(loop_.registry().add(stream, id1, read_write)));
    loop_.expect({{id1, Interest::writable}});
    ASSERT_EQ(::shutdown(peer.fd(), SHUT_WR), 0);
    loop_.expect({{id1, Readiness::read_closed}});
    EXPECT_EQ(try_read(stream), 0u);
    EXPECT_EQ(stream.write(bytes_of(data1)), data1.size());
}

TEST_F(UnixStreamTest, ShutdownFailsBeforeConnect) {
    const auto lone = UnixStream::from_raw(plain::unix_socket(SOCK_STREAM).release());
    EXPECT_TRUE(fails_with(lone.write(bytes_of(data1)), std::errc::not_connected));
    EXPECT_TRUE(fails_with(try_read(lone), std::errc::invalid_argument));
}

TEST_F(UnixStreamTest, IsNotReadableWithoutData) {
    auto [stream, peer] = connected();
    ASSERT_TRUE(ok(loop_.registry().add(stream, id1, Interest::readable)));
    loop_.expect_none();
}

TEST_F(UnixStreamTest, ModifyToWritableReportsIt) {
    auto [stream, peer] = connected();
    ASSERT_TRUE(ok(loop_.registry().add(stream, id1, Interest::readable)));
    loop_.expect_none();
    ASSERT_TRUE(ok(loop_.registry().modify(stream, id1, Interest::writable)));
    loop_.expect({{id1, Interest::writable}});
}

TEST_F(UnixStreamTest, RemovedStreamIsNotReported) {
    auto [stream, peer] = connected();
    ASSERT_TRUE(ok(loop_.registry().add(stream, id1, Interest::writable)));
    ASSERT_TRUE(ok(loop_.registry().remove(stream)));
    loop_.expect_none();
}

TEST_F(UnixStreamTest, PeekDoesNotConsumeData) {
    auto [stream, peer] = connected();
    const auto peek = [&stream](std::span<std::byte> buffer) { return stream.peek(buffer); };
    std::array<std::byte, 4> small;
    EXPECT_TRUE(blocks(stream.peek(small)));
    plain::write_all(peer, data1);
    EXPECT_EQ(stream.peek(small), 4u);
    EXPECT_EQ(text_of(small), data1.substr(0, 4));
    EXPECT_EQ(text_from(peek), data1);
    EXPECT_EQ(read_text(stream), data1);
    EXPECT_TRUE(blocks(stream.peek(small)));
    peer.close();
    EXPECT_EQ(stream.peek(small), 0u);
}

TEST_F(UnixStreamTest, KeepsDataThatDoesNotFitTheBuffer) {
    auto [stream, peer] = connected();
    plain::write_all(peer, data1);
    std::array<std::byte, 6> small;
    EXPECT_EQ(stream.read(small), 6u);
    EXPECT_EQ(text_of(small), data1.substr(0, 6));
    EXPECT_EQ(read_text(stream), data1.substr(6));
}

TEST_F(UnixStreamTest, AcceptsMoreBuffersThanTheSystemLimit) {
    const auto [one, other] = must(UnixStream::pair());
    const std::vector<IoSlice> out(3'000, bytes_of("x"));
    EXPECT_EQ(one.write_vectored(out), 1'024u);
    std::vector<std::byte> bytes(3'000);
    std::vector<IoSliceMut> in;
    for (auto& byte : bytes) in.emplace_back(std::span(&byte, 1));
    EXPECT_EQ(other.read_vectored(in), 1'024u);
    EXPECT_EQ(text_of(std::span(bytes).first(1'024)), std::string(1'024, 'x'));
    EXPECT_EQ(bytes[1'024], std::byte{0});
}

TEST_F(UnixStreamTest, BecomesWritableWhenTheBufferHasSpace) {
    auto [stream, peer] = connected();
    ASSERT_TRUE(ok(loop_.registry().add(stream, id1, Interest::writable)));
    loop_.expect({{id1, Interest::writable}});
    const std::string piece(4'096, 'x');
    std::size_t total = 0;
    auto written = stream.write(bytes_of(piece));
    for (; written; written = stream.write(bytes_of(piece))) total += *written;
    EXPECT_TRUE(blocks(written));
    loop_.expect_none();
    EXPECT_EQ(plain::read_exactly(peer, total).size(), total);
    loop_.expect({{id1, Interest::writable}});
    EXPECT_TRUE(ok(stream.write(bytes_of(piece))));
}

TEST_F(UnixStreamTest, WritingToAClosedPeerFails) {
    auto [stream, peer] = connected();
    peer.close();
    EXPECT_TRUE(fails_with(stream.write(bytes_of(data1)), std::errc::broken_pipe));
    EXPECT_EQ(try_read(stream), 0u);
}

TEST_F(UnixStreamTest, IsResetWhenThePeerClosesWithUnreadData) {
    auto [stream, peer] = connected();
    ASSERT_TRUE(ok(loop_.registry().add(stream, id1, read_write)));
    EXPECT_EQ(stream.write(bytes_of(data1)), data1.size());
    peer.close();
    loop_.expect({{id1, Readiness::error | Readiness::readable}});
    EXPECT_EQ(must(stream.take_error()), std::errc::connection_reset);
    EXPECT_TRUE(has_no_error(stream));
    EXPECT_EQ(try_read(stream), 0u);
}

TEST_F(UnixStreamTest, TwoThreadsCanReadAndWriteConcurrently) {
    const auto [one, other] = must(UnixStream::pair());
    constexpr std::size_t total = 1'000'000;
    std::size_t received = 0;
    std::thread reader([&receiver = other, &received] {
        std::array<std::byte, 5'000> buffer;
        while (true) {
            const auto count = receiver.read(buffer);
            if (count && *count == 0) return;
            if (count) received += *count;
            if (!count && !mio::would_block(count.error())) return;
            if (!count) await(receiver.raw(), POLLIN);
        }
    });
    const std::string piece(total / 100, 'x');
    for (std::size_t written = 0; written < total;) {
        const auto count = one.write(bytes_of(piece).first(std::min(piece.size(), total - written)));
        if (count) written += *count;
        if (!count && !mio::would_block(count.error())) break;
        if (!count) await(one.raw(), POLLOUT);
    }
    EXPECT_TRUE(ok(one.shutdown(Shutdown::write)));
    reader.join();
    EXPECT_EQ(received, total);
}

TEST_F(UnixStreamTest, ConnectingWithoutAListenerIsRefused) {
    leave_stale_socket(folder_ / "left-over");
    EXPECT_TRUE(fails_with(UnixStream::connect(folder_ / "left-over"), std::errc::connection_refused));
    const auto bound = plain::unix_bound(SOCK_STREAM, plain::unix_path(folder_ / "bound"));
    EXPECT_TRUE(fails_with(UnixStream::connect(folder_ / "bound"), std::errc::connection_refused));
    EXPECT_TRUE(
        fails_with(UnixStream::connect(abstract(unique_name("unbound"))), std::errc::connection_refused));
    EXPECT_TRUE(fails_with(UnixStream::connect(folder_.path()), std::errc::connection_refused));
}

TEST_F(UnixStreamTest, ConnectingToANonListenerFails) {
    EXPECT_TRUE(fails_with(UnixStream::connect(folder_ / "missing"), std::errc::no_such_file_or_directory));
    const auto datagram = must(UnixDatagram::bind(folder_ / "datagram"));
    EXPECT_TRUE(fails_with(UnixStream::connect(folder_ / "datagram"), std::errc::wrong_protocol_type));
    EXPECT_TRUE(fails_with(UnixStream::connect(UnixAddress::unnamed()), std::errc::invalid_argument));
    EXPECT_TRUE(fails_with(UnixStream::connect(""), Errc::invalid_address));
    EXPECT_TRUE(fails_with(UnixStream::connect(folder_.path_of_size(108)), Errc::path_too_long));
    EXPECT_TRUE(fails_with(UnixStream::connect(std::string_view("a\0b", 3)), Errc::interior_nul));
}

TEST_F(UnixStreamTest, ConnectWouldBlockWhileTheListenersQueueIsFull) {
    const auto listener = plain::unix_listen(folder_ / "short", 1);
    std::vector<UnixStream> clients;
    auto client = UnixStream::connect(folder_ / "short");
    for (; client && clients.size() < 10; client = UnixStream::connect(folder_ / "short"))
        clients.push_back(std::move(*client));
    EXPECT_EQ(clients.size(), 2u); // Linux queues one more than the backlog
    const auto before = open_descriptors();
    EXPECT_TRUE(blocks(client));
    EXPECT_TRUE(blocks(UnixStream::connect(folder_ / "short")));
    EXPECT_EQ(open_descriptors(), before);
    const auto accepted = plain::accept(listener);
    EXPECT_TRUE(ok(UnixStream::connect(folder_ / "short")));
}

TEST_F(UnixStreamTest, StaysUsableWhenMoved) {
    auto [first, peer] = connected();
    ASSERT_TRUE(ok(loop_.registry().add(first, id1, Interest::readable)));
    auto second = must(UnixStream::pair()).first;
    second = std::move(first);
    plain::write_all(peer, data1);
    loop_.expect({{id1, Interest::readable}});
    EXPECT_EQ(read_text(second), data1);
}

TEST_F(UnixStreamTest, ReportsCredentialsOfAPeerInThisProcess) {
    const auto listener = must(UnixListener::bind(folder_ / "here"));
    const auto [one, other] = must(UnixStream::pair());
    const auto client = must(UnixStream::connect(folder_ / "here"));
    const auto server = must(listener.accept()).first;
    for (const auto* each : {&one, &other, &client, &server}) {
        const auto peer = must(each->peer_credentials());
        EXPECT_EQ(peer.user, ::getuid());
        EXPECT_EQ(peer.group, ::getgid());
        EXPECT_EQ(peer.process, ::getpid());
    }
}

TEST_F(UnixStreamTest, ReportsCredentialsOfAPeerInAnotherProcess) {
    const Signal done;
    const auto parent = ::getpid();
    Child child([&] {
        const auto client = must(UnixStream::connect(path_));
        EXPECT_EQ(must(client.peer_credentials()).process, parent);
        done.take();
    });
    const auto server = UnixStream::from_raw(plain::accept(listener_).release());
    EXPECT_EQ(must(server.peer_credentials()).process, child.pid());
    EXPECT_EQ(must(server.peer_credentials()).user, ::getuid());
    done.give();
    const auto pid = child.pid();
    EXPECT_EQ(child.wait(), 0);
    // Credentials are those at the time of connect.
    EXPECT_EQ(must(server.peer_credentials()).process, pid);
}

TEST_F(UnixStreamTest, HasNoCredentialsWithoutAPeer) {
    const auto lone = UnixStream::from_raw(plain::unix_socket(SOCK_STREAM).release());
    EXPECT_TRUE(fails_with(lone.peer_credentials(), std::errc::not_connected));
}

TEST_F(UnixStreamTest, LeaksNoDescriptors) {
    const auto before = open_descriptors();
    leave_stale_socket(folder_ / "left-over");
    for (int i = 0; i < 10'000; ++i) {
        {
            const auto [stream, peer] = connected();
            ASSERT_EQ(stream.write(bytes_of(data1)), data1.size());
            ASSERT_EQ(plain::read_exactly(peer, data1.size()), data1);
        }
        const auto [one, other] = must(UnixStream::pair());
        ASSERT_EQ(one.write(bytes_of(data1)), data1.size());
        ASSERT_EQ(read_text(other), data1);
        ASSERT_TRUE(fails_with(UnixStream::connect(folder_ / "left-over"), std::errc::connection_refused));
    }
    EXPECT_EQ(open_descriptors(), before);
}
