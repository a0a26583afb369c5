// A descriptor and the calls on it as they are: for the bare loop, and for the peers, of which only the loop is compared.

#pragma once

#include "harness/failure.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

namespace bench {

class Socket {
  public:
    explicit Socket(int descriptor) : descriptor_(descriptor) {}
    Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    Socket& operator=(Socket&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    ~Socket() {
        if (descriptor_ != -1) ::close(descriptor_);
    }

    static std::pair<int, int> pair_of_descriptors() {
        int both[2];
        must(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, both), "socketpair");
        return {both[0], both[1]};
    }

    /// Listens on a port of the system's choice.
    static int listening_descriptor() {
        const int descriptor =
            must(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
        ::sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        must(::bind(descriptor, reinterpret_cast<::sockaddr*>(&address), sizeof address), "bind");
        must(::listen(descriptor, 128), "listen");
        return descriptor;
    }

    [[nodiscard]] int raw() const { return descriptor_; }

    [[nodiscard]] std::uint16_t port() const {
        ::sockaddr_in address{};
        ::socklen_t size = sizeof address;
        must(::getsockname(descriptor_, reinterpret_cast<::sockaddr*>(&address), &size), "getsockname");
        return ntohs(address.sin_port);
    }

    /// Nothing: it would block.
    std::optional<std::size_t> read(std::span<std::byte> buffer) const {
        const auto count = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
        if (count == -1) [[unlikely]] {
            if (errno != EAGAIN) fail("recv");
            return std::nullopt;
        }
        return static_cast<std::size_t>(count);
    }

    /// All of it: there is room for what the workloads send.
    void write(std::span<const std::byte> bytes) const {
        const auto count = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (count != static_cast<::ssize_t>(bytes.size())) [[unlikely]]
            fail("send");
    }

    /// A connection, or -1: it would block.
    [[nodiscard]] int accept() const {
        const int descriptor = ::accept4(descriptor_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor == -1 && errno != EAGAIN) fail("accept4");
        return descriptor;
    }

  private:
    int descriptor_;
};

} // namespace bench
