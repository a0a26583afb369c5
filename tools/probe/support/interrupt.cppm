/// @file
/// Ctrl-C as something that a poll can wait for.

module;

#include <chrono>

export module probe.interrupt;

import mio;

namespace probe {

/// As long as it lives, the first SIGINT or SIGTERM does not end the program but is remembered. The second one ends
/// it, should it be stuck. One at a time.
export class Interrupt {
  public:
    /// Throws `Refused` when the OS is out of descriptors.
    Interrupt();
    ~Interrupt();
    Interrupt(const Interrupt&) = delete;
    Interrupt& operator=(const Interrupt&) = delete;

    /// True once a signal came.
    [[nodiscard]] bool requested() const noexcept;

    /// Becomes readable when the signal comes. To be registered with one poll.
    [[nodiscard]] mio::RawSource& source() noexcept { return source_; }

    /// Waits for the signal, at the longest for `limit`.
    void wait(std::chrono::milliseconds limit) const noexcept;

  private:
    mio::OwnedHandle reading_end_;
    mio::OwnedHandle writing_end_;
    mio::RawSource source_;
};

} // namespace probe
