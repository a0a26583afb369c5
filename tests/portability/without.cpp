// On systems without these Linux features, calls fail with `unsupported`, and unnamed sockets are unnamed.
#include <unistd.h>

#include <array>
#include <cstddef>
#include <string_view>
#include <system_error>

#include "support.hpp"

using namespace test;
using namespace std::string_view_literals;
using mio::Errc;
using mio::net::UdpSocket;
using mio::net::UnixAddress;
using mio::net::UnixStream;

namespace {

/// The address that a socket reports for this `sun_path`.
UnixAddress from_kernel(std::string_view sun_path) {
    return mio::sys::BackendAccess::from_kernel<UnixAddress>(sun_path);
}

} // namespace

TEST(Without, AbstractNamesAreUnsupported) {
    EXPECT_TRUE(fails_with(UnixAddress::from_abstract("name"), Errc::unsupported));
    EXPECT_TRUE(fails_with(UnixAddress::from_abstract(""), Errc::unsupported));
}

TEST(Without, AddressOfZerosIsUnnamed) {
    for (const std::size_t size : {0u, 1u, 12u, 14u, 16u, 104u})
        EXPECT_TRUE(from_kernel(std::string_view(std::array<char, 104>{}.data(), size)).is_unnamed()) << size;
}

TEST(Without, PathEndsAtItsNulOrAtTheEndOfSunPath) {
    EXPECT_EQ(from_kernel("/tmp/x"sv), must(UnixAddress::from_path("/tmp/x")));
    EXPECT_EQ(from_kernel("/tmp/x\0"sv), must(UnixAddress::from_path("/tmp/x")));
    EXPECT_EQ(from_kernel("/tmp/x\0\0\0rest"sv), must(UnixAddress::from_path("/tmp/x")));
    EXPECT_TRUE(from_kernel("\0/tmp/x"sv).is_unnamed());
}

TEST(Without, ErrorQueueAndZeroCopyAreUnsupported) {
    const auto socket = must(UdpSocket::v4());
    EXPECT_TRUE(fails_with(socket.set_receive_errors(true), Errc::unsupported));
    EXPECT_TRUE(fails_with(socket.receive_errors(), Errc::unsupported));
    EXPECT_TRUE(fails_with(socket.receive_error(), Errc::unsupported));
    EXPECT_TRUE(fails_with(socket.set_zero_copy(true), Errc::unsupported));
    EXPECT_TRUE(fails_with(socket.zero_copy(), Errc::unsupported));
    EXPECT_TRUE(fails_with(socket.send_many_zero_copy({}), Errc::unsupported));
}

TEST(Without, SpliceAndSendFileAreUnsupportedAndMoveNothing) {
    const auto [sender, receiver] = must(mio::net::make_pipe());
    const auto [one, other] = must(UnixStream::pair());
    std::array<std::byte, 3> bytes{};
    ASSERT_EQ(must(sender.write(bytes)), bytes.size());
    EXPECT_TRUE(fails_with(mio::net::splice(receiver, one, 3), Errc::unsupported));
    EXPECT_TRUE(fails_with(mio::net::send_file(one, receiver.raw(), 0, 3), Errc::unsupported));
    EXPECT_EQ(must(receiver.read(bytes)), bytes.size());
    EXPECT_TRUE(blocks(other.read(bytes)));
}
