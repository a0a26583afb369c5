#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>

#include "differences.hpp"

namespace test {

Expected::Expected(Token t, Interest interest) : token(t), readiness(Readiness::none) {
    if (interest.is_readable()) readiness |= Readiness::readable;
    if (interest.is_writable()) readiness |= Readiness::writable;
    if (interest.is_priority()) readiness |= Readiness::priority;
}

void expect_events(mio::Poll& poll, mio::Events& events, std::vector<Expected> expected) {
    std::string seen;
    std::map<Token, Readiness> together; // where a source may bring one event for each direction
    for (int round = 0; round < 3 && !expected.empty(); ++round) {
        ASSERT_TRUE(ok(poll.poll(events, 500ms)));
        for (const auto& event : events) {
            seen += "\n  " + to_string(event);
            auto readiness = event.readiness();
            if (!differences.has_one_event_for_both_directions)
                readiness = together[event.token()] |= readiness;
            const auto match = std::ranges::find_if(expected, [&](const Expected& e) {
                return e.token == event.token() && (readiness & e.readiness) == e.readiness;
            });
            if (match != expected.end()) expected.erase(match);
        }
    }
    std::string missing;
    for (const auto& e : expected) missing += "\n  " + to_string(mio::Event(e.token, e.readiness, 0));
    EXPECT_TRUE(expected.empty()) << "did not come:" << missing << "\ncame:" << seen;
}

void expect_no_events(mio::Poll& poll, mio::Events& events) {
    ASSERT_TRUE(ok(poll.poll(events, 50ms)));
    for (const auto& event : events)
        ADD_FAILURE() << "unexpected: " << to_string(event) << " " << describe(event);
}

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string_view text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool is_non_blocking(mio::RawHandle handle) { return (::fcntl(handle, F_GETFL) & O_NONBLOCK) != 0; }
bool is_close_on_exec(mio::RawHandle handle) { return (::fcntl(handle, F_GETFD) & FD_CLOEXEC) != 0; }

mio::net::SocketAddress local_v4() { return {mio::net::IpAddress::loopback_v4(), 0}; }
mio::net::SocketAddress local_v6() { return {mio::net::IpAddress::loopback_v6(), 0}; }

void set_linger_zero(mio::RawHandle handle) {
    const ::linger option{.l_onoff = 1, .l_linger = 0};
    ASSERT_EQ(::setsockopt(handle, SOL_SOCKET, SO_LINGER, &option, sizeof option), 0);
}

std::set<int> open_descriptors() {
    std::set<int> open;
    for (int fd = 0; fd < 4096; ++fd) {
        if (::fcntl(fd, F_GETFD) != -1) open.insert(fd);
    }
    return open;
}

DescriptorGuard::~DescriptorGuard() {
    for (const int fd : open_descriptors()) {
        EXPECT_TRUE(before_.contains(fd)) << "descriptor " << fd << " was left open";
    }
}

testing::AssertionResult holds_in_child(const std::function<void()>& f) {
    std::fflush(nullptr);
    const auto child = ::fork();
    if (child == -1) return testing::AssertionFailure() << "fork: " << std::strerror(errno);
    if (child == 0) {
        f();
        std::fflush(nullptr);
        ::_exit(testing::Test::HasFailure() ? 1 : 0);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) == -1) {
        if (errno != EINTR) return testing::AssertionFailure() << "waitpid: " << std::strerror(errno);
    }
    if (WIFSIGNALED(status)) {
        return testing::AssertionFailure() << "the child died of signal " << WTERMSIG(status);
    }
    if (WEXITSTATUS(status) != 0) {
        return testing::AssertionFailure() << "the child exited with " << WEXITSTATUS(status);
    }
    return testing::AssertionSuccess();
}

namespace plain {
namespace {

[[noreturn]] void die(const char* what) {
    ADD_FAILURE() << what << ": " << std::strerror(errno);
    std::abort();
}

int checked(int answer, const char* what) {
    if (answer == -1) die(what);
    return answer;
}

struct Native {
    ::sockaddr_storage storage{};
    ::socklen_t length = sizeof(::sockaddr_storage);
    ::sockaddr* get() { return reinterpret_cast<::sockaddr*>(&storage); }
};

// Written out here, so that the library's own conversion is not what tests it.
Native native_of(const mio::net::SocketAddress& address) {
    Native native;
    const auto ip = address.ip();
    if (ip.is_v4()) {
        auto* v4 = reinterpret_cast<::sockaddr_in*>(&native.storage);
        v4->sin_family = AF_INET;
        v4->sin_port = htons(address.port());
        std::memcpy(&v4->sin_addr, ip.bytes().data(), 4);
        native.length = sizeof *v4;
    } else {
        auto* v6 = reinterpret_cast<::sockaddr_in6*>(&native.storage);
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(address.port());
        std::memcpy(&v6->sin6_addr, ip.bytes().data(), 16);
        native.length = sizeof *v6;
    }
    return native;
}

} // namespace

Socket& Socket::operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    other.close();
    return *this;
}

void Socket::close() {
    if (fd_ != -1) ::close(std::exchange(fd_, -1));
}

void Socket::set_non_blocking() const {
    checked(::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK), "fcntl");
}

Socket listen(const mio::net::SocketAddress& address) {
    auto native = native_of(address);
    Socket socket(checked(::socket(native.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    checked(::bind(socket.fd(), native.get(), native.length), "bind");
    checked(::listen(socket.fd(), 1024), "listen");
    return socket;
}

mio::net::SocketAddress address_of(const Socket& socket) {
    Native native;
    checked(::getsockname(socket.fd(), native.get(), &native.length), "getsockname");
    if (native.storage.ss_family == AF_INET) {
        return {mio::net::IpAddress::loopback_v4(),
                ntohs(reinterpret_cast<::sockaddr_in*>(&native.storage)->sin_port)};
    }
    return {mio::net::IpAddress::loopback_v6(),
            ntohs(reinterpret_cast<::sockaddr_in6*>(&native.storage)->sin6_port)};
}

Socket accept(const Socket& listener) {
    return Socket(checked(::accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC), "accept"));
}

Socket connect(const mio::net::SocketAddress& address) {
    auto native = native_of(address);
    Socket socket(checked(::socket(native.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    checked(::connect(socket.fd(), native.get(), native.length), "connect");
    return socket;
}

void write_all(const Socket& socket, std::string_view text) {
    while (!text.empty()) {
        const auto written = ::send(socket.fd(), text.data(), text.size(), MSG_NOSIGNAL);
        if (written == -1) die("send");
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

std::string read_exactly(const Socket& socket, std::size_t count) {
    std::string text(count, '\0');
    std::size_t have = 0;
    while (have < count) {
        const auto got = ::recv(socket.fd(), text.data() + have, count - have, 0);
        if (got == -1) die("recv");
        if (got == 0) break;
        have += static_cast<std::size_t>(got);
    }
    text.resize(have);
    return text;
}

std::pair<Socket, Socket> socket_pair() {
    int ends[2];
    checked(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
    return {Socket(ends[0]), Socket(ends[1])};
}

std::pair<Socket, Socket> pipe() {
    int ends[2];
    checked(::pipe2(ends, O_CLOEXEC), "pipe2");
    return {Socket(ends[0]), Socket(ends[1])};
}

void await_readable(const Socket& socket) {
    ::pollfd record{.fd = socket.fd(), .events = POLLIN, .revents = 0};
    checked(::poll(&record, 1, -1), "poll");
}

void await_writable(int fd) {
    ::pollfd record{.fd = fd, .events = POLLOUT, .revents = 0};
    checked(::poll(&record, 1, -1), "poll");
}

} // namespace plain

} // namespace test
