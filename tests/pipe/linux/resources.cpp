// Resource use of pipes and descriptor passing where the Linux implementation differs.
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <span>
#include <vector>

#include "counted_heap.hpp"

#include "../pipe.hpp"
#include "sandbox.hpp"

using namespace test;

TEST(Allocations, PipeWriterFallbackMakesNone) {
    EXPECT_TRUE(in_child([] {
        const auto [sender, receiver] = must(make_pipe());
        ASSERT_TRUE(forbid_system_call(SYS_pwritev2, ENOSYS));
        EXPECT_EQ(allocations_in([&, &to = sender] { must(to.write(bytes_of(data))); }), 0u);
    }));
}

// A pidfd that the kernel adds on request is not a passed descriptor and takes no slot.
TEST(Descriptors, ProcessDescriptorsOfThePeerAreClosed) {
    constexpr int pass_pidfd = 76; // SO_PASSPIDFD, since Linux 6.5
    const auto [from, to] = must(UnixDatagram::pair());
    const int on = 1;
    ASSERT_EQ(::setsockopt(to.raw(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
    // fails on older kernels
    static_cast<void>(::setsockopt(to.raw(), SOL_SOCKET, pass_pidfd, &on, sizeof on));
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
