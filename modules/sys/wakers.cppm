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
    [[nodiscard]] inline std::uint64_t key() const noexcept { return key_; }
    /// The kernel could not be told: the next wake is to try again.
    inline void fail() noexcept { is_pending_.store(false, std::memory_order_release); }

  private:
    friend class Wakers;

    std::atomic<bool> is_pending_ = false;
    std::atomic<bool> is_unsent_ = false; // pending, and left to a `select` that spins
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
/// Why each wake exchanges the flag, also one that finds it set, though reading it first would be faster: a thread that
/// had only read `true` would have nothing ordered. Its write of what it wakes for may still be on the way to memory
/// while it reads the flag, and the `select` that clears the flag may look for what was written before it arrives: each
/// side writes one place and reads the other, which nothing short of a full fence on both sides keeps in order. On the
/// waker's side that fence costs as much as the exchange. With it, all exchanges of the flag stand in one order, and the
/// clearing one acquires what all before it released.
///
/// `is_any_pending_` is set between the two, so that the thread that receives the event knows that there is a
/// flag to clear: the kernel orders what it is told before the wait that reports it.
///
/// **Spins.** Between `begin_spin` and `end_spin` a wake need not tell the kernel: it marks itself unsent and then turns
/// `spin_` to `woken`. `end_spin` turns `spin_` to `none` and, if it was `woken`, takes every mark that it finds. Of a
/// waker's step and of `end_spin`'s, both read-modify-writes of `spin_`, one comes first: if it is the waker's, its mark
/// is seen; if it is `end_spin`'s, the waker finds `none`, and takes its mark back and tells the kernel. If its mark is gone by
/// then, it was taken on account of another waker, and is reported.
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
        if (is_any_pending()) settle_pending(is_reported);
    }
    /// Whether `settle` has something to do.
    [[nodiscard]] inline bool is_any_pending() const noexcept {
        return is_any_pending_.load(std::memory_order_relaxed);
    }

    /// From now on wakes may be left to whoever watches `is_woken`, until `end_spin`.
    inline void begin_spin() noexcept { spin_.store(Spin::quiet, std::memory_order_release); }
    /// During a spin: whether a wake was left.
    [[nodiscard]] inline bool is_woken() const noexcept {
        return spin_.load(std::memory_order_relaxed) == Spin::woken;
    }
    /// `report` is called with each wake that was left, and answers whether it had room for it. If not, `tell` is to tell
    /// the kernel.
    template <class Report, class Tell> void end_spin(Report&& report, Tell&& tell) noexcept {
        if (spin_.exchange(Spin::none, std::memory_order_acq_rel) != Spin::woken) return;
        const std::scoped_lock lock(mutex_);
        for (auto* wake = first_; wake != nullptr; wake = wake->next_) {
            if (!wake->is_unsent_.exchange(false, std::memory_order_acq_rel)) continue;
            if (report(*wake)) {
                // As in `settle_pending`.
                wake->is_pending_.exchange(false, std::memory_order_acquire);
            } else {
                is_any_pending_.store(true, std::memory_order_release);
                tell(*wake);
            }
        }
    }

  private:
    friend class PendingWake;

    enum class Spin : std::uint8_t { none, quiet, woken };

    // True if the wake is left to a spin.
    [[nodiscard]] bool leave(PendingWake& wake) noexcept {
        wake.is_unsent_.store(true, std::memory_order_release);
        // Always an exchange, also of `woken` for itself: see above.
        for (auto seen = spin_.load(std::memory_order_relaxed); seen != Spin::none;) {
            if (spin_.compare_exchange_weak(seen, Spin::woken, std::memory_order_acq_rel,
                                            std::memory_order_relaxed)) {
                return true;
            }
        }
        return !wake.is_unsent_.exchange(false, std::memory_order_acq_rel);
    }

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
    std::atomic<Spin> spin_ = Spin::none;
    std::mutex mutex_; // guards the list below
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
    if (wakers_.spin_.load(std::memory_order_relaxed) != Wakers::Spin::none && wakers_.leave(*this))
        return false;
    wakers_.is_any_pending_.store(true, std::memory_order_release);
    return true;
}

} // namespace mio::sys
