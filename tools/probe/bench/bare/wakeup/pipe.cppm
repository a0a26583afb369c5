/// @file
/// What ends the wait of another thread, on the bare calls: a pipe.

module;

#include <unistd.h>

#include <cstddef>
#include <utility>

export module probe.bench.wakeup;

import mio;
import probe.bench.calls;
import probe.failure;

namespace probe::bench {

export class Wakeup {
  public:
    /// Becomes readable when it is signalled.
    [[nodiscard]] int raw() const noexcept { return ends_.second.raw(); }

    void signal() const {
        constexpr std::byte any{1};
        checked(::write(ends_.first.raw(), &any, 1), "write to a pipe");
    }
    void drain() const noexcept {
        std::byte buffer[64];
        [[maybe_unused]] const auto ignored = ::read(raw(), buffer, sizeof buffer);
    }

  private:
    std::pair<mio::net::PipeSender, mio::net::PipeReceiver> ends_ = must(mio::net::make_pipe(), "pipe");
};

} // namespace probe::bench
