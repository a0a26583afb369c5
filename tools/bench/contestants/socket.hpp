// A descriptor with plain system calls: for the bare loops, and for libraries whose loop alone is compared.

#pragma once

#include "harness/failure.hpp"

#include <fcntl.h>
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
        must(::socketpair(AF_UNIX, SOCK_STREAM | at_once, 0, both), "socketpair");
        return {prepared(both[0]), prepared(both[1])};
    }

    /// A descriptor that is never ready.
    static int idle_descriptor() {
        return prepared(must(::socket(AF_INET, SOCK_DGRAM | at_once, 0), "socket"));
    }

    /// Listens on a port of the system's choice.
    static int listening_descriptor() {
        const int descriptor = prepared(must(::socket(AF_INET, SOCK_STREAM | at_once, 0), "socket"));
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

    /// Returns nothing if it would block.
    std::optional<std::size_t> read(std::span<std::byte> buffer) const {
        const auto count = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
        if (count == -1) [[unlikely]] {
            if (errno != EAGAIN) fail("recv");
            return std::nullopt;
        }
        return static_cast<std::size_t>(count);
    }

    /// Writes all of it: the workloads send what there is room for.
    void write(std::span<const std::byte> bytes) const {
        const auto count = ::send(descriptor_, bytes.data(), bytes.size(), quiet);
        if (count != static_cast<::ssize_t>(bytes.size())) [[unlikely]]
            fail("send");
    }

    /// A connection, or -1 if it would block.
    [[nodiscard]] int accept() const {
#if defined(SOCK_NONBLOCK)
        const int descriptor = ::accept4(descriptor_, nullptr, nullptr, at_once);
#else
        const int descriptor = ::accept(descriptor_, nullptr, nullptr);
#endif
        if (descriptor == -1 && errno != EAGAIN) fail("accept");
        return descriptor == -1 ? -1 : prepared(descriptor);
    }

    /// Non-blocking and close-on-exec by the call that makes a socket, or by further calls where it has no such flags.
#if defined(SOCK_NONBLOCK)
    static constexpr int at_once = SOCK_NONBLOCK | SOCK_CLOEXEC;
    static int prepared(int descriptor) { return descriptor; }
#else
    static constexpr int at_once = 0;
    static int prepared(int descriptor) {
        must(::fcntl(descriptor, F_SETFD, FD_CLOEXEC), "fcntl");
        must(::fcntl(descriptor, F_SETFL, O_NONBLOCK), "fcntl");
        return descriptor;
    }
#endif

  private:
#if defined(MSG_NOSIGNAL)
    static constexpr int quiet = MSG_NOSIGNAL;
#else
    static constexpr int quiet = 0;
#endif

    int descriptor_;
};

/// The sockets of a contestant whose loop alone is compared. `Source` is a `Socket`, or one with the loop's own data.
template <class Source> struct Sockets {
    class Stream : public Source {
      public:
        using Source::Source;
        static Stream from_raw(int descriptor) { return Stream(descriptor); }
        static std::pair<Stream, Stream> pair() {
            const auto [a, b] = Source::pair_of_descriptors();
            return {Stream(a), Stream(b)};
        }
    };

    using LocalStream = Stream;

    class Listener : public Source {
      public:
        using Source::Source;
        static Listener bind() { return Listener(Source::listening_descriptor()); }
        [[nodiscard]] std::optional<Stream> accept() const {
            const int descriptor = Source::accept();
            if (descriptor == -1) return std::nullopt;
            return Stream::from_raw(descriptor);
        }
    };
};

} // namespace bench
