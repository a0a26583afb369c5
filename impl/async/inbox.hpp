// Classes shared by the implementation units of mio.async.loop. Include it in the module's purview, after the imports.
#pragma once

namespace mio::async {

// The queue of parcels for a loop. Owned by the loop and its `RemoteLoop`s; the last one destroys it.
//
// The parcels form a stack, latest first. The sender of the first one wakes the loop; the loop takes all of them when
// the wake-up arrives. A sender that finds the stack filled need not wake: the sender of the first parcel has not
// finished `wake`, or the loop has not yet taken that wake-up, and takes the stack after it. Each push is a
// read-modify-write with release order, so that the acquiring exchange sees the writes of every sender.
class Inbox {
  public:
    explicit Inbox(Waker&& waker) noexcept : waker_(std::move(waker)) {}

    inline void retain() noexcept { owners_.retain(); }
    inline void release() noexcept {
        if (owners_.drop()) delete this;
    }

    // Returns false if the loop is destroyed.
    bool post(Parcel& parcel) noexcept {
        Parcel* first = first_.load(std::memory_order_acquire);
        do {
            if (first == &closed_mark) return false; // synchronizes with the loop's end
            parcel.next = first;
        } while (!first_.compare_exchange_weak(first, &parcel, std::memory_order_release,
                                               std::memory_order_acquire));
        // If the OS refuses the wake-up, the loop finds the parcel in its next turn.
        if (first == nullptr) static_cast<void>(waker_.wake());
        return true;
    }

    bool is_empty() const noexcept { return first_.load(std::memory_order_relaxed) == nullptr; }
    // All parcels, latest first.
    Parcel* take() noexcept { return first_.exchange(nullptr, std::memory_order_acquire); }
    Parcel* close() noexcept { return first_.exchange(&closed_mark, std::memory_order_acq_rel); }

  private:
    static Parcel closed_mark;

    sys::ReferenceCount owners_;
    std::atomic<Parcel*> first_ = nullptr;
    Waker waker_;
};

inline Parcel Inbox::closed_mark(nullptr);

// The slots of a loop. Sockets that outlive the loop keep it.
class SlotTable {
  public:
    explicit SlotTable(LoopCore& loop) noexcept : loop_(&loop) {}
    ~SlotTable() {
        while (chunks_ != nullptr) delete std::exchange(chunks_, chunks_->next);
    }

    Slot* open() noexcept {
        if (free_ == nullptr) {
            auto* const chunk = new (std::nothrow) Chunk;
            if (chunk == nullptr) return nullptr;
            chunk->next = std::exchange(chunks_, chunk);
            for (std::size_t at = chunk_size; at-- > 0;) {
                chunk->slots[at].table_ = this;
                chunk->slots[at].loop_ = loop_;
                chunk->slots[at].next_ = std::exchange(free_, &chunk->slots[at]);
            }
        }
        Slot* const slot = std::exchange(free_, free_->next_);
        slot->ready_ = slot->closed_ = 0;
        slot->has_hung_up_ = false;
        slot->is_open_ = true;
        ++open_;
        return slot;
    }
    // Until `recycle`, an event of the current batch may still name the slot.
    void close(Slot& slot) noexcept {
        slot.is_open_ = false;
        slot.next_ = std::exchange(closing_, &slot);
        if (--open_ == 0 && loop_ == nullptr) delete this;
    }
    void recycle() noexcept {
        if (closing_ == nullptr) [[likely]]
            return;
        Slot* kept = nullptr;
        while (closing_ != nullptr) {
            Slot* const slot = std::exchange(closing_, closing_->next_);
            Slot*& list = slot->is_again_ ? kept : free_;
            slot->next_ = std::exchange(list, slot);
        }
        closing_ = kept;
    }
    // Called when the loop is destroyed.
    void orphan() noexcept {
        loop_ = nullptr;
        for (Chunk* chunk = chunks_; chunk != nullptr; chunk = chunk->next)
            for (Slot& slot : chunk->slots) slot.loop_ = nullptr;
        if (open_ == 0) delete this;
    }

  private:
    static constexpr std::size_t chunk_size = 63;
    struct Chunk {
        Chunk* next = nullptr;
        Slot slots[chunk_size];
    };

    LoopCore* loop_;
    Chunk* chunks_ = nullptr;
    Slot* free_ = nullptr;
    Slot* closing_ = nullptr;
    std::size_t open_ = 0;
};

} // namespace mio::async
