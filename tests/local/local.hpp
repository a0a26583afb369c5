// Helpers shared by the tests of Unix sockets. Include it last, in place of "support.hpp".
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "posix.hpp"

namespace test {

using mio::net::Shutdown;
using mio::net::UnixAddress;
using mio::net::UnixDatagram;
using mio::net::UnixListener;
using mio::net::UnixStream;

inline constexpr Token id1{1}, id2{2};
inline constexpr std::string_view data1 = "Hello same host!";
inline constexpr std::string_view data2 = "Why hello mio!";
inline const std::error_code no_error;

/// A temporary directory, removed with its contents.
class Folder {
  public:
    Folder() {
        char name[] = "/tmp/mio-local-XXXXXX";
        if (::mkdtemp(name) == nullptr) {
            ADD_FAILURE() << "mkdtemp: " << std::strerror(errno);
            std::abort();
        }
        path_ = name;
    }
    Folder(const Folder&) = delete;
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    const std::string& path() const { return path_; }
    std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }
    /// A path in this directory with exactly this length.
    std::string path_of_size(std::size_t size) const {
        return *this / std::string(size - path_.size() - 1, 'p');
    }
    bool is_empty() const { return std::filesystem::is_empty(path_); }

  private:
    std::string path_;
};

/// A child process that runs `body` and exits; exits with an error if an assertion in it fails.
class Child {
  public:
    template <class F> explicit Child(F body) {
        std::fflush(nullptr);
        pid_ = ::fork();
        if (pid_ == 0) {
            body();
            std::fflush(nullptr);
            ::_exit(testing::Test::HasFailure() ? 1 : 0);
        }
        EXPECT_NE(pid_, -1) << std::strerror(errno);
    }
    Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
    ~Child() {
        if (pid_ == -1) return;
        ::kill(pid_, SIGKILL);
        wait();
    }

    ::pid_t pid() const { return pid_; }
    /// Waits for the process to end and returns its exit status, or -1 after a signal.
    int wait() {
        int status = -1;
        while (::waitpid(pid_, &status, 0) == -1 && errno == EINTR) {
        }
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

  private:
    ::pid_t pid_ = -1;
};

/// Runs `body` in a child process, because it changes the process.
template <class F> void in_child(F body) {
    EXPECT_EQ(Child(std::move(body)).wait(), 0) << "the child failed";
}

/// Signals another process or thread: once by closing, or repeatedly with a byte each.
class Signal {
  public:
    Signal() {
        if (::pipe(ends_.data()) == -1) std::abort();
        for (const int fd : ends_) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    Signal(const Signal&) = delete;
    ~Signal() {
        for (const int fd : ends_) ::close(fd);
    }

    void give() const { EXPECT_EQ(::write(ends_[1], "x", 1), 1); }
    void take() const {
        char byte;
        EXPECT_EQ(::read(ends_[0], &byte, 1), 1);
    }

  private:
    std::array<int, 2> ends_;
};

/// Waits with poll(2), not the library, for one of `events` or an error, and returns the events.
inline short await(int fd, short events) {
    ::pollfd record{.fd = fd, .events = events, .revents = 0};
    EXPECT_EQ(::poll(&record, 1, 10'000), 1) << "no event";
    return record.revents;
}

/// The text that one read, receive or peek returns.
template <class Call> std::string text_from(Call call) {
    std::array<std::byte, 256> buffer;
    const auto count = call(std::span<std::byte>(buffer));
    if (!count) return "failed: " + count.error().message();
    return std::string(text_of(std::span(buffer).first(*count)));
}
inline std::string read_text(const UnixStream& stream) {
    return text_from([&](auto buffer) { return stream.read(buffer); });
}
inline std::string receive_text(const UnixDatagram& socket) {
    return text_from([&](auto buffer) { return socket.receive(buffer); });
}
/// Stream read calls, for tests that only check that they would block.
inline mio::Result<std::size_t> try_read(const UnixStream& stream) {
    std::array<std::byte, 64> buffer;
    return stream.read(buffer);
}
inline mio::Result<std::size_t> try_receive(const UnixDatagram& socket) {
    std::array<std::byte, 64> buffer;
    return socket.receive(buffer);
}

template <class Socket> bool has_no_error(const Socket& socket) {
    return must(socket.take_error()) == no_error;
}

inline UnixAddress path_address(std::string_view path) { return must(UnixAddress::from_path(path)); }
inline UnixAddress abstract(std::string_view name) { return must(UnixAddress::from_abstract(name)); }
/// Copies of an address's parts, valid after it is destroyed.
inline std::optional<std::string> path_of(const UnixAddress& address) {
    const auto path = address.path();
    return path ? std::optional<std::string>(*path) : std::nullopt;
}
inline std::optional<std::string> abstract_name_of(const UnixAddress& address) {
    const auto name = address.abstract_name();
    return name ? std::optional<std::string>(*name) : std::nullopt;
}
/// An abstract name unique to this process and test.
inline std::string unique_name(std::string_view what) {
    return "mio-test-" + std::to_string(::getpid()) + "-" + std::string(what);
}

namespace plain {

/// An address with exactly these bytes in `sun_path`.
struct UnixName {
    ::sockaddr_un address{};
    ::socklen_t length;

    explicit UnixName(std::string_view sun_path)
        : length(static_cast<::socklen_t>(offsetof(::sockaddr_un, sun_path) + sun_path.size())) {
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, sun_path.data(), sun_path.size());
    }
    const ::sockaddr* get() const { return reinterpret_cast<const ::sockaddr*>(&address); }
};
inline UnixName unix_path(std::string_view path) { return UnixName(std::string(path) + '\0'); }

inline Socket unix_socket(int type) { return close_on_exec(::socket(AF_UNIX, type, 0)); }
inline Socket unix_bound(int type, const UnixName& name) {
    Socket socket = unix_socket(type);
    EXPECT_EQ(::bind(socket.fd(), name.get(), name.length), 0) << std::strerror(errno);
    return socket;
}
inline Socket unix_listen(std::string_view path, int backlog = 128) {
    Socket socket = unix_bound(SOCK_STREAM, unix_path(path));
    EXPECT_EQ(::listen(socket.fd(), backlog), 0) << std::strerror(errno);
    return socket;
}
/// Connects and returns when the connection is established.
inline Socket unix_connect(const UnixName& name, int type = SOCK_STREAM) {
    Socket socket = unix_socket(type);
    EXPECT_EQ(::connect(socket.fd(), name.get(), name.length), 0) << std::strerror(errno);
    return socket;
}
inline Socket unix_connect(std::string_view path) { return unix_connect(unix_path(path)); }

/// The kernel's `sun_path` of the socket: exactly these bytes.
inline std::string sun_path_of(int fd) {
    ::sockaddr_storage storage{};
    ::socklen_t length = sizeof storage;
    EXPECT_EQ(::getsockname(fd, reinterpret_cast<::sockaddr*>(&storage), &length), 0);
    constexpr std::size_t begin = offsetof(::sockaddr_un, sun_path);
    return {reinterpret_cast<const char*>(&storage) + begin, length - begin};
}

} // namespace plain

/// Creates a stale socket file: one without a listener.
inline void leave_stale_socket(std::string_view path, int type = SOCK_STREAM) {
    plain::unix_bound(type, plain::unix_path(path)).close();
    ASSERT_TRUE(std::filesystem::is_socket(path));
}

} // namespace test
