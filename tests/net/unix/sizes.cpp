// Sizes and counts at the system's limits: each is valid, and clamped.
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "support.hpp"

using namespace test;
using mio::net::IoSlice;
using mio::net::IoSliceMut;
using mio::net::TcpStream;
using mio::net::UnixStream;

namespace {

constexpr std::string_view text = "data that waits";
constexpr std::size_t most = IOV_MAX;
constexpr std::size_t empties[] = {0, 1, most - 1, most, most + 1, 3 * most};

std::vector<IoSliceMut> after_empty_ones(std::size_t count, std::span<std::byte> buffer) {
    std::vector<IoSliceMut> slices(count);
    slices.emplace_back(buffer);
    return slices;
}
std::vector<IoSlice> after_empty_ones(std::size_t count, std::string_view bytes) {
    std::vector<IoSlice> slices(count);
    slices.emplace_back(bytes_of(bytes));
    return slices;
}

struct Streams {
    std::pair<UnixStream, UnixStream> ends = must(UnixStream::pair());
    const UnixStream& writer() const { return ends.first; }
    const UnixStream& reader() const { return ends.second; }
};
struct Pipes {
    std::pair<mio::net::PipeSender, mio::net::PipeReceiver> ends = must(mio::net::make_pipe());
    const mio::net::PipeSender& writer() const { return ends.first; }
    const mio::net::PipeReceiver& reader() const { return ends.second; }
};

} // namespace

template <class Pair> class Sizes : public testing::Test {};
using Pairs = testing::Types<Streams, Pipes>;
TYPED_TEST_SUITE(Sizes, Pairs);

TYPED_TEST(Sizes, SkipsLeadingEmptyBuffers) {
    for (const auto count : empties) {
        const TypeParam pair;
        ASSERT_EQ(must(pair.writer().write_vectored(after_empty_ones(count, text))), text.size()) << count;
        std::array<std::byte, 64> buffer;
        ASSERT_EQ(must(pair.reader().read_vectored(after_empty_ones(count, buffer))), text.size()) << count;
        EXPECT_EQ(text_of(std::span(buffer).first(text.size())), text) << count;
        EXPECT_TRUE(blocks(pair.reader().read_vectored(after_empty_ones(count, buffer)))) << count;
    }
}

TYPED_TEST(Sizes, OnlyEmptyBuffersTransferNothing) {
    for (const auto count : empties) {
        const TypeParam pair;
        ASSERT_EQ(must(pair.writer().write(bytes_of(text))), text.size());
        EXPECT_EQ(must(pair.writer().write_vectored(std::vector<IoSlice>(count))), 0u) << count;
        EXPECT_EQ(must(pair.reader().read_vectored(std::vector<IoSliceMut>(count))), 0u) << count;
        std::array<std::byte, 64> buffer;
        EXPECT_EQ(must(pair.reader().read(buffer)), text.size()) << count << ": the data was available";
    }
}

TYPED_TEST(Sizes, ClampsTotalSize) {
    const TypeParam pair;
    ASSERT_EQ(must(pair.writer().write(bytes_of(text))), text.size());
    // Static, not on the stack: the kernel checks the address range, and the stack may be at the end of the address
    // space.
    static std::array<std::byte, 64> buffer;
    // The first buffer is filled; the others, whose sizes are fictitious, are not touched.
    const std::span<std::byte> fiction(buffer.data(), SIZE_MAX / 2);
    const std::array<IoSliceMut, 4> slices{std::span(buffer).first(64), fiction, fiction, fiction};
    ASSERT_EQ(must(pair.reader().read_vectored(slices)), text.size());
    EXPECT_EQ(text_of(std::span(buffer).first(text.size())), text);
}

TYPED_TEST(Sizes, ClampsASingleBuffer) {
    for (const auto size :
         {std::size_t{INT_MAX}, std::size_t{INT_MAX} + 1, std::size_t{SSIZE_MAX}, SIZE_MAX}) {
        const TypeParam pair;
        ASSERT_EQ(must(pair.writer().write(bytes_of(text))), text.size());
        static std::array<std::byte, 64> buffer; // see above
        EXPECT_EQ(must(pair.reader().read({buffer.data(), size})), text.size()) << size;
    }
}

TEST(Sizes, ReceiveManyAcceptsAnyCount) {
    const auto socket = must(mio::net::UdpSocket::bind(local_v4()));
    const auto address = must(socket.local_address());
    for (const std::size_t count :
         {std::size_t{0}, std::size_t{1}, std::size_t{64}, std::size_t{65}, most + 1}) {
        std::vector<mio::net::OutgoingDatagram> datagrams(count, {bytes_of(text), address});
        std::size_t sent = 0;
        std::vector<std::array<std::byte, 64>> buffers(count + 1);
        std::vector<mio::net::IncomingDatagram> places;
        for (auto& buffer : buffers) places.push_back({.buffer = buffer});
        if (count == 0) {
            EXPECT_EQ(must(socket.send_many({})), 0u);
            EXPECT_EQ(must(socket.receive_many({})), 0u);
        }
        while (sent < count) {
            const auto now = must(socket.send_many(
                std::span(datagrams).subspan(sent, std::min<std::size_t>(count - sent, 100))));
            ASSERT_GT(now, 0u);
            std::size_t received = 0;
            while (received < now) {
                plain::await(socket.raw(), POLLIN);
                received += must(socket.receive_many(std::span(places).first(now - received)));
            }
            sent += now;
        }
    }
}

TEST(Sizes, TooManyDescriptorsFailWithTheOsError) {
    const auto [one, other] = must(UnixStream::pair());
    for (const std::size_t count : {std::size_t{254}, std::size_t{1024}, std::size_t{65'536}}) {
        const std::vector<mio::RawHandle> fds(count, one.raw());
        const auto sent = one.send_with_fds(bytes_of("x"), fds);
        ASSERT_TRUE(fails_with(sent, std::errc::invalid_argument)) << count;
        EXPECT_EQ(&sent.error().category(), &mio::os_category()) << count;
    }
}
