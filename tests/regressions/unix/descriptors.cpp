// Regression tests for past defects of Mio that concern descriptors on Unix.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <string>
#include <system_error>
#include <utility>

#include "differences.hpp"
#include "posix.hpp"
#include "tcp.hpp"

using namespace test;

namespace {

constexpr Token first{1};
constexpr Token second{2};

// A cloned registry and the waker's own descriptor were inherited by child processes.
TEST(Descriptors, AreNotInherited) {
    const auto before = open_descriptors();
    const auto poll = must(mio::Poll::create());
    const auto clone = must(poll.registry().try_clone());
    const auto clone_of_clone = must(clone.try_clone());
    const auto waker = must(mio::Waker::create(clone, first));
    const auto other_waker = must(mio::Waker::create(clone_of_clone, second));
    const auto pair = tcp_pair();
    const auto listener = must(TcpListener::bind(local_v6()));
    const auto peer = must(TcpStream::connect(must(listener.local_address())));
    plain::await(listener.raw(), POLLIN);
    const auto accepted = must(listener.accept());
    const auto socket = must(TcpSocket::v6());
    if (differences.has_a_descriptor) {
        EXPECT_TRUE(is_close_on_exec(clone.raw_fd()));
    }

    std::size_t opened = 0;
    for (const int fd : open_descriptors()) {
        if (before.contains(fd)) continue;
        ++opened;
        EXPECT_TRUE(is_close_on_exec(fd)) << fd;
    }
    EXPECT_GE(opened, 7u);
}

// O_NONBLOCK and FD_CLOEXEC are different kinds of flags; one was passed for the other.
TEST(Descriptors, AreNonBlockingAndCloseOnExec) {
    const auto listener = must(TcpListener::bind(local_v4()));
    const auto stream = must(TcpStream::connect(must(listener.local_address())));
    plain::await(listener.raw(), POLLIN);
    const auto accepted = must(listener.accept()).first;
    for (const int fd : {listener.raw(), stream.raw(), accepted.raw()}) {
        EXPECT_EQ(::fcntl(fd, F_GETFD), FD_CLOEXEC);
        EXPECT_EQ(::fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
    }
}

// A pipe whose reader is closed may be reported by an error flag alone.
TEST(PipeEvents, ErrorOnASenderMeansWriteClosed) {
    Loop loop;
    auto [receiver, sender] = plain::pipe();
    sender.set_non_blocking();
    const std::string block(4096, 'x');
    while (::write(sender.fd(), block.data(), block.size()) > 0) {
    }
    mio::RawSource source(sender.fd());
    ASSERT_TRUE(ok(loop.registry().add(source, first, Interest::writable)));
    loop.expect_none();
    receiver.close();
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, generous_margin)));
    ASSERT_EQ(loop.events.size(), 1u);
    EXPECT_TRUE(loop.events[0].is_write_closed());
    EXPECT_EQ(loop.events[0].is_error(), differences.reports_lasting_errors);
    EXPECT_FALSE(loop.events[0].is_read_closed());
    ASSERT_TRUE(ok(loop.registry().remove(source)));
}

// Reading before the connection is established would block; it is not an error.
TEST(Connect, ReadBeforeConnectedWouldBlock) {
    const auto full = full_listener();
    const auto stream = must(TcpStream::connect(full.address));
    std::array<std::byte, 16> buffer;
    EXPECT_TRUE(blocks(stream.read(buffer)));
    EXPECT_TRUE(blocks(stream.peek(buffer)));
    EXPECT_FALSE(must(stream.finish_connect()));
}

} // namespace
