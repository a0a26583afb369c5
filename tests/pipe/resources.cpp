// Resource use of pipes and transfers: sizes, allocations, descriptors.

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "counted_heap.hpp"

#include "pipe.hpp"

using namespace test;
using mio::net::IoSlice;
using mio::net::IoSliceMut;

namespace {

template <class S>
concept GoodSource =
    mio::Source<S> && std::is_nothrow_move_constructible_v<S> && std::is_nothrow_move_assignable_v<S>
    && !std::is_copy_constructible_v<S> && !std::is_copy_assignable_v<S>
    && !std::is_default_constructible_v<S> && sizeof(S) <= 16;

static_assert(GoodSource<PipeSender> && GoodSource<PipeReceiver>);
static_assert(GoodSource<UnixStream> && GoodSource<UnixDatagram> && GoodSource<TcpStream>);
static_assert(!std::convertible_to<int, PipeSender> && !std::convertible_to<int, PipeReceiver>);
static_assert(std::derived_from<PipeSender, mio::IoSource>
              && !std::derived_from<PipeSender, mio::net::Socket>);
static_assert(noexcept(mio::net::splice(std::declval<const PipeReceiver&>(),
                                        std::declval<const UnixStream&>(), std::size_t{1})));
static_assert(noexcept(mio::net::send_file(std::declval<const UnixStream&>(), 0, std::uint64_t{0}, 1)));

} // namespace

TEST(Allocations, AreCounted) {
    if (!replaces_new) GTEST_SKIP() << "the sanitizer's operator new cannot be replaced";
    EXPECT_GE(allocations_in([] { const std::vector<int> some(100); }), 1u);
}

TEST(Allocations, PipesMakeNone) {
    std::array<std::byte, 32> buffer{};
    bool good = true;
    EXPECT_EQ(allocations_in([&] {
                  auto pipe = make_pipe();
                  const auto& [sender, receiver] = *pipe;
                  good &= mio::would_block(receiver.read(buffer).error());
                  good &= sender.write(bytes_of(data)).has_value();
                  const IoSlice slice(bytes_of(data));
                  good &= sender.write_vectored({&slice, 1}).has_value();
                  const IoSliceMut into{std::span(buffer).first(data.size())};
                  good &= receiver.read(into.bytes()).has_value();
                  good &= receiver.read_vectored({&into, 1}).has_value();
                  good &= sender.set_nonblocking(true).has_value();
                  const auto moved = std::move(pipe->second);
                  const auto gone = std::move(pipe->first);
              }),
              0u);
    EXPECT_TRUE(good);
}

TEST(Allocations, PassingDescriptorsMakesNone) {
    std::array<std::byte, 32> buffer{};
    std::array<mio::OwnedHandle, 2> handles;
    bool good = true;
    EXPECT_EQ(allocations_in([&] {
                  const auto pair = UnixStream::pair();
                  const std::array fds{STDIN_FILENO, STDOUT_FILENO};
                  good &= pair->first.send_with_fds(bytes_of(data), fds).has_value();
                  const auto received = pair->second.receive_with_fds(buffer, handles);
                  good &= received && received->fds == 2;
                  good &= mio::would_block(pair->second.receive_with_fds(buffer, handles).error());
              }),
              0u);
    EXPECT_TRUE(good);
}

TEST(Allocations, TransfersMakeNone) {
    const auto file = file_with(data);
    bool good = true;
    EXPECT_EQ(allocations_in([&] {
                  const auto pair = UnixStream::pair();
                  const auto pipe = make_pipe();
                  good &= mio::net::send_file(pair->first, file.fd(), 0, data.size()) == data.size();
                  good &= mio::net::splice(pair->second, pipe->first, 100) == data.size();
                  good &= mio::net::splice(pipe->second, pair->first, 100) == data.size();
                  good &= !mio::net::splice(pipe->second, pair->first, 100).has_value();
              }),
              0u);
    EXPECT_TRUE(good);
}

TEST(Descriptors, TenThousandPipesLeakNone) {
    const DescriptorGuard guard;
    Loop loop;
    std::array<std::byte, 32> buffer{};
    for (int round = 0; round < 10'000; ++round) {
        auto [sender, receiver] = must(make_pipe());
        must(loop.registry().add(receiver, Token(1), Interest::readable));
        ASSERT_EQ(must(sender.write(bytes_of(data))), data.size());
        ASSERT_EQ(must(receiver.read(buffer)), data.size());
        if (round % 2 == 0) must(loop.registry().remove(receiver));
        auto moved = std::move(sender);
        sender = std::move(moved);
    }
    loop.expect_none();
}

TEST(Descriptors, MovedFromEndHoldsNone) {
    auto [sender, receiver] = must(make_pipe());
    const int fd = sender.raw();
    const auto moved = std::move(sender);
    EXPECT_EQ(moved.raw(), fd);
    EXPECT_EQ(sender.raw(), mio::invalid_handle); // NOLINT(bugprone-use-after-move)
}

TEST(Descriptors, ReleasedEndStaysOpen) {
    auto [sender, receiver] = must(make_pipe());
    const plain::Socket mine(sender.release());
    EXPECT_EQ(sender.raw(), mio::invalid_handle);
    {
        const auto gone = std::move(sender);
    }
    EXPECT_TRUE(is_open(mine.fd()));
}

TEST(Descriptors, AssignmentClosesTheOldDescriptor) {
    auto [sender, receiver] = must(make_pipe());
    auto [other, other_receiver] = must(make_pipe());
    const int before = sender.raw();
    sender = std::move(other);
    EXPECT_FALSE(is_open(before));
}
