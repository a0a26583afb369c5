#include "sockets.hpp"

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "native.hpp"

namespace test {

void set_linger_zero(mio::RawHandle handle) {
    ::linger option{};
    option.l_onoff = 1;
    ASSERT_EQ(
        ::setsockopt(handle, SOL_SOCKET, SO_LINGER, reinterpret_cast<const char*>(&option), sizeof option),
        0);
}

namespace plain {
namespace {

[[noreturn]] void die(const char* what) {
    const auto error = native::last_error();
    ADD_FAILURE() << what << ": " << error.message() << " (" << error << ")";
    std::abort();
}

Socket opened(mio::RawHandle handle, const char* what) {
    if (handle == mio::invalid_handle) die(what);
    return Socket(handle);
}

void checked(int result, const char* what) {
    if (result == -1) die(what);
}

template <class T> mio::Result<std::size_t> counted(T count) {
    if (count == -1) return std::unexpected(native::last_error());
    return static_cast<std::size_t>(count);
}

struct Native {
    ::sockaddr_storage storage{};
    native::Length length = sizeof(::sockaddr_storage);
    ::sockaddr* get() { return reinterpret_cast<::sockaddr*>(&storage); }
};

// Implemented here, so that the tests do not rely on the library's conversion.
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
    if (fd_ != mio::invalid_handle) native::close(std::exchange(fd_, mio::invalid_handle));
}

void Socket::set_non_blocking() const {
    if (!native::set_non_blocking(fd_)) die("set_non_blocking");
}

Socket listen(const mio::net::SocketAddress& address) {
    auto native = native_of(address);
    auto socket = opened(native::open(native.storage.ss_family, SOCK_STREAM), "socket");
    checked(::bind(socket.fd(), native.get(), native.length), "bind");
    checked(::listen(socket.fd(), 1024), "listen");
    return socket;
}

namespace {

mio::net::SocketAddress loopback_at(const Native& native) {
    if (native.storage.ss_family == AF_INET) {
        return {mio::net::IpAddress::loopback_v4(),
                ntohs(reinterpret_cast<const ::sockaddr_in*>(&native.storage)->sin_port)};
    }
    return {mio::net::IpAddress::loopback_v6(),
            ntohs(reinterpret_cast<const ::sockaddr_in6*>(&native.storage)->sin6_port)};
}

} // namespace

mio::net::SocketAddress address_of(const Socket& socket) {
    Native native;
    checked(::getsockname(socket.fd(), native.get(), &native.length), "getsockname");
    return loopback_at(native);
}

mio::net::SocketAddress peer_address_of(const Socket& socket) {
    Native native;
    checked(::getpeername(socket.fd(), native.get(), &native.length), "getpeername");
    return loopback_at(native);
}

Socket accept(const Socket& listener) { return opened(native::accept(listener.fd()), "accept"); }

void connect(const Socket& socket, const mio::net::SocketAddress& address) {
    auto native = native_of(address);
    checked(::connect(socket.fd(), native.get(), native.length), "connect");
}

Socket connect(const mio::net::SocketAddress& address) {
    auto socket = opened(native::open(address.ip().is_v4() ? AF_INET : AF_INET6, SOCK_STREAM), "socket");
    connect(socket, address);
    return socket;
}

Socket datagram_socket() {
    auto native = native_of(local_v4());
    auto socket = opened(native::open(AF_INET, SOCK_DGRAM), "socket");
    checked(::bind(socket.fd(), native.get(), native.length), "bind");
    return socket;
}

mio::Result<std::size_t> receive(mio::RawHandle handle, void* data, std::size_t size, int flags) {
    return counted(::recv(handle, static_cast<char*>(data), static_cast<native::Size>(size), flags));
}

mio::Result<std::size_t> send(mio::RawHandle handle, const void* data, std::size_t size, int flags) {
    return counted(::send(handle, static_cast<const char*>(data), static_cast<native::Size>(size),
                          flags | MSG_NOSIGNAL));
}

mio::Result<int> option(mio::RawHandle handle, int level, int name) {
    int value = 0;
    native::Length length = sizeof value;
    if (::getsockopt(handle, level, name, reinterpret_cast<char*>(&value), &length) == -1)
        return std::unexpected(native::last_error());
    return value;
}

mio::Result<> set_option(mio::RawHandle handle, int level, int name, int value) {
    if (::setsockopt(handle, level, name, reinterpret_cast<const char*>(&value), sizeof value) == -1)
        return std::unexpected(native::last_error());
    return {};
}

void end_writing(const Socket& socket) { checked(::shutdown(socket.fd(), native::shut_writing), "shutdown"); }

void set_receive_timeout(const Socket& socket, std::chrono::milliseconds limit) {
    const auto value = native::time_out(limit);
    checked(::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, reinterpret_cast<const char*>(&value),
                         sizeof value),
            "SO_RCVTIMEO");
}

void write_all(const Socket& socket, std::string_view text) {
    while (!text.empty()) {
        const auto written = send(socket.fd(), text.data(), text.size());
        if (!written) die("send");
        text.remove_prefix(*written);
    }
}

std::string read_exactly(const Socket& socket, std::size_t count) {
    std::string text(count, '\0');
    std::size_t have = 0;
    while (have < count) {
        const auto got = receive(socket.fd(), text.data() + have, count - have);
        if (!got) die("recv");
        if (*got == 0) break;
        have += *got;
    }
    text.resize(have);
    return text;
}

void await_readable(const Socket& socket) {
    ::pollfd record{};
    record.fd = socket.fd();
    record.events = POLLIN;
    checked(native::wait(record, -1), "poll");
}

void await_writable(mio::RawHandle handle) {
    ::pollfd record{};
    record.fd = handle;
    record.events = POLLOUT;
    checked(native::wait(record, -1), "poll");
}

short await(mio::RawHandle handle, short events) {
    ::pollfd record{};
    record.fd = handle;
    record.events = events;
    const auto limit = std::chrono::milliseconds(generous_margin).count();
    return native::wait(record, static_cast<int>(limit)) == 1 ? record.revents : short{0};
}

} // namespace plain

} // namespace test
