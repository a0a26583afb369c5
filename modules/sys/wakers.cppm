/// @file
/// Coalescing of wake-ups, for backends that signal a kernel object.

export module mio.sys.wakers;

import mio.std;

namespace mio::sys {

/// Coalesces notifications from any number of threads to one receiver: while a notification is sent and not
/// yet taken, further ones make no system call.
///
/// A sender calls `begin`. If it returns a ticket, the sender makes the system call and, on success, passes
/// the ticket to `sent`. A failure needs no clean-up: the phase stays `sending`, so the next sender makes the
/// call again.
///
/// No notification is lost. A sender that makes no system call has seen the phase `sent`: another sender's
/// call has succeeded and is not yet taken. A sender that sees `sending` makes the call itself, because the
/// call in progress may still fail. The generation prevents a late `sent` from confirming a newer
/// notification.
///
/// Every operation on the state is a read-modify-write, even one that does not change the value. They
/// therefore have a single order, and `take` acquires the writes of every earlier sender. A plain load of
/// `sent` would not order the sender's writes: the receiver could take the notification before those writes
/// are visible to it.
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

    /// Whether a notification has begun and is not yet taken.
    [[nodiscard]] inline bool is_pending() const noexcept {
        return (state_.load(std::memory_order_relaxed) & phases) != idle;
    }
    /// Takes the notification. Returns false if there is none.
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

/// A waker's `Coalescer` in its selector's list.
export class PendingWake {
  public:
    /// `key` identifies the waker's events among the kernel's events.
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
/// `settle` takes a wake-up only after the kernel has returned its event, and before `select` returns. A
/// later wake-up therefore makes its own system call and causes another event.
///
/// `is_any_pending_` is set before the system call, and the kernel orders that call before the wait that
/// reports it. The thread that receives the event therefore sees the flag.
export class Wakers {
  public:
    Wakers() noexcept = default;
    Wakers(const Wakers&) = delete;
    Wakers& operator=(const Wakers&) = delete;

    /// Takes the wake-ups whose events are in a batch. `is_reported(key)` returns whether the batch contains
    /// the event with `key`; a false positive costs that waker one avoidable system call.
    template <class F> inline void settle(F&& is_reported) noexcept {
        if (is_any_pending()) settle_pending(is_reported);
    }
    /// Whether `settle` has wake-ups to check.
    [[nodiscard]] inline bool is_any_pending() const noexcept {
        return is_any_pending_.load(std::memory_order_relaxed);
    }

  private:
    friend class PendingWake;

    template <class F> void settle_pending(F& is_reported) noexcept {
        const std::scoped_lock lock(mutex_);
        // An exchange, so that the loads below are not reordered before it: if it overwrites a waker's
        // `true`, they see that waker's wake-up.
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

    std::atomic<bool> is_any_pending_ = false; // a waker may be pending
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
    // A read-modify-write: a plain store would end the release sequence of another waker.
    if (ticket != 0) wakers_.is_any_pending_.exchange(true, std::memory_order_acq_rel);
    return ticket;
}

} // namespace mio::sys
