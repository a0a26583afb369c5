#include <sys/syscall.h>

#include <cerrno>
#include <utility>

#include "posix.hpp"
#include "sandbox.hpp"
#include "tcp.hpp"

using namespace test;

namespace {

// Makes each system call fail in turn.
TEST(Descriptors, NoFailingStepLeaksOne) {
    if (!can_forbid_system_calls()) GTEST_SKIP() << "system call filters are unavailable";
    for (const long step : {long{SYS_socket}, long{SYS_bind}, long{SYS_listen}, long{SYS_connect},
                            long{SYS_setsockopt}, long{SYS_accept4}, long{SYS_getsockname},
                            long{SYS_getpeername}, long{SYS_getsockopt}, long{SYS_epoll_ctl}}) {
        EXPECT_TRUE(holds_in_child([step] {
            Loop loop;
            const auto listener = must(TcpListener::bind(local_v4()));
            const auto address = must(listener.local_address());
            const auto waiting = plain::connect(address);
            ASSERT_TRUE(forbid_system_call(step, ENOMEM));
            const DescriptorGuard guard;
            for (int round = 0; round < 3; ++round) {
                (void)TcpListener::bind(local_v6());
                (void)TcpStream::connect(address);
                (void)listener.accept();
                auto socket = TcpSocket::v4();
                if (!socket) continue;
                (void)loop.registry().add(*socket, Token{1}, read_write);
                (void)std::move(*socket).listen(1);
            }
        })) << "system call "
            << step;
    }
}

} // namespace
