// Moving registered sockets.
#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "tcp.hpp"

using namespace test;

namespace {

constexpr Token first{1};
constexpr Token second{2};

TEST(Moves, MovedStreamKeepsItsToken) {
    Loop loop;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(stream, first, Interest::readable)));
    const auto raw = stream.raw();
    const TcpStream moved = std::move(stream);
    EXPECT_EQ(moved.raw(), raw);
    EXPECT_EQ(stream.raw(), mio::invalid_handle);
    plain::write_all(peer, "x");
    loop.expect({{first, Readiness::readable}});
    EXPECT_EQ(drain(moved), "x");
}

TEST(Moves, NewObjectHasTheRegistration) {
    Loop loop;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(stream, first, Interest::readable)));
    TcpStream moved = std::move(stream);

    EXPECT_TRUE(
        fails_with(loop.registry().add(moved, second, Interest::readable), mio::Errc::already_registered));
    ASSERT_TRUE(ok(loop.registry().modify(moved, second, Interest::readable)));
    plain::write_all(peer, "x");
    loop.expect({{second, Readiness::readable}});
    ASSERT_TRUE(ok(loop.registry().remove(moved)));
    plain::write_all(peer, "y");
    loop.expect_none();
    EXPECT_TRUE(fails_with(loop.registry().remove(moved), mio::Errc::not_registered));
}

TEST(Moves, OldObjectIsEmpty) {
    Loop loop;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(stream, first, Interest::readable)));
    const TcpStream moved = std::move(stream);
    EXPECT_TRUE(
        fails_with(loop.registry().modify(stream, first, Interest::readable), mio::Errc::not_registered));
    EXPECT_TRUE(fails_with(loop.registry().remove(stream), mio::Errc::not_registered));
    std::array<std::byte, 1> buffer;
    EXPECT_TRUE(fails_with(stream.read(buffer), no_such_handle));
    plain::write_all(peer, "x");
    loop.expect({{first, Readiness::readable}});
}

TEST(Moves, DestroyingTheOldObjectHasNoEffect) {
    Loop loop;
    auto pair = plain_pair();
    auto old = std::make_unique<TcpStream>(std::move(pair.stream));
    ASSERT_TRUE(ok(loop.registry().add(*old, first, Interest::readable)));
    const TcpStream moved = std::move(*old);
    old.reset();
    plain::write_all(pair.peer, "x");
    loop.expect({{first, Readiness::readable}});
    EXPECT_EQ(drain(moved), "x");
}

TEST(Moves, AssignmentEndsTheOldRegistration) {
    Loop loop;
    auto one = plain_pair();
    auto two = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(one.stream, first, Interest::readable)));
    ASSERT_TRUE(ok(loop.registry().add(two.stream, second, Interest::readable)));
    one.stream = std::move(two.stream);
    two.stream = std::move(one.stream); // back again

    // The first connection is closed and not reported; the second is still registered.
    EXPECT_EQ(plain::read_exactly(one.peer, 1), "");
    loop.expect_none();
    plain::write_all(two.peer, "x");
    loop.expect({{second, Readiness::readable}});
    EXPECT_EQ(drain(two.stream), "x");
    ASSERT_TRUE(ok(loop.registry().remove(two.stream)));
}

TEST(Moves, SelfAssignmentHasNoEffect) {
    Loop loop;
    auto [stream, peer] = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(stream, first, Interest::readable)));
    const auto raw = stream.raw();
    TcpStream& same = stream;
    stream = std::move(same);
    EXPECT_EQ(stream.raw(), raw);
    plain::write_all(peer, "x");
    loop.expect({{first, Readiness::readable}});
    ASSERT_TRUE(ok(loop.registry().remove(stream)));
}

TEST(Moves, SwapExchangesTheRegistrations) {
    Loop loop;
    auto one = plain_pair();
    auto two = plain_pair();
    ASSERT_TRUE(ok(loop.registry().add(one.stream, first, Interest::readable)));
    std::swap(one.stream, two.stream);
    EXPECT_TRUE(fails_with(loop.registry().remove(one.stream), mio::Errc::not_registered));
    plain::write_all(one.peer, "x");
    loop.expect({{first, Readiness::readable}});
    EXPECT_EQ(drain(two.stream), "x");
    ASSERT_TRUE(ok(loop.registry().remove(two.stream)));
}

TEST(Moves, MovedListenerAccepts) {
    Loop loop;
    auto original = must(TcpListener::bind(local_v4()));
    ASSERT_TRUE(ok(loop.registry().add(original, first, Interest::readable)));
    TcpListener moved = std::move(original);
    const auto peer = plain::connect(must(moved.local_address()));
    loop.expect({{first, Readiness::readable}});
    EXPECT_TRUE(ok(moved.accept()));
    ASSERT_TRUE(ok(loop.registry().remove(moved)));
    const auto another = plain::connect(must(moved.local_address()));
    loop.expect_none();
}

TEST(Moves, StreamCanBeMovedWhileConnecting) {
    Loop loop;
    const auto listener = plain::listen(local_v4());
    auto original = must(TcpStream::connect(plain::address_of(listener)));
    ASSERT_TRUE(ok(loop.registry().add(original, first, Interest::writable)));
    std::optional<TcpStream> moved(std::move(original));
    loop.expect({{first, Readiness::writable}});
    EXPECT_TRUE(must(moved->finish_connect()));
}

// As in a server: a container that moves its connections.
TEST(Moves, StreamsInAGrowingVectorAllReport) {
    Loop loop;
    mio::Events events(64);
    std::vector<TcpStream> streams; // moves its elements as it grows
    std::vector<plain::Socket> peers;
    constexpr std::size_t count = 50;
    for (std::size_t i = 0; i < count; ++i) {
        auto pair = plain_pair();
        ASSERT_TRUE(ok(loop.registry().add(pair.stream, Token{i}, Interest::readable)));
        streams.push_back(std::move(pair.stream));
        peers.push_back(std::move(pair.peer));
    }
    // Erase every second stream from the middle, which moves all later ones.
    std::map<std::size_t, std::size_t> place_of;
    for (std::size_t i = count; i-- > 0;) {
        if (i % 2 == 0) continue;
        streams.erase(streams.begin() + static_cast<std::ptrdiff_t>(i));
    }
    for (std::size_t i = 0; i < count; i += 2) place_of[i] = i / 2;

    for (std::size_t i = 0; i < count; i += 2) plain::write_all(peers[i], std::to_string(i));
    std::map<std::size_t, std::string> received;
    while (received.size() < count / 2) {
        ASSERT_TRUE(ok(loop.poll.poll(events, generous_margin)));
        ASSERT_FALSE(events.empty());
        for (const auto& event : events) {
            ASSERT_TRUE(place_of.contains(event.token().value)) << "event of a destroyed stream";
            received[event.token().value] += drain(streams[place_of.at(event.token().value)]);
        }
    }
    for (const auto& [value, text] : received) EXPECT_EQ(text, std::to_string(value));
    for (auto& stream : streams) EXPECT_TRUE(ok(loop.registry().remove(stream)));
}

} // namespace
