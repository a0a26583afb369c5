// Sockets of the bare contestants, and the wake-up that they have in common.

#pragma once

#include "contestants/contestant.hpp"
#include "contestants/socket.hpp"
#include "harness/failure.hpp"
#include "harness/suite.hpp"

#include <unistd.h>

#if defined(__linux__)
#include <sys/eventfd.h>
#endif

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace bench {

struct BareSockets {
    static constexpr std::string_view name = reference;

    class Stream : public Socket {
      public:
        static Stream from_raw(int descriptor) { return Stream(descriptor); }
        static std::pair<Stream, Stream> pair() {
            const auto [a, b] = pair_of_descriptors();
            return {Stream(a), Stream(b)};
        }

      private:
        using Socket::Socket;
    };

    using LocalStream = Stream;

    class Listener : public Socket {
      public:
        static Listener bind() { return Listener(listening_descriptor()); }
        [[nodiscard]] std::optional<Stream> accept() const {
            const int descriptor = Socket::accept();
            if (descriptor == -1) return std::nullopt;
            return Stream::from_raw(descriptor);
        }

      private:
        using Socket::Socket;
    };
};

/// A descriptor that becomes readable when it is signalled: an eventfd, or a pipe where there is none.
#if defined(__linux__)
class Wakeup {
  public:
    [[nodiscard]] int raw() const { return eventfd_.raw(); }
    void signal() const {
        const std::uint64_t one = 1;
        if (::write(eventfd_.raw(), &one, sizeof one) != sizeof one) fail("write to an eventfd");
    }
    void drain() const {
        std::uint64_t count = 0;
        [[maybe_unused]] const auto ignored = ::read(eventfd_.raw(), &count, sizeof count);
    }

  private:
    Socket eventfd_{must(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd")};
};
#else
class Wakeup {
  public:
    [[nodiscard]] int raw() const { return ends_.first.raw(); }
    void signal() const {
        const std::byte one{1};
        if (::write(ends_.second.raw(), &one, 1) != 1) fail("write to a socket");
    }
    void drain() const {
        std::byte buffer[64];
        [[maybe_unused]] const auto ignored = ::read(raw(), buffer, sizeof buffer);
    }

  private:
    std::pair<BareSockets::Stream, BareSockets::Stream> ends_ = BareSockets::Stream::pair();
};
#endif

} // namespace bench
