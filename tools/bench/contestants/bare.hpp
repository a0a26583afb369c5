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
#include <string_view>
#include <utility>

namespace bench {

struct BareSockets : Sockets<Socket> {
    static constexpr std::string_view name = reference;
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
