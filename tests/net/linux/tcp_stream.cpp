#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>

#include "../stream.hpp"
#include "posix.hpp"
#include "sandbox.hpp"

using namespace test;

namespace {

TEST(TcpStream, InterruptedCallsAreNotRetried) {
    if (!can_forbid_system_calls()) GTEST_SKIP() << "system call filters are unavailable";
    EXPECT_TRUE(holds_in_child([] {
        const auto pair = tcp_pair();
        ASSERT_EQ(must(pair.server.write(bytes_of("data"))), 4u);
        ASSERT_TRUE(forbid_system_call(SYS_recvfrom, EINTR));
        std::array<std::byte, 8> buffer;
        const auto got = pair.client.read(buffer);
        ASSERT_FALSE(got);
        EXPECT_TRUE(mio::interrupted(got.error()));
    }));
}

} // namespace
