#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <limits>

#include "pipe.hpp"

using namespace test;
using mio::net::send_file;
using mio::net::Shutdown;
using mio::net::splice;

namespace {

constexpr std::size_t much = 1u << 30;

::off_t position_of(const plain::Socket& file) { return ::lseek(file.fd(), 0, SEEK_CUR); }

/// Reads a stream of `size` bytes to its end and returns the data.
std::string received_from(const UnixStream& stream, std::size_t size) {
    std::string all;
    while (all.size() < size) {
        if ((await(stream.raw(), POLLIN) & POLLIN) == 0) break;
        all += drain(stream);
    }
    return all;
}

/// Fills a stream's send buffer with large writes, so that it holds as many bytes as possible.
void fill_up(const UnixStream& stream) {
    const std::vector<std::byte> chunk(65'536, std::byte{'f'});
    while (stream.write(chunk)) {
    }
    fill(stream);
}

} // namespace

TEST(SendFile, SendsAWholeFile) {
    const std::string text = pattern(20'000);
    const auto file = file_with(text);
    const auto [to, peer] = must(UnixStream::pair());
    ASSERT_EQ(must(send_file(to, file.fd(), 0, text.size())), text.size());
    EXPECT_EQ(received_from(peer, text.size()), text);
}

TEST(SendFile, SendsOverTcp) {
    const std::string text = pattern(20'000);
    const auto file = file_with(text);
    const auto [to, peer] = tcp_pair();
    ASSERT_EQ(must(send_file(to, file.fd(), 0, text.size())), text.size());
    EXPECT_EQ(plain::read_exactly(peer, text.size()), text);
}

TEST(SendFile, StartsAtTheOffset) {
    const std::string text = pattern(10'000);
    const auto file = file_with(text);
    const auto [to, peer] = must(UnixStream::pair());
    ASSERT_EQ(must(send_file(to, file.fd(), 4'321, 1'000)), 1'000u);
    EXPECT_EQ(received_from(peer, 1'000), text.substr(4'321, 1'000));
}

TEST(SendFile, StopsAtTheEndOfTheFile) {
    const std::string text = pattern(10'000);
    const auto file = file_with(text);
    const auto [to, peer] = must(UnixStream::pair());
    ASSERT_EQ(must(send_file(to, file.fd(), 9'000, much)), 1'000u);
    EXPECT_EQ(received_from(peer, 1'000), text.substr(9'000));
    // At the end of the file, past it, and in an empty file.
    EXPECT_EQ(must(send_file(to, file.fd(), 10'000, much)), 0u);
    EXPECT_EQ(must(send_file(to, file.fd(), 1'000'000, much)), 0u);
    EXPECT_EQ(must(send_file(to, file_with("").fd(), 0, much)), 0u);
    EXPECT_EQ(must(send_file(to, file.fd(), 0, 0)), 0u);
    std::array<std::byte, 8> buffer{};
    EXPECT_TRUE(blocks(peer.read(buffer)));
}

TEST(SendFile, KeepsTheFilePosition) {
    const auto file = file_with(pattern(10'000));
    ASSERT_EQ(::lseek(file.fd(), 77, SEEK_SET), 77);
    const auto [to, peer] = must(UnixStream::pair());
    ASSERT_EQ(must(send_file(to, file.fd(), 100, 500)), 500u);
    EXPECT_EQ(position_of(file), 77);
    ASSERT_EQ(must(send_file(to, file.fd(), 10'000, 500)), 0u);
    EXPECT_EQ(position_of(file), 77);
}

TEST(SendFile, WouldBlockWhileTheSocketIsFull) {
    const auto file = file_with(data);
    auto [to, peer] = must(UnixStream::pair());
    fill_up(to);
    EXPECT_TRUE(blocks(send_file(to, file.fd(), 0, data.size())));

    Loop loop;
    must(loop.registry().add(to, Token(1), Interest::writable));
    loop.expect_none();
    drain(peer);
    loop.expect({{Token(1), Interest::writable}});
    EXPECT_EQ(must(send_file(to, file.fd(), 0, data.size())), data.size());
    EXPECT_EQ(received_from(peer, data.size()), data);
}

TEST(SendFile, SendsALargeFileInParts) {
    const std::string text = pattern(3'000'000);
    const auto file = file_with(text);
    const auto [to, peer] = tcp_pair();
    std::string received;
    std::uint64_t offset = 0;
    while (offset < text.size()) {
        const auto sent = send_file(to, file.fd(), offset, text.size());
        if (sent) {
            ASSERT_GT(*sent, 0u);
            offset += *sent;
            continue;
        }
        ASSERT_TRUE(blocks(sent));
        received += plain::read_exactly(peer, static_cast<std::size_t>(offset) - received.size());
    }
    received += plain::read_exactly(peer, text.size() - received.size());
    EXPECT_TRUE(received == text);
}

TEST(SendFile, FromAnInvalidFileIsBadDescriptor) {
    const auto [to, peer] = must(UnixStream::pair());
    EXPECT_TRUE(fails_with(send_file(to, mio::invalid_handle, 0, 1), std::errc::bad_file_descriptor));
}

TEST(SendFile, ToAnInvalidSocketIsBadDescriptor) {
    const auto file = file_with(data);
    const auto to = UnixStream::from_raw(mio::invalid_handle);
    EXPECT_TRUE(fails_with(send_file(to, file.fd(), 0, 1), std::errc::bad_file_descriptor));
}

TEST(SendFile, FromAPipeFails) {
    const auto [sender, receiver] = must(make_pipe());
    const auto [to, peer] = must(UnixStream::pair());
    EXPECT_TRUE(fails_with(send_file(to, receiver.raw(), 0, 1), std::errc::invalid_seek));
}

TEST(SendFile, InvalidOffsetIsInvalidArgument) {
    const auto file = file_with(data);
    const auto [to, peer] = must(UnixStream::pair());
    constexpr auto first_bad = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) + 1;
    for (const auto offset : {first_bad, std::numeric_limits<std::uint64_t>::max()}) {
        EXPECT_TRUE(fails_with(send_file(to, file.fd(), offset, 1), std::errc::invalid_argument));
    }
}

TEST(SendFile, AfterShutdownIsBrokenPipe) {
    const auto file = file_with(data);
    const auto [to, peer] = must(UnixStream::pair());
    must(to.shutdown(Shutdown::write));
    EXPECT_TRUE(fails_with(send_file(to, file.fd(), 0, 1), std::errc::broken_pipe));
}

TEST(Splice, MovesFromAPipeToASocket) {
    const auto [sender, receiver] = must(make_pipe());
    const auto [to, peer] = must(UnixStream::pair());
    must(sender.write(bytes_of(data)));
    EXPECT_EQ(must(splice(receiver, to, much)), data.size());
    EXPECT_EQ(received_from(peer, data.size()), data);
}

TEST(Splice, MovesFromASocketToAPipe) {
    const auto [sender, receiver] = must(make_pipe());
    const auto [from, peer] = must(UnixStream::pair());
    must(peer.write(bytes_of(data)));
    EXPECT_EQ(must(splice(from, sender, much)), data.size());
    EXPECT_EQ(drain(receiver), data);
}

TEST(Splice, MovesFromTcpThroughAPipeToTcp) {
    const auto [sender, receiver] = must(make_pipe());
    const auto [from, client] = tcp_pair();
    const auto [to, server] = tcp_pair();
    plain::write_all(client, data);
    await(from.raw(), POLLIN);
    EXPECT_EQ(must(splice(from, sender, much)), data.size());
    EXPECT_EQ(must(splice(receiver, to, much)), data.size());
    EXPECT_EQ(plain::read_exactly(server, data.size()), data);
}

TEST(Splice, MovesFromAPipeToAPipe) {
    const auto [sender, receiver] = must(make_pipe());
    const auto [next_sender, next_receiver] = must(make_pipe());
    must(sender.write(bytes_of(data)));
    EXPECT_EQ(must(splice(receiver, next_sender, much)), data.size());
    EXPECT_EQ(drain(next_receiver), data);
}

TEST(Splice, MovesNoMoreThanRequested) {
    const auto [sender, receiver] = must(make_pipe());
    const auto [to, peer] = must(UnixStream::pair());
    must(sender.write(bytes_of(data)));
    EXPECT_EQ(must(splice(receiver, to, 5)), 5u);
    EXPECT_EQ(received_from(peer, 5), "Hello");
    EXPECT_EQ(must(splice(receiver, to, 0)), 0u);
    EXPECT_EQ(drain(receiver), " world");
}

TEST(Splice, WouldBlockOnAnEmptyPipe) {
    const auto [sender, receiver] = must(make_pipe());
    const auto [to, peer] = must(UnixStream::pair());
    EXPECT_TRUE(blocks(splice(receiver, to, much)));
}

TEST(Splice, WouldBlockOnAnEmptySocket) {
    const auto [sender, receiver] = must(make_pipe());
    const auto [from, peer] = must(UnixStream::pair());
    EXPECT_TRUE(blocks(splice(from, sender, much)));
    const auto [tcp, tcp_peer] = tcp_pair();
    EXPECT_TRUE(blocks(splice(tcp, sender, much)));
}

TEST(Splice, WouldBlockOnAFullSocket) {
    const auto [sender, receiver] = must(make_pipe());
    const auto [to, peer] = must(UnixStream::pair());
    fill_up(to);
    must(sender.write(bytes_of(data)));
    EXPECT_TRUE(blocks(splice(receiver, to, much)));
    // No data was lost.
    drain(peer);
    EXPECT_EQ(must(splice(receiver, to, much)), data.size());
    EXPECT_EQ(received_from(peer, data.size()), data);
}

TEST(Splice, WouldBlockOnAFullPipe) {
    const auto [sender, receiver] = must(make_pipe());
    const auto [from, peer] = must(UnixStream::pair());
    fill(sender);
    must(peer.write(bytes_of(data)));
    EXPECT_TRUE(blocks(splice(from, sender, much)));
    drain(receiver);
    EXPECT_EQ(must(splice(from, sender, much)), data.size());
    EXPECT_EQ(drain(receiver), data);
}

TEST(Splice, WouldBlockEvenIfThePipeIsBlocking) {
    const auto [sender, receiver] = must(make_pipe());
    must(receiver.set_nonblocking(false));
    const auto [to, peer] = must(UnixStream::pair());
    EXPECT_TRUE(blocks(splice(receiver, to, much)));
}

TEST(Splice, ReturnsZeroAtTheEndOfAPipe) {
    auto [sender, receiver] = must(make_pipe());
    const auto [to, peer] = must(UnixStream::pair());
    must(sender.write(bytes_of(data)));
    {
        const auto gone = std::move(sender);
    }
    EXPECT_EQ(must(splice(receiver, to, much)), data.size());
    EXPECT_EQ(must(splice(receiver, to, much)), 0u);
}

TEST(Splice, ReturnsZeroAtTheEndOfASocket) {
    const auto [sender, receiver] = must(make_pipe());
    auto [from, peer] = must(UnixStream::pair());
    must(peer.write(bytes_of(data)));
    {
        const auto gone = std::move(peer);
    }
    EXPECT_EQ(must(splice(from, sender, much)), data.size());
    EXPECT_EQ(must(splice(from, sender, much)), 0u);
}

TEST(Splice, WithoutAPipeIsInvalidArgument) {
    const auto [from, from_peer] = must(UnixStream::pair());
    const auto [to, to_peer] = must(UnixStream::pair());
    must(from_peer.write(bytes_of(data)));
    EXPECT_TRUE(fails_with(splice(from, to, much), std::errc::invalid_argument));
    EXPECT_EQ(drain(from), data) << "no data was lost";
}

TEST(Splice, APipeIntoItselfIsInvalidArgument) {
    const auto [sender, receiver] = must(make_pipe());
    must(sender.write(bytes_of(data)));
    EXPECT_TRUE(fails_with(splice(receiver, sender, much), std::errc::invalid_argument));
}

TEST(Splice, TheWrongEndIsBadDescriptor) {
    const auto [sender, receiver] = must(make_pipe());
    const auto [socket, peer] = must(UnixStream::pair());
    EXPECT_TRUE(fails_with(splice(sender, socket, 1), std::errc::bad_file_descriptor));
    EXPECT_TRUE(fails_with(splice(socket, receiver, 1), std::errc::bad_file_descriptor));
}

// A proxy: both sides are edge-triggered, and splice runs until it would block.
TEST(Splice, ForwardsALongStreamDrivenByEvents) {
    Loop loop;
    auto [sender, receiver] = must(make_pipe());
    auto [from, source] = must(UnixStream::pair());
    auto [to, sink] = must(UnixStream::pair());
    constexpr Token from_id{1}, to_id{2}, source_id{3}, sink_id{4};
    must(loop.registry().add(from, from_id, Interest::readable));
    must(loop.registry().add(to, to_id, Interest::writable));
    must(loop.registry().add(source, source_id, Interest::writable));
    must(loop.registry().add(sink, sink_id, Interest::readable));

    const std::string text = pattern(2'000'000);
    std::size_t written = 0;
    std::string received;
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (received.size() < text.size()) {
        ASSERT_LT(std::chrono::steady_clock::now(), deadline) << received.size() << " bytes received";
        must(loop.poll.poll(loop.events, 5s));
        while (written < text.size()) {
            const auto count = source.write(bytes_of(std::string_view(text).substr(written)));
            if (!count) break;
            written += *count;
        }
        // Repeat until neither half moves data.
        for (bool moved = true; moved;) {
            moved = false;
            if (const auto in = splice(from, sender, much); in && *in > 0) moved = true;
            if (const auto out = splice(receiver, to, much); out && *out > 0) moved = true;
        }
        received += drain(sink);
    }
    EXPECT_TRUE(received == text);
}

// Operations that transfer less than requested. They rearm the source, which is reported when it is ready again.

TEST(SendFile, PartialSendIsFollowedByAnEvent) {
    const auto file = file_with(std::string(1u << 22, 'f'));
    Loop loop;
    auto [to, peer] = must(UnixStream::pair());
    must(loop.registry().add(to, Token{1}, Interest::writable));
    loop.expect({{Token{1}, Interest::writable}});
    ASSERT_LT(must(send_file(to, file.fd(), 0, 1u << 22)), 1u << 22);
    loop.expect_none();
    drain(peer);
    loop.expect({{Token{1}, Interest::writable}});
}

TEST(Splice, WouldBlockRearmsTheSideThatIsNotReady) {
    Loop loop;
    auto [sender, receiver] = must(make_pipe());
    auto [to, peer] = must(UnixStream::pair());
    must(loop.registry().add(receiver, Token{1}, Interest::readable));
    must(loop.registry().add(to, Token{2}, Interest::writable));
    must(sender.write(bytes_of(data)));
    loop.expect({{Token{1}, Interest::readable}, {Token{2}, Interest::writable}});
    fill_up(to);
    ASSERT_TRUE(blocks(splice(receiver, to, much)));
    // The pipe is still readable, and is not reported again.
    loop.expect_none();
    drain(peer);
    loop.expect({{Token{2}, Interest::writable}});
    ASSERT_EQ(must(splice(receiver, to, much)), data.size());
    // Less than requested: the pipe is now empty.
    must(sender.write(bytes_of(data)));
    loop.expect({{Token{1}, Interest::readable}});
}
