module;

#include <bit>

module mio.time;

import mio.core.error;
import mio.core.types;
import mio.std;

namespace mio::time {
namespace {

using Entry = Heap::Entry;

// Entry i is at index i + 3 of its block, so that the children of i, from 4 i + 1 on, fill a cache line.
constexpr std::size_t arity = 4;
constexpr std::size_t offset = arity - 1;
constexpr auto alignment =
    std::align_val_t(std::bit_ceil(arity * sizeof(Entry))); // an entry has 12 bytes on 32-bit processors

constexpr std::size_t most = std::numeric_limits<std::ptrdiff_t>::max() / sizeof(Entry) - 2 * arity;
constexpr std::size_t bytes(std::size_t capacity) noexcept {
    return (offset + (capacity < most ? capacity : most)) * sizeof(Entry);
}

bool precedes(const Entry& a, const Entry& b) noexcept {
    if (a.deadline != b.deadline) [[likely]]
        return a.deadline < b.deadline;
    return a.node->sequence < b.node->sequence;
}

std::int64_t count(Clock::time_point time) noexcept { return time.time_since_epoch().count(); }

Result<> no_memory() noexcept { return std::unexpected(os_error(std::errc::not_enough_memory)); }

} // namespace

// Heap.

Heap::Heap(std::size_t capacity) {
    if (capacity == 0) return;
    entries_ = static_cast<Entry*>(::operator new(bytes(capacity), alignment)) + offset;
    capacity_ = capacity;
}

Heap::~Heap() {
    if (entries_ != nullptr) ::operator delete(entries_ - offset, alignment);
}

bool Heap::reserve(std::size_t capacity) noexcept {
    if (capacity <= capacity_) return true;
    if (capacity > most) return false;
    void* const block = ::operator new(bytes(capacity), alignment, std::nothrow);
    if (block == nullptr) return false;
    Entry* const larger = static_cast<Entry*>(block) + offset;
    for (std::size_t at = 0; at < size_; ++at) larger[at] = entries_[at];
    if (entries_ != nullptr) ::operator delete(entries_ - offset, alignment);
    entries_ = larger;
    capacity_ = capacity;
    return true;
}

bool Heap::make_room() noexcept { return size_ < capacity_ || reserve(capacity_ < 8 ? 16 : 2 * capacity_); }

inline void Heap::put(std::size_t at, Entry entry) noexcept {
    entries_[at] = entry;
    entry.node->place = at;
}

inline void Heap::rise(std::size_t at, Entry entry) noexcept {
    while (at > 0) {
        const std::size_t parent = (at - 1) / arity;
        if (!precedes(entry, entries_[parent])) break;
        put(at, entries_[parent]);
        at = parent;
    }
    put(at, entry);
}

inline void Heap::sink(std::size_t at, Entry entry) noexcept {
    for (;;) {
        const std::size_t first = at * arity + 1;
        if (first >= size_) break;
        const std::size_t end = first + arity < size_ ? first + arity : size_;
        std::size_t least = first;
        for (std::size_t child = first + 1; child < end; ++child)
            if (precedes(entries_[child], entries_[least])) least = child;
        if (precedes(entry, entries_[least])) break;
        put(at, entries_[least]);
        at = least;
    }
    put(at, entry);
}

inline void Heap::place(std::size_t at, Entry entry) noexcept {
    if (at > 0 && precedes(entry, entries_[(at - 1) / arity]))
        rise(at, entry);
    else
        sink(at, entry);
}

inline void Heap::remove(std::size_t at) noexcept {
    const Entry last = entries_[--size_];
    if (at != size_) place(at, last);
}

// Makes the first entry exact. Each iteration completes an earlier `postpone`.
inline void Heap::settle() noexcept {
    while (size_ != 0 && entries_[0].deadline != entries_[0].node->deadline)
        sink(0, {entries_[0].node->deadline, entries_[0].node});
}

void Heap::insert(HeapNode& node, std::int64_t deadline) noexcept {
    node.deadline = deadline;
    node.sequence = ++sequence_;
    rise(size_++, {deadline, &node});
}

void Heap::reinsert(HeapNode& node, std::int64_t deadline) noexcept {
    node.deadline = deadline;
    node.sequence = ++sequence_;
    place(node.place, {deadline, &node});
    settle();
}

void Heap::postpone(HeapNode& node, std::int64_t deadline) noexcept {
    node.deadline = deadline;
    if (deadline < entries_[node.place].deadline)
        rise(node.place, {deadline, &node});
    else if (node.place == 0)
        settle();
}

void Heap::erase(HeapNode& node) noexcept {
    const std::size_t at = node.place;
    remove(at);
    if (at == 0) settle();
}

HeapNode* Heap::pop(std::int64_t now) noexcept {
    if (size_ == 0 || entries_[0].deadline > now) return nullptr;
    HeapNode* const node = entries_[0].node;
    remove(0);
    settle();
    return node;
}

void Heap::rebase(HeapNode* (*moved)(HeapNode*, void*), void* context) noexcept {
    for (std::size_t at = 0; at < size_; ++at) entries_[at].node = moved(entries_[at].node, context);
}

// TimerQueue.

void Timer::disarm() noexcept { queue_->cancel(*this); }

TimerQueue::~TimerQueue() {
    for (std::size_t at = 0; at < heap_.size(); ++at) static_cast<Timer*>(heap_[at].node)->queue_ = nullptr;
}

Result<> TimerQueue::insert(Timer& timer, Instant deadline) noexcept {
    if (timer.queue_ == this) {
        heap_.reinsert(timer, count(deadline));
        return {};
    }
    if (!heap_.make_room()) return no_memory();
    if (timer.queue_ != nullptr) timer.disarm();
    heap_.insert(timer, count(deadline));
    timer.queue_ = this;
    return {};
}

bool TimerQueue::cancel(Timer& timer) noexcept {
    if (timer.queue_ != this) return false;
    heap_.erase(timer);
    timer.queue_ = nullptr;
    return true;
}

bool TimerQueue::postpone(Timer& timer, Instant later) noexcept {
    if (timer.queue_ != this) return false;
    heap_.postpone(timer, count(later));
    return true;
}

Timer* TimerQueue::pop(Instant now) noexcept {
    auto* const timer = static_cast<Timer*>(heap_.pop(count(now)));
    if (timer != nullptr) timer->queue_ = nullptr;
    return timer;
}

Result<> TimerQueue::reserve(std::size_t capacity) noexcept {
    if (!heap_.reserve(capacity)) return no_memory();
    return {};
}

// Timers.

Timers::Timers(std::size_t capacity) : heap_(capacity) {
    if (capacity != 0) slots_.reset(new TimerSlot[capacity]);
}

Timers::Timers(Timers&& other) noexcept
    : heap_(std::move(other.heap_)), slots_(std::move(other.slots_)), used_(std::exchange(other.used_, 0)),
      free_(std::exchange(other.free_, 0)) {}

Timers& Timers::operator=(Timers&& other) noexcept {
    Timers taken(std::move(other));
    std::swap(heap_, taken.heap_);
    std::swap(slots_, taken.slots_);
    std::swap(used_, taken.used_);
    std::swap(free_, taken.free_);
    return *this;
}

Timers::~Timers() = default;

Result<> Timers::reserve(std::size_t capacity) noexcept {
    if (capacity <= heap_.capacity()) return {};
    if (capacity > most / 2) return no_memory();
    std::unique_ptr<TimerSlot[]> larger(new (std::nothrow) TimerSlot[capacity]);
    if (!larger || !heap_.reserve(capacity)) return no_memory();
    for (std::size_t slot = 0; slot < used_; ++slot) larger[slot] = slots_[slot];
    struct Bases {
        TimerSlot* before;
        TimerSlot* now;
    } bases{slots_.get(), larger.get()};
    heap_.rebase(
        [](HeapNode* node, void* context) -> HeapNode* {
            const auto& [before, now] = *static_cast<const Bases*>(context);
            return now + (static_cast<TimerSlot*>(node) - before);
        },
        &bases);
    slots_ = std::move(larger);
    return {};
}

Result<TimerId> Timers::insert(Instant deadline, Token token) noexcept {
    if (heap_.size() == heap_.capacity()) {
        const auto grown = reserve(heap_.capacity() < 8 ? 16 : 2 * heap_.capacity());
        if (!grown) return std::unexpected(grown.error());
    }
    const std::size_t index = free_ != 0 ? free_ - 1 : used_++;
    TimerSlot& slot = slots_[index];
    if (free_ != 0) free_ = slot.place;
    slot.token = token;
    heap_.insert(slot, count(deadline));
    return TimerId(index, slot.sequence);
}

TimerSlot* Timers::find(TimerId id) const noexcept {
    if (id.sequence_ == 0 || id.slot_ >= used_) return nullptr;
    TimerSlot& slot = slots_[id.slot_];
    return slot.sequence == id.sequence_ ? &slot : nullptr;
}

inline void Timers::free(TimerSlot& slot) noexcept {
    slot.sequence = 0;
    slot.place = free_;
    free_ = static_cast<std::size_t>(&slot - slots_.get()) + 1;
}

bool Timers::cancel(TimerId id) noexcept {
    TimerSlot* const slot = find(id);
    if (slot == nullptr) return false;
    heap_.erase(*slot);
    free(*slot);
    return true;
}

bool Timers::postpone(TimerId id, Instant later) noexcept {
    TimerSlot* const slot = find(id);
    if (slot == nullptr) return false;
    heap_.postpone(*slot, count(later));
    return true;
}

std::optional<Token> Timers::pop(Instant now) noexcept {
    auto* const slot = static_cast<TimerSlot*>(heap_.pop(count(now)));
    if (slot == nullptr) return std::nullopt;
    free(*slot);
    return slot->token;
}

} // namespace mio::time
