/// @file
/// How wakes become one event, for backends whose kernel object is told of a wake by a system call.

module;

#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>

export module mio.sys.wakers;

namespace mio::sys {

export class Wakers;

/// A waker's half: whether a wake was sent that no `select` has reported.
export class PendingWake {
  public:
    /// `key` tells the selector which event is this waker's.
    PendingWake(Wakers&, std::uint64_t key) noexcept;
    PendingWake(const PendingWake&) = delete;
    PendingWake& operator=(const PendingWake&) = delete;
    ~PendingWake();

    /// True if the kernel is to be told: false if that was done and not reported yet.
    [[nodiscard]] inline bool begin() noexcept;
    /// The kernel could not be told: the next wake is to try again.
    inline void fail() noexcept { is_pending_.store(false, std::memory_order_release); }

  private:
    friend class Wakers;

    std::atomic<bool> is_pending_ = false;
    Wakers& wakers_;
    const std::uint64_t key_;
    PendingWake* next_ = nullptr;
};

/// The selector's half.
///
/// Why no wake is lost: only the thread that turns `is_pending_` from false to true tells the kernel, and each
/// time it does is an edge that some later wait reports. A thread that finds the flag set relies on that report
/// being still to come; `settle` clears the flag only after the wait has returned the event, and before `select`
/// returns. So either this exchange comes first in the flag's order, and the `select` that clears it acquires
/// what this thread wrote and has the event in hand; or it comes second, finds false, and tells the kernel anew.
///
/// `is_any_pending_` is set between the two, so that the thread that receives the event knows that there is a
/// flag to clear: the kernel orders what it is told before the wait that reports it.
export class Wakers {
  public:
    Wakers() noexcept = default;
    Wakers(const Wakers&) = delete;
    Wakers& operator=(const Wakers&) = delete;

    /// Lets the wakers that a batch of events reports tell the kernel again. The others stay pending: their event
    /// is still in the kernel's queue, or about to be put there.
    ///
    /// `is_reported` is asked with the key of each waker that is pending. If it takes something else for a waker's event, that
    /// waker makes one system call that it could have saved.
    template <class F> inline void settle(F&& is_reported) noexcept {
        if (has_pending()) settle_pending(is_reported);
    }
    /// Whether there is anything to settle.
    [[nodiscard]] inline bool has_pending() const noexcept {
        return is_any_pending_.load(std::memory_order_relaxed);
    }

  private:
    friend class PendingWake;

    template <class F> void settle_pending(F& is_reported) noexcept {
        const std::scoped_lock lock(mutex_);
        // An exchange, since it cannot be overtaken by the loads below: a wake whose flag it wipes out is seen
        // there.
        is_any_pending_.exchange(false, std::memory_order_acquire);
        for (auto* wake = first_; wake != nullptr; wake = wake->next_) {
            if (!wake->is_pending_.load(std::memory_order_relaxed)) continue;
            if (is_reported(wake->key_)) {
                // Takes over what the wakers wrote, also those that found the flag set.
                wake->is_pending_.exchange(false, std::memory_order_acquire);
            } else {
                is_any_pending_.store(true, std::memory_order_relaxed);
            }
        }
    }

    std::atomic<bool> is_any_pending_ = false; // some waker may be pending
    std::mutex mutex_;                         // guards the list below
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

inline bool PendingWake::begin() noexcept {
    if (is_pending_.exchange(true, std::memory_order_acq_rel)) return false;
    wakers_.is_any_pending_.store(true, std::memory_order_release);
    return true;
}

} // namespace mio::sys
