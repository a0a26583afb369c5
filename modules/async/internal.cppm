/// @file
/// Intrusive lists and the memory of coroutine frames. Internal: `import mio.async;` does not export them.

export module mio.async.internal;

import mio.std;

namespace mio::async {

/// Base class of the items of a list. `Tag` distinguishes the lists of an object that can be in several. Destroying
/// it removes it from its list.
export template <class Tag> class Link {
  public:
    Link() noexcept = default;
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;
    inline ~Link() { unlink(); }

    [[nodiscard]] inline bool is_linked() const noexcept { return next_ != nullptr; }
    inline void unlink() noexcept {
        if (next_ == nullptr) return;
        next_->previous_ = previous_;
        previous_->next_ = next_;
        next_ = nullptr;
    }

  private:
    template <class, class> friend class List;

    Link* next_ = nullptr; // null: in no list
    Link* previous_;       // valid while linked
};

/// A doubly linked list of `T`, which derive from `Link<Tag>`. It owns nothing and allocates nothing.
export template <class T, class Tag> class List {
    using Item = Link<Tag>;

  public:
    List() noexcept { head_.next_ = head_.previous_ = &head_; }
    List(const List&) = delete;
    List& operator=(const List&) = delete;
    inline ~List() {
        while (!empty()) pop_front();
        head_.next_ = nullptr;
    }

    [[nodiscard]] inline bool empty() const noexcept { return head_.next_ == &head_; }
    [[nodiscard]] inline T& front() noexcept { return static_cast<T&>(*head_.next_); }
    [[nodiscard]] inline T& back() noexcept { return static_cast<T&>(*head_.previous_); }
    inline void push_back(T& value) noexcept {
        Item& item = value;
        item.next_ = &head_;
        item.previous_ = head_.previous_;
        head_.previous_->next_ = &item;
        head_.previous_ = &item;
    }
    inline T& pop_front() noexcept {
        T& value = front();
        static_cast<Item&>(value).unlink();
        return value;
    }
    /// Moves all items of `other` to the front, in order.
    inline void take_front(List& other) noexcept {
        if (other.empty()) return;
        Item& first = *other.head_.next_;
        Item& last = *other.head_.previous_;
        other.head_.next_ = other.head_.previous_ = &other.head_;
        last.next_ = head_.next_;
        head_.next_->previous_ = &last;
        head_.next_ = &first;
        first.previous_ = &head_;
    }
    /// Calls `f` with each item. `f` must not change the list.
    template <class F> void for_each(F&& f) const {
        for (Item* item = head_.next_; item != &head_; item = item->next_) f(static_cast<T&>(*item));
    }

  private:
    Item head_;
};

export struct ReadyTag {};
export struct RootTag {};
export struct CancelTag {};
export struct WaitTag {};
export struct GroupTag {};
export struct ParcelTag {};

/// Allocates a coroutine frame. Frames of up to 16 KiB are taken from free lists of the thread, and returned to them.
/// Throws `std::bad_alloc`.
export [[nodiscard]] void* allocate_frame(std::size_t size);
/// The same, but returns null if memory is exhausted.
export [[nodiscard]] void* try_allocate_frame(std::size_t size) noexcept;
export void free_frame(void* frame, std::size_t size) noexcept;

/// While it exists, this thread frees frames to the heap: for frames of other threads, which it would not reuse.
export class ReturnFrames {
  public:
    ReturnFrames() noexcept;
    ReturnFrames(const ReturnFrames&) = delete;
    ReturnFrames& operator=(const ReturnFrames&) = delete;
    ~ReturnFrames();

  private:
    unsigned char before_;
};

} // namespace mio::async
