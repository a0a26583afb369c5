// Descriptors made non-blocking and close-on-exec by separate calls, each of which may fail.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <system_error>
#include <utility>

#include "posix.hpp"
#include "tcp.hpp"

namespace {

int calls_of_fcntl = 0;
int call_to_fail = 0; // counted from 1; 0: none

} // namespace

// Replaces the C library's function.
extern "C" int fcntl(int fd, int command, ...) {
    std::va_list rest;
    va_start(rest, command);
    const long argument = va_arg(rest, long);
    va_end(rest);
    if (++calls_of_fcntl == call_to_fail) {
        errno = ENOMEM;
        return -1;
    }
    return static_cast<int>(::syscall(SYS_fcntl, fd, command, argument));
}

using namespace test;

namespace {

/// Makes the first call fail, then the second, and so on until `make` succeeds. Returns the number of calls.
template <class Make> int fails_at_each_call(Make&& make) {
    for (int call = 1;; ++call) {
        const DescriptorGuard guard;
        calls_of_fcntl = 0;
        call_to_fail = call;
        const auto result = make();
        call_to_fail = 0;
        if (result) return call - 1;
        EXPECT_EQ(result.error(), std::errc::not_enough_memory) << "at call " << call;
    }
}

void expect_made_right(mio::RawHandle handle) {
    EXPECT_TRUE(is_non_blocking(handle));
    EXPECT_TRUE(is_close_on_exec(handle));
}

} // namespace

TEST(TwoStep, SocketsAreNonBlockingAndCloseOnExec) {
    expect_made_right(must(TcpSocket::v4()).raw());
    expect_made_right(must(TcpSocket::v6()).raw());
    expect_made_right(must(mio::net::UdpSocket::v4()).raw());
    const auto [first, second] = must(mio::net::UnixStream::pair());
    expect_made_right(first.raw());
    expect_made_right(second.raw());
}

TEST(TwoStep, PipesAreNonBlockingAndCloseOnExec) {
    const auto [sender, receiver] = must(mio::net::make_pipe());
    expect_made_right(sender.raw());
    expect_made_right(receiver.raw());
}

TEST(TwoStep, AcceptedSocketsAreNonBlockingAndCloseOnExec) {
    const auto listener = must(TcpListener::bind(local_v4()));
    const auto peer = plain::connect(must(listener.local_address()));
    plain::await(listener.raw(), POLLIN);
    const auto [stream, address] = must(listener.accept());
    expect_made_right(stream.raw());
    EXPECT_EQ(address, plain::address_of(peer));
}

TEST(TwoStep, ClosesASocketWhenSettingItsFlagsFails) {
    EXPECT_EQ(fails_at_each_call([] { return TcpSocket::v4(); }), 2);
    EXPECT_EQ(fails_at_each_call([] { return mio::net::UdpSocket::v6(); }), 2);
}

TEST(TwoStep, ClosesBothSocketsOfAPairWhenSettingFlagsFails) {
    EXPECT_EQ(fails_at_each_call([] { return mio::net::UnixStream::pair(); }), 4);
    EXPECT_EQ(fails_at_each_call([] { return mio::net::UnixDatagram::pair(); }), 4);
}

TEST(TwoStep, ClosesBothEndsOfAPipeWhenSettingFlagsFails) {
    EXPECT_EQ(fails_at_each_call([] { return mio::net::make_pipe(); }), 4);
}

TEST(TwoStep, ClosesAnAcceptedConnectionWhenSettingFlagsFails) {
    const auto listener = must(TcpListener::bind(local_v4()));
    // One per attempt: connections that could not be completed are closed.
    const auto address = must(listener.local_address());
    const plain::Socket peers[] = {plain::connect(address), plain::connect(address), plain::connect(address)};
    plain::await(listener.raw(), POLLIN);
    EXPECT_EQ(fails_at_each_call([&] { return listener.accept(); }), 2);
    EXPECT_TRUE(blocks(listener.accept()));
}
