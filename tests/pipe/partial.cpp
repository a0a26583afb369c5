// Writes that transfer less than requested: a writable event follows when there is room again, without another attempt.
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include "pipe.hpp"

using namespace test;
using mio::net::IoSlice;
using mio::net::Socket;

namespace {

constexpr Token writer{1};

/// More than a pipe or a socket holds.
std::string much() { return std::string(8u << 20, 'p'); }

template <class S, class Peer, class Write> void expect_event_after(S to, const Peer& peer, Write write) {
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(to, writer, Interest::writable)));
    loop.expect({{writer, Interest::writable}});
    const auto text = much();
    const auto written = must(write(to, bytes_of(text)));
    ASSERT_GT(written, 0u);
    ASSERT_LT(written, text.size());
    loop.expect_none();
    EXPECT_EQ(drain(peer).size(), written);
    loop.expect({{writer, Interest::writable}});
}

constexpr auto plainly = [](const auto& to, std::span<const std::byte> bytes) { return to.write(bytes); };
constexpr auto vectored = [](const auto& to, std::span<const std::byte> bytes) {
    const std::array slices{IoSlice(bytes.first(10)), IoSlice(bytes.subspan(10))};
    return to.write_vectored(slices);
};
constexpr auto with_fds = [](const auto& to, std::span<const std::byte> bytes) {
    const mio::RawHandle fd = STDIN_FILENO;
    return to.send_with_fds(bytes, {&fd, 1});
};

template <class Write> void expect_event_of_pipe(Write write) {
    auto [sender, receiver] = must(make_pipe());
    expect_event_after(std::move(sender), receiver, write);
}
template <class Write> void expect_event_of_stream(Write write) {
    auto [to, peer] = must(UnixStream::pair());
    expect_event_after(std::move(to), peer, write);
}
template <class Write> void expect_event_of_socket(Write write) {
    auto [to, peer] = must(UnixStream::pair());
    expect_event_after(Socket::from_raw(to.release()), peer, write);
}

TEST(PartialWrite, OfAPipeIsFollowedByAnEvent) { expect_event_of_pipe(plainly); }
TEST(PartialWrite, OfAPipeFromSeveralBuffersIsFollowedByAnEvent) { expect_event_of_pipe(vectored); }
TEST(PartialWrite, OfAUnixStreamIsFollowedByAnEvent) { expect_event_of_stream(plainly); }
TEST(PartialWrite, OfAUnixStreamFromSeveralBuffersIsFollowedByAnEvent) { expect_event_of_stream(vectored); }
TEST(PartialWrite, OfAUnixStreamWithDescriptorsIsFollowedByAnEvent) { expect_event_of_stream(with_fds); }
TEST(PartialWrite, OfASocketIsFollowedByAnEvent) { expect_event_of_socket(plainly); }
TEST(PartialWrite, OfASocketFromSeveralBuffersIsFollowedByAnEvent) { expect_event_of_socket(vectored); }
TEST(PartialWrite, OfASocketToAnAddressIsFollowedByAnEvent) {
    {
        auto [to, peer] = must(UnixStream::pair());
        const auto probed = Socket::from_raw(to.release()).send_to(bytes_of("x"), mio::net::RawAddress());
        if (!probed) GTEST_SKIP() << "a connected stream takes no address: " << probed.error().message();
    }
    expect_event_of_socket([](const Socket& to, std::span<const std::byte> bytes) {
        return to.send_to(bytes, mio::net::RawAddress());
    });
}

} // namespace
