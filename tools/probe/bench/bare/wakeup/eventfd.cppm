/// @file
/// What ends the wait of another thread, on the bare calls: an eventfd.

module;

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

export module probe.bench.wakeup;

import mio;
import probe.bench.calls;

namespace probe::bench {

export class Wakeup {
  public:
    /// Becomes readable when it is signalled.
    [[nodiscard]] int raw() const noexcept { return eventfd_.get(); }

    void signal() const {
        constexpr std::uint64_t one = 1;
        checked(::write(eventfd_.get(), &one, sizeof one), "write to an eventfd");
    }
    void drain() const noexcept {
        std::uint64_t count = 0;
        [[maybe_unused]] const auto ignored = ::read(eventfd_.get(), &count, sizeof count);
    }

  private:
    mio::OwnedHandle eventfd_{checked(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd")};
};

} // namespace probe::bench
