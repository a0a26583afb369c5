// What the sources of this folder cost: sizes, allocations, descriptors.

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <span>
#include <type_traits>
#include <vector>

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

thread_local std::size_t allocations = 0;

[[maybe_unused]] void* counted(std::size_t size) noexcept {
    ++allocations;
    return std::malloc(size == 0 ? 1 : size);
}

[[maybe_unused]] void* counted_or_throw(std::size_t size) {
    void* memory = counted(size);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}

} // namespace

#if !__has_feature(thread_sanitizer) // it has its own, which cannot be replaced
void* operator new(std::size_t size) { return counted_or_throw(size); }
void* operator new[](std::size_t size) { return counted_or_throw(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace {

/// How often `body` allocates.
template <class Body> std::size_t allocations_in(Body&& body) {
    const auto before = allocations;
    body();
    return allocations - before;
}

} // namespace

TEST(Allocations, AreCounted) {
    if (under_thread_sanitizer) GTEST_SKIP() << "the sanitizer's operator new cannot be replaced";
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

TEST(Allocations, TheFallbackOfThePipeWriterMakesNone) {
    EXPECT_TRUE(in_child([] {
        const auto [sender, receiver] = must(make_pipe());
        ASSERT_TRUE(forbid_system_call(SYS_pwritev2, ENOSYS));
        EXPECT_EQ(allocations_in([&, &to = sender] { must(to.write(bytes_of(data))); }), 0u);
    }));
}

TEST(Descriptors, TenThousandPipesLeaveNone) {
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

// What the kernel adds to a message at the program's wish is no descriptor that was passed, and takes no room from those.
TEST(Descriptors, OfThePeersProcessAreNotLeft) {
    constexpr int pass_pidfd = 76; // SO_PASSPIDFD, since Linux 6.5
    const auto [from, to] = must(UnixDatagram::pair());
    const int on = 1;
    ASSERT_EQ(::setsockopt(to.raw(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
    static_cast<void>(::setsockopt(to.raw(), SOL_SOCKET, pass_pidfd, &on, sizeof on)); // not on older kernels
    std::array<std::byte, 32> buffer{};
    const int passed = STDERR_FILENO;
    for (const std::size_t room : {0u, 1u, 2u, 9u}) {
        for (const std::size_t sent : {0u, 1u}) {
            const DescriptorGuard guard;
            std::vector<mio::OwnedHandle> handles(room);
            ASSERT_TRUE(ok(from.send_with_fds(bytes_of(data), std::span(&passed, sent))));
            const auto received = must(to.receive_with_fds(buffer, handles));
            EXPECT_EQ(received.bytes, data.size());
            EXPECT_EQ(received.fds, std::min(sent, room));
            EXPECT_EQ(received.fds_truncated, sent > room) << sent << " sent, room for " << room;
        }
    }
}

TEST(Descriptors, AMovedFromEndHoldsNone) {
    auto [sender, receiver] = must(make_pipe());
    const int fd = sender.raw();
    const auto moved = std::move(sender);
    EXPECT_EQ(moved.raw(), fd);
    EXPECT_EQ(sender.raw(), mio::invalid_handle); // NOLINT(bugprone-use-after-move)
}

TEST(Descriptors, AReleasedEndStaysOpen) {
    auto [sender, receiver] = must(make_pipe());
    const plain::Socket mine(sender.release());
    EXPECT_EQ(sender.raw(), mio::invalid_handle);
    {
        const auto gone = std::move(sender);
    }
    EXPECT_TRUE(is_open(mine.fd()));
}

TEST(Descriptors, AssigningClosesWhatWasHeld) {
    auto [sender, receiver] = must(make_pipe());
    auto [other, other_receiver] = must(make_pipe());
    const int before = sender.raw();
    sender = std::move(other);
    EXPECT_FALSE(is_open(before));
}
