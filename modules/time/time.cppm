/// @file
/// Timers for an event loop that the program writes: queues of deadlines without callbacks, and an alarm.
///
/// A queue holds deadlines and makes no system call. Its `next` is the deadline for `Poll::poll_until`; after each
/// poll, `pop` returns the timers that are due, one by one. `TimerQueue` links timers that the program's own objects
/// contain; `Timers` stores its timers itself and returns tokens. See docs/time.md.

export module mio.time;

import mio.std;
import mio.core.error;
import mio.core.poll;
import mio.core.source;
import mio.core.types;

namespace mio::time {

/// The clock of all deadlines: monotonic, unaffected by changes of the system time. It is the clock of
/// `Poll::poll_until`.
export using Clock = std::chrono::steady_clock;

/// A time point of `Clock` that converts implicitly from one with any unit; a value that does not fit saturates.
export class Instant : public Clock::time_point {
  public:
    template <class Duration>
    constexpr Instant(const std::chrono::time_point<Clock, Duration>& time) noexcept
        : Clock::time_point(saturated<Clock::duration>(time.time_since_epoch())) {}
};

/// `start + delay`. A sum that does not fit becomes `Clock::time_point::max()` or `min()`.
export [[nodiscard]] inline Clock::time_point after(Instant start,
                                                    Saturating<std::chrono::nanoseconds> delay) noexcept {
    using Limits = std::numeric_limits<std::int64_t>;
    const std::int64_t from = start.time_since_epoch().count(), add = delay.count();
    if (add > 0 && from > Limits::max() - add) return Clock::time_point::max();
    if (add < 0 && from < Limits::min() - add) return Clock::time_point::min();
    return Clock::time_point(Clock::duration(from + add));
}
/// The same, starting now.
export [[nodiscard]] inline Clock::time_point after(Saturating<std::chrono::nanoseconds> delay) noexcept {
    return after(Clock::now(), delay);
}

static_assert(std::is_same_v<Clock::rep, std::int64_t> || sizeof(Clock::rep) == sizeof(std::int64_t));
static_assert(std::is_same_v<Clock::duration, std::chrono::nanoseconds>);

// The heap's part of a timer.
struct HeapNode {
    std::int64_t deadline = 0;  // not before that of its entry, which `settle` and `pop` correct
    std::uint64_t sequence = 0; // of its insertion, never reused: orders equal deadlines
    std::size_t place = 0;      // index of its entry
};

// A 4-ary heap of (deadline, sequence). The first entry is always exact; others may be earlier than their node's
// deadline, since `postpone` only writes the node. Four children fill a cache line.
class Heap {
  public:
    Heap() noexcept = default;
    explicit Heap(std::size_t capacity); // throws std::bad_alloc
    inline Heap(Heap&& other) noexcept
        : entries_(std::exchange(other.entries_, nullptr)), size_(std::exchange(other.size_, 0)),
          capacity_(std::exchange(other.capacity_, 0)), sequence_(other.sequence_) {}
    inline Heap& operator=(Heap&& other) noexcept {
        Heap taken(std::move(other));
        std::swap(entries_, taken.entries_);
        std::swap(size_, taken.size_);
        std::swap(capacity_, taken.capacity_);
        std::swap(sequence_, taken.sequence_);
        return *this;
    }
    ~Heap();

    struct Entry {
        std::int64_t deadline;
        HeapNode* node;
    };

    [[nodiscard]] inline std::size_t size() const noexcept { return size_; }
    [[nodiscard]] inline std::size_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] inline const Entry& operator[](std::size_t at) const noexcept { return entries_[at]; }
    [[nodiscard]] inline std::optional<Clock::time_point> next() const noexcept {
        if (size_ == 0) return std::nullopt;
        return Clock::time_point(Clock::duration(entries_[0].deadline));
    }

    [[nodiscard]] bool reserve(std::size_t capacity) noexcept; // false: no memory, nothing changed
    [[nodiscard]] bool make_room() noexcept;                   // for one more; false as above
    void insert(HeapNode&, std::int64_t deadline) noexcept;    // there is room
    void reinsert(HeapNode&, std::int64_t deadline) noexcept;
    void postpone(HeapNode&, std::int64_t deadline) noexcept;
    void erase(HeapNode&) noexcept;
    HeapNode* pop(std::int64_t now) noexcept;
    void rebase(HeapNode* (*moved)(HeapNode*, void*), void* context) noexcept; // nodes have moved

  private:
    void put(std::size_t at, Entry) noexcept;
    void rise(std::size_t at, Entry) noexcept;
    void sink(std::size_t at, Entry) noexcept;
    void place(std::size_t at, Entry) noexcept;
    void remove(std::size_t at) noexcept;
    void settle() noexcept;

    Entry* entries_ = nullptr;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
    std::uint64_t sequence_ = 0;
};

export class TimerQueue;
export class Timers;

/// A deadline that is part of the program's own object, such as a connection. A `TimerQueue` links it.
///
/// It cannot be moved or copied. Destroying it disarms it. To find the object that a popped timer belongs to,
/// derive from `Timer` and cast:
///
///     struct IdleLimit : mio::time::Timer { Connection* connection; };
///     static_cast<IdleLimit*>(queue.pop(now))->connection->close();
///
/// A timer and its queue belong to one thread at a time.
export class Timer : private HeapNode {
  public:
    Timer() noexcept = default;
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    inline ~Timer() {
        if (queue_ != nullptr) disarm();
    }

    /// True from its insertion until it is popped or cancelled, or its queue is destroyed.
    [[nodiscard]] inline bool is_armed() const noexcept { return queue_ != nullptr; }
    /// The deadline set last, also after the timer was popped or cancelled; the clock's epoch before any.
    [[nodiscard]] inline Clock::time_point deadline() const noexcept {
        return Clock::time_point(Clock::duration(HeapNode::deadline));
    }

  private:
    friend class TimerQueue;
    void disarm() noexcept;

    TimerQueue* queue_ = nullptr;
};

/// A queue of timers that the program owns, ordered by deadline.
///
/// Timers with equal deadlines are popped in the order of their insertion. Every time point is a legal deadline,
/// including `min()` and `max()`. A timer takes 48 bytes: 32 in the program's object and 16 in the queue. The costs of
/// `insert`, `cancel` and `pop` grow with the logarithm of the size; those of `next` and, as a rule, `postpone` do not.
///
/// The queue cannot be moved. Destroying it disarms its timers.
export class TimerQueue {
  public:
    /// Allocates room for `capacity` timers. Throws `std::bad_alloc` if that fails; 0 allocates nothing.
    explicit TimerQueue(std::size_t capacity = 0) : heap_(capacity) {}
    TimerQueue(const TimerQueue&) = delete;
    TimerQueue& operator=(const TimerQueue&) = delete;
    ~TimerQueue();

    /// Arms `timer` for `deadline`, which may be in the past.
    ///
    /// A timer that is armed in this queue is moved to `deadline`, as if cancelled and inserted. One that is armed in
    /// another queue leaves that queue. Allocates only if the size exceeds the capacity. Error: `not_enough_memory`
    /// in `os_category()`; all timers, including `timer`, are then as before.
    [[nodiscard]] Result<> insert(Timer& timer, Instant deadline) noexcept;

    /// Disarms `timer`. Returns false, without effect, if it is not armed in this queue.
    bool cancel(Timer& timer) noexcept;

    /// Changes the deadline of an armed timer. Returns false, without effect, if it is not armed in this queue.
    ///
    /// A later deadline is only recorded; the queue is reordered when the old deadline comes up. This makes it cheap to
    /// postpone an idle limit at each read. An earlier deadline is legal; it may cost as much as `insert`. Among equal
    /// deadlines the timer keeps the order of its insertion. Never allocates.
    bool postpone(Timer& timer, Instant later) noexcept;

    /// The earliest deadline, exactly; `nullopt` if the queue is empty. For `Poll::poll_until`.
    [[nodiscard]] inline std::optional<Clock::time_point> next() const noexcept { return heap_.next(); }

    /// Disarms the earliest timer whose deadline is not after `now`, and returns it; null if none is due.
    ///
    /// Read the clock once per poll and call it until it returns null. A timer that is inserted meanwhile with a
    /// deadline not after `now` is returned by the same loop. The returned timer may be inserted again or destroyed.
    [[nodiscard]] Timer* pop(Instant now) noexcept;

    /// The number of armed timers.
    [[nodiscard]] inline std::size_t size() const noexcept { return heap_.size(); }
    /// True if no timer is armed.
    [[nodiscard]] inline bool empty() const noexcept { return heap_.size() == 0; }
    /// The number of timers for which there is room without allocation.
    [[nodiscard]] inline std::size_t capacity() const noexcept { return heap_.capacity(); }
    /// Makes room for at least `capacity` timers. Error: `not_enough_memory`; the queue is then as before.
    [[nodiscard]] Result<> reserve(std::size_t capacity) noexcept;

  private:
    Heap heap_;
};

/// Identifies a timer of a `Timers`. A default-constructed one identifies none. Regular, ordered, hashable.
///
/// It is never reused: after its timer was popped or cancelled, it identifies none.
export class TimerId {
  public:
    constexpr TimerId() noexcept = default;
    constexpr auto operator<=>(const TimerId&) const noexcept = default;

  private:
    friend class Timers;
    friend struct std::hash<TimerId>;
    constexpr TimerId(std::size_t slot, std::uint64_t sequence) noexcept : sequence_(sequence), slot_(slot) {}

    std::uint64_t sequence_ = 0; // of the insertion, never reused: 2^64
    std::size_t slot_ = 0;
};

// A timer of `Timers`. A free one has sequence 0, and `place` is the next free one. Nested and incomplete in `Timers`,
// it makes GCC 16 fail ("recursive lazy load").
struct TimerSlot : HeapNode {
    Token token;
};

/// A queue that stores its timers. Each has a token, which `pop` returns, and an id, which identifies it for `cancel`.
///
/// Order, costs, legal deadlines and memory (48 bytes a timer) are those of `TimerQueue`. Movable; a moved-from object
/// is empty, without capacity. Belongs to one thread at a time.
export class Timers {
  public:
    /// Allocates room for `capacity` timers. Throws `std::bad_alloc` if that fails; 0 allocates nothing.
    explicit Timers(std::size_t capacity = 0);
    Timers(Timers&&) noexcept;
    Timers& operator=(Timers&&) noexcept;
    ~Timers();

    /// Arms a timer for `deadline`, which may be in the past. Several may have the same token. Allocates only if the
    /// size exceeds the capacity. Error: `not_enough_memory` in `os_category()`; nothing has changed then.
    [[nodiscard]] Result<TimerId> insert(Instant deadline, Token token) noexcept;

    /// Disarms the timer. Returns false, without effect, if `id` identifies none (any more). Do not pass an id of
    /// another `Timers`.
    bool cancel(TimerId id) noexcept;

    /// Changes the deadline, as `TimerQueue::postpone` does. Returns false, without effect, if `id` identifies no
    /// timer.
    bool postpone(TimerId id, Instant later) noexcept;

    /// The earliest deadline, exactly; `nullopt` if there are no timers. For `Poll::poll_until`.
    [[nodiscard]] inline std::optional<Clock::time_point> next() const noexcept { return heap_.next(); }

    /// Disarms the earliest timer whose deadline is not after `now`, and returns its token; `nullopt` if none is due.
    [[nodiscard]] std::optional<Token> pop(Instant now) noexcept;

    /// The number of armed timers.
    [[nodiscard]] inline std::size_t size() const noexcept { return heap_.size(); }
    /// True if no timer is armed.
    [[nodiscard]] inline bool empty() const noexcept { return heap_.size() == 0; }
    /// The number of timers for which there is room without allocation.
    [[nodiscard]] inline std::size_t capacity() const noexcept { return heap_.capacity(); }
    /// Makes room for at least `capacity` timers. Error: `not_enough_memory`; nothing has changed then.
    [[nodiscard]] Result<> reserve(std::size_t capacity) noexcept;

  private:
    [[nodiscard]] TimerSlot* find(TimerId) const noexcept;
    void free(TimerSlot&) noexcept;

    Heap heap_;
    std::unique_ptr<TimerSlot[]> slots_; // as many as the heap has room for
    std::size_t used_ = 0;               // slots that were ever in use
    std::size_t free_ = 0;               // 1 + index of the first free slot among them; 0: none
};

/// A source that becomes readable at a given time, more precisely than a poll's timeout ends.
///
/// On Linux the kernel delays the end of a thread's waits by its timer slack (50 µs by default), so that several
/// expire together; an alarm is exempt from it. Arm one for the queue's next deadline and poll without a timeout:
///
///     next ? alarm.arm(*next) : alarm.disarm();
///     poll.poll(events);
///
/// A system call arms it; none is made if it is already armed for the same time. There is no need to read it: after an
/// event, arm or disarm it. With `Trigger::level` it is reported until then. Like every event, one may be spurious:
/// compare with the clock, as `pop` does.
///
/// Moving it ends no registration; destroying it does. A moved-from alarm can only be destroyed or assigned to.
export class Alarm : private IoSource {
  public:
    /// Creates an alarm that is not armed. Errors: `Errc::unsupported` on Windows; the OS's own, when it is out of
    /// descriptors or memory.
    /// @see timerfd_create(2), kqueue(2)
    [[nodiscard]] static Result<Alarm> create() noexcept;

    /// Makes the source readable from `deadline` on, at once if that has passed, and unreadable until then. Errors:
    /// the OS's own; the alarm is then as before.
    /// @see timerfd_settime(2), kevent(2)
    [[nodiscard]] Result<> arm(Instant deadline) noexcept;

    /// Makes the source unreadable until it is armed again. Errors: the OS's own.
    [[nodiscard]] Result<> disarm() noexcept;

    /// The time it is armed for, also if that has passed; `nullopt` if it is not armed.
    [[nodiscard]] inline std::optional<Clock::time_point> deadline() const noexcept { return deadline_; }

    using IoSource::add_to;
    using IoSource::modify_in;
    using IoSource::raw;
    using IoSource::remove_from;

  private:
    using IoSource::IoSource;

    std::optional<Clock::time_point> deadline_;
};

} // namespace mio::time

// For MSVC; see the end of mio.core.error.
export namespace std {
template <> struct hash<mio::time::TimerId> {
    std::size_t operator()(const mio::time::TimerId& id) const noexcept {
        return std::hash<std::uint64_t>{}(id.sequence_);
    }
};
} // namespace std
