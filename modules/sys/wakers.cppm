/// @file
/// Coalescing of wake-ups, for backends whose waker makes a system call.

module;

#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>

export module mio.sys.wakers;

namespace mio::sys {

/// Coalesces notifications from any number of threads to one receiver: after one has been sent, further ones
/// need no system call until the receiver takes it.
///
/// A sender calls `begin`. If that returns a ticket, the sender makes the system call and, if the call
/// succeeds, passes the ticket to `sent`. If the call fails there is nothing to undo: the phase stays
/// `sending`, so the next sender makes the call again.
///
/// No notification is lost. A sender that makes no system call has found the phase `sent`, so another
/// sender's call has succeeded and is not yet taken. A sender that finds `sending` makes the call itself,
/// because the call under way may still fail. The generation keeps a late `sent` from confirming a newer
/// notification than its own.
///
/// Every operation on the state is a read-modify-write, including one that changes nothing. All of them
/// therefore have one order, and `take` acquires what every earlier sender released. A sender that only read
/// `sent` would order nothing: what it wrote for the receiver could still be on its way to memory when the
/// receiver has already looked.
///
/// `tests/model` explores every execution of this protocol and of the backends that use it.
export class Coalescer {
  public:
    /// Returns 0 if a notification is sent and not yet taken; otherwise a ticket for `sent`.
    [[nodiscard]] inline std::uint32_t begin() noexcept {
        auto seen = state_.load(std::memory_order_relaxed);
        while (true) {
            const auto phase = seen & phases;
            const auto next = phase == idle ? seen + generation + sending : seen;
            if (state_.compare_exchange_weak(seen, next, std::memory_order_acq_rel,
                                             std::memory_order_relaxed)) {
                return phase == is_sent ? 0 : next;
            }
        }
    }
    /// The system call for `ticket` succeeded.
    inline void sent(std::uint32_t ticket) noexcept {
        state_.compare_exchange_strong(ticket, ticket - sending + is_sent, std::memory_order_acq_rel,
                                       std::memory_order_relaxed);
    }

    /// Whether a notification was begun and not yet taken.
    [[nodiscard]] inline bool is_pending() const noexcept {
        return (state_.load(std::memory_order_relaxed) & phases) != idle;
    }
    /// The receiver has the notification. Returns false if there was none.
    inline bool take() noexcept {
        return (state_.fetch_and(~phases, std::memory_order_acq_rel) & phases) != idle;
    }

  private:
    static constexpr std::uint32_t idle = 0, sending = 1, is_sent = 2;
    static constexpr std::uint32_t phases = 3;     // the bits of a phase
    static constexpr std::uint32_t generation = 4; // the step of the bits above

    std::atomic<std::uint32_t> state_ = idle;
};

export class Wakers;

/// The part of a waker that its selector knows: a `Coalescer` in the selector's list.
export class PendingWake {
  public:
    /// `key` identifies the waker's events among those that the kernel reports.
    PendingWake(Wakers&, std::uint64_t key) noexcept;
    PendingWake(const PendingWake&) = delete;
    PendingWake& operator=(const PendingWake&) = delete;
    ~PendingWake();

    /// As in `Coalescer`.
    [[nodiscard]] inline std::uint32_t begin() noexcept;
    inline void sent(std::uint32_t ticket) noexcept { pending_.sent(ticket); }

  private:
    friend class Wakers;

    Coalescer pending_;
    Wakers& wakers_;
    const std::uint64_t key_;
    PendingWake* next_ = nullptr;
};

/// The wakers of a selector.
///
/// `settle` takes a wake only after the kernel has returned its event, and before `select` returns. A later
/// wake therefore makes a system call of its own, and its event is still to come.
///
/// `is_any_pending_` is set before the system call, and the kernel orders that call before the wait that
/// reports it: the thread that receives the event sees that there is a wake to take.
export class Wakers {
  public:
    Wakers() noexcept = default;
    Wakers(const Wakers&) = delete;
    Wakers& operator=(const Wakers&) = delete;

    /// Takes the wakes whose events are in a batch. `is_reported(key)` tells whether the event with `key` is in
    /// it; a false positive costs that waker one system call it could have saved.
    template <class F> inline void settle(F&& is_reported) noexcept {
        if (is_any_pending()) settle_pending(is_reported);
    }
    /// Whether `settle` has anything to do.
    [[nodiscard]] inline bool is_any_pending() const noexcept {
        return is_any_pending_.load(std::memory_order_relaxed);
    }

  private:
    friend class PendingWake;

    template <class F> void settle_pending(F& is_reported) noexcept {
        const std::scoped_lock lock(mutex_);
        // An exchange, because the loads below must not overtake it: if it overwrites a waker's `true`, they see
        // that waker's wake.
        is_any_pending_.exchange(false, std::memory_order_acq_rel);
        for (auto* wake = first_; wake != nullptr; wake = wake->next_) {
            if (!wake->pending_.is_pending()) continue;
            if (is_reported(wake->key_)) {
                wake->pending_.take();
            } else {
                // Again a read-modify-write: see `PendingWake::begin`.
                is_any_pending_.exchange(true, std::memory_order_relaxed);
            }
        }
    }

    std::atomic<bool> is_any_pending_ = false; // some waker may be pending
    std::mutex mutex_;                         // guards the list
    PendingWake* first_ = nullptr;
};

inline PendingWake::PendingWake(Wakers& wakers, std::uint64_t key) noexcept : wakers_(wakers), key_(key) {
    const std::scoped_lock lock(wakers_.mutex_);
    next_ = std::exchange(wakers_.first_, this);
}

inline PendingWake::~PendingWake() {
    const std::scoped_lock lock(wakers_.mutex_);
    auto** link = &wakers_.first_;
    while (*link != this) link = &(*link)->next_;
    *link = next_;
}

inline std::uint32_t PendingWake::begin() noexcept {
    const auto ticket = pending_.begin();
    // A read-modify-write: a plain store would end the release sequence of another waker's.
    if (ticket != 0) wakers_.is_any_pending_.exchange(true, std::memory_order_acq_rel);
    return ticket;
}

} // namespace mio::sys
