// Transfers inside the kernel with counts of any size.
#include <climits>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <system_error>

#include "pipe.hpp"

using namespace test;

namespace {

constexpr std::size_t counts[] = {std::size_t{INT_MAX} - 1,
                                  std::size_t{INT_MAX},
                                  std::size_t{INT_MAX} + 1,
                                  std::size_t{UINT_MAX},
                                  std::size_t{SSIZE_MAX} - 1,
                                  std::size_t{SSIZE_MAX},
                                  std::size_t{SSIZE_MAX} + 1,
                                  SIZE_MAX - 1,
                                  SIZE_MAX};

} // namespace

TEST(SendFile, AcceptsAnyCount) {
    const auto file = file_with(data);
    for (const auto count : counts) {
        const auto [stream, peer] = tcp_pair();
        EXPECT_EQ(must(mio::net::send_file(stream, file.fd(), 0, count)), data.size()) << count;
        EXPECT_EQ(plain::read_exactly(peer, data.size()), data) << count;
        EXPECT_EQ(must(mio::net::send_file(stream, file.fd(), 6, count)), data.size() - 6) << count;
        EXPECT_EQ(must(mio::net::send_file(stream, file.fd(), data.size(), count)), 0u) << count;
        constexpr auto last = static_cast<std::uint64_t>(std::numeric_limits<::off_t>::max());
        for (const auto offset : {last - 1, last})
            EXPECT_EQ(must(mio::net::send_file(stream, file.fd(), offset, count)), 0u)
                << count << " from " << offset;
    }
    const auto [stream, peer] = tcp_pair();
    EXPECT_EQ(must(mio::net::send_file(stream, file.fd(), 0, 0)), 0u);
}

TEST(Splice, AcceptsAnyCount) {
    for (const auto count : counts) {
        const auto [stream, peer] = tcp_pair();
        const auto [sender, receiver] = must(make_pipe());
        ASSERT_EQ(must(sender.write(bytes_of(data))), data.size());
        EXPECT_EQ(must(mio::net::splice(receiver, stream, count)), data.size()) << count;
        EXPECT_EQ(plain::read_exactly(peer, data.size()), data) << count;
        EXPECT_TRUE(blocks(mio::net::splice(receiver, stream, count))) << count;
    }
    const auto [stream, peer] = tcp_pair();
    const auto [sender, receiver] = must(make_pipe());
    ASSERT_EQ(must(sender.write(bytes_of(data))), data.size());
    EXPECT_EQ(must(mio::net::splice(receiver, stream, 0)), 0u);
}
