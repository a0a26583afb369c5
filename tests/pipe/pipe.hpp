// Helpers shared by the tests of pipes, transfers and descriptor passing. Include it last, in place of
// "support.hpp".
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "posix.hpp"

namespace test {

using mio::net::make_pipe;
using mio::net::PipeReceiver;
using mio::net::PipeSender;
using mio::net::TcpStream;
using mio::net::UnixDatagram;
using mio::net::UnixStream;

#if __has_feature(thread_sanitizer)
inline constexpr bool under_thread_sanitizer = true;
#else
inline constexpr bool under_thread_sanitizer = false;
#endif

inline constexpr std::string_view data = "Hello world";
inline constexpr std::size_t pipe_capacity = 65'536;

/// Runs `body` in a child process, for cases that change or end the process.
template <class Body>::pid_t start_child(Body&& body) {
    std::fflush(nullptr);
    const ::pid_t child = ::fork();
    if (child != 0) return child;
    body();
    std::fflush(nullptr);
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
}

/// Waits for a child and expects exit code 0.
inline testing::AssertionResult exits_successfully(::pid_t child) {
    int status = 0;
    if (child == -1 || ::waitpid(child, &status, 0) != child)
        return testing::AssertionFailure() << "no child";
    if (WIFSIGNALED(status))
        return testing::AssertionFailure() << "killed: " << ::strsignal(WTERMSIG(status));
    if (WEXITSTATUS(status) != 0) return testing::AssertionFailure() << "exit code " << WEXITSTATUS(status);
    return testing::AssertionSuccess();
}

template <class Body> testing::AssertionResult in_child(Body&& body) {
    return exits_successfully(start_child(std::forward<Body>(body)));
}

/// Waits with poll(2), not the library, for one of `events`, an error or a hang-up.
inline short await(int fd, short events) {
    ::pollfd record{.fd = fd, .events = events, .revents = 0};
    EXPECT_EQ(::poll(&record, 1, 10'000), 1) << "no event";
    return record.revents;
}

/// Writes until it would block and returns the number of bytes written.
template <class Writer> std::size_t fill(const Writer& to) {
    const std::vector<std::byte> chunk(4'096, std::byte{'f'});
    std::size_t total = 0;
    for (;;) {
        const auto written = to.write(chunk);
        if (!written) {
            EXPECT_TRUE(blocks(written));
            return total;
        }
        total += *written;
    }
}

/// Reads until it would block or the stream ends.
template <class Reader> std::string drain(const Reader& from) {
    std::string all;
    std::vector<std::byte> buffer(65'536);
    for (;;) {
        const auto count = from.read(buffer);
        if (!count || *count == 0) return all;
        all += text_of(std::span(buffer).first(*count));
    }
}

/// An unlinked file that holds `content`.
inline plain::Socket file_with(std::string_view content) {
    char name[] = "/tmp/mio-test-XXXXXX";
    auto file = plain::close_on_exec(::mkstemp(name));
    EXPECT_EQ(::unlink(name), 0);
    EXPECT_EQ(::pwrite(file.fd(), content.data(), content.size(), 0), std::ssize(content));
    return file;
}

/// Text in which every position differs from its neighbours.
inline std::string pattern(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
    return text;
}

inline bool same_file(int a, int b) {
    struct ::stat first{};
    struct ::stat second{};
    return ::fstat(a, &first) == 0 && ::fstat(b, &second) == 0 && first.st_dev == second.st_dev
           && first.st_ino == second.st_ino;
}

inline bool is_open(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

/// Two connected TCP streams; the first is non-blocking.
inline std::pair<TcpStream, plain::Socket> tcp_pair() {
    const auto listener = plain::listen(local_v4());
    auto client = plain::connect(plain::address_of(listener));
    auto server = plain::accept(listener);
    client.set_non_blocking();
    return {TcpStream::from_raw(client.release()), std::move(server)};
}

} // namespace test
