/// @file
/// The backend concept, the table of differences between backends, and code shared by backends: reference counting,
/// rings, tables of sources indexed by handle, and selectors with a table of their own.

export module mio.sys.selector;

import mio.std;
import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.types;

namespace mio::sys {

/// Internal: the number of an object's owners, on any threads. A new object has one.
export class ReferenceCount {
  public:
    inline void retain() noexcept { count_.fetch_add(1, std::memory_order_relaxed); }
    /// Returns true for the last owner, which then destroys the object.
    [[nodiscard]] inline bool drop() noexcept {
        // The last owner must see all writes of the other owners before it destroys the object.
        return count_.fetch_sub(1, std::memory_order_acq_rel) == 1;
    }

  private:
    std::atomic<std::size_t> count_ = 1;
};

/// Base class of every backend's `Selector`: a reference count, and a flag that its `Poll` is destroyed.
///
/// The `Poll`, each clone of its registry, each waker and each registered source holds one reference.
/// Releasing the last one destroys the selector and its kernel object.
///
/// The destructor is not virtual, because compilers still fail on classes with virtual functions in a module
/// interface. `Destroy` deletes the selector as its most derived type.
export class SharedSelectorBase {
  public:
    using Destroy = void (*)(SharedSelectorBase&) noexcept;

    inline explicit SharedSelectorBase(Destroy destroy) noexcept : destroy_(destroy) {}
    SharedSelectorBase(const SharedSelectorBase&) = delete;
    SharedSelectorBase& operator=(const SharedSelectorBase&) = delete;

    /// Adds a reference. A new object has one.
    inline void retain() noexcept { owners_.retain(); }
    inline void release() noexcept {
        if (owners_.drop()) destroy_(*this);
    }

    /// Marks the `Poll` as destroyed: sources registered with it then count as not registered.
    inline void retire() noexcept { is_retired_.store(true, std::memory_order_release); }
    [[nodiscard]] inline bool is_retired() const noexcept {
        return is_retired_.load(std::memory_order_acquire);
    }

  protected:
    ~SharedSelectorBase() = default;

  private:
    ReferenceCount owners_;
    std::atomic<bool> is_retired_ = false;
    const Destroy destroy_;
};

/// `Destroy` function of a selector whose most derived type is `S`.
export template <class S> void destroy_selector(SharedSelectorBase& selector) noexcept {
    delete static_cast<S*>(&selector);
}

/// Internal: a member of a ring, the list of what a backend can report: wakers and other nodes. A node that is in no
/// list is a ring of its own.
export struct RingNode {
    explicit RingNode(bool wakes) noexcept : is_waker(wakes) {}
    RingNode(const RingNode&) = delete;
    RingNode& operator=(const RingNode&) = delete;

    [[nodiscard]] inline bool is_linked() const noexcept { return next != this; }
    /// Inserts this node before `position`. It must not be in a list.
    inline void link_before(RingNode& position) noexcept {
        previous = position.previous;
        next = &position;
        previous->next = this;
        position.previous = this;
    }
    /// No effect if the node is not in a list.
    inline void unlink() noexcept {
        previous->next = next;
        next->previous = previous;
        previous = next = this;
    }

    RingNode* previous = this;
    RingNode* next = this;
    const bool is_waker;
};

/// Values indexed by handle, for systems whose handles are small numbers.
export template <class T> class ByHandle {
  public:
    /// The value of a handle; null if `make_room_for` was not called for it.
    [[nodiscard]] inline T* find(RawHandle handle) noexcept {
        const auto index = static_cast<std::size_t>(handle);
        return index < size_ ? &values_[index] : nullptr;
    }
    /// Returns false if memory allocation fails. The handle must be open: the table's size grows with its
    /// number.
    [[nodiscard]] bool make_room_for(RawHandle handle) noexcept {
        const auto index = static_cast<std::size_t>(handle);
        if (index < size_) return true;
        const auto size = std::max({index + 1, size_ * 2, least});
        std::unique_ptr<T[]> larger(new (std::nothrow) T[size]{});
        if (!larger) return false;
        std::copy_n(values_.get(), size_, larger.get());
        values_ = std::move(larger);
        size_ = size;
        return true;
    }

  private:
    static constexpr std::size_t least = 256;
    std::unique_ptr<T[]> values_;
    std::size_t size_ = 0;
};

/// State of a source, for backends whose kernel identifies a registration by descriptor number: epoll,
/// kqueue.
///
/// Closing the handle silently ends the registration in the kernel, and another file can then get the same
/// number. A state is attached until it is removed, or until another source is added with the same number;
/// the kernel accepts that only if the earlier registration is gone. Only an attached state may be changed in
/// the kernel: the number of a detached state belongs to another source.
///
/// It also keeps what the source is watched for, so that it can be renewed.
export struct NumberedSource {
    SharedSelectorBase* selector = nullptr;
    RawHandle handle = invalid_handle;
    std::uint16_t fork_generation = 0; // of the process that added it, for kernel objects that fork(2) shares
    Interest interest = Interest::readable;
    Trigger trigger : 2 = Trigger::edge;
    bool is_attached : 1 = false;
    std::uint8_t options : 5 = 0; // of the backend
    union {
        std::size_t token = 0;     // of a source
        NumberedSource* next_free; // of a free state
    };

    inline void watch(Token reported_with, Interest wanted, Trigger how) noexcept {
        token = reported_with.value;
        interest = wanted;
        trigger = how;
    }
};

/// Internal: the state of a source, its address.
export template <class Source> [[nodiscard]] inline std::uint64_t state_of(Source& source) noexcept {
    return reinterpret_cast<std::uintptr_t>(&source);
}
/// Internal: the source of a state that `state_of` returned.
export template <class Source> [[nodiscard]] inline Source& source_of(std::uint64_t state) noexcept {
    return *reinterpret_cast<Source*>(static_cast<std::uintptr_t>(state));
}

/// The `NumberedSource`s of one selector. The selector serialises the calls.
export class NumberedSources {
  public:
    NumberedSources() noexcept = default;
    NumberedSources(NumberedSources&& other) noexcept
        : by_handle_(std::move(other.by_handle_)), free_(std::exchange(other.free_, nullptr)),
          blocks_(std::exchange(other.blocks_, nullptr)) {}
    NumberedSources& operator=(NumberedSources&&) = delete;
    ~NumberedSources() {
        while (blocks_ != nullptr) delete std::exchange(blocks_, blocks_->next);
    }

    /// Makes room for another source, with `handle`, which must be open. Returns false if memory allocation
    /// fails.
    [[nodiscard]] inline bool make_room_for(RawHandle handle) noexcept {
        return by_handle_.make_room_for(handle) && (free_ != nullptr || add_block());
    }
    /// Whether `make_room_for` needs memory for this handle's number.
    [[nodiscard]] inline bool has_room_for(RawHandle handle) noexcept {
        return by_handle_.find(handle) != nullptr;
    }
    /// Creates the state of a source that the kernel has accepted. There must be room.
    [[nodiscard]] inline NumberedSource& attach(SharedSelectorBase& selector, RawHandle handle, Token token,
                                                Interest interest, Trigger trigger,
                                                std::uint16_t fork_generation = 0) noexcept {
        displace(handle);
        auto& source = *std::exchange(free_, free_->next_free);
        source.selector = &selector;
        source.handle = handle;
        source.fork_generation = fork_generation;
        source.is_attached = true;
        source.options = 0;
        source.watch(token, interest, trigger);
        *by_handle_.find(handle) = &source;
        return source;
    }
    /// The attached source with this number; null if there is none.
    [[nodiscard]] inline NumberedSource* find(RawHandle handle) noexcept {
        auto** const place = handle < 0 ? nullptr : by_handle_.find(handle);
        return place == nullptr ? nullptr : *place;
    }
    /// Detaches the earlier source with this number, after the kernel has accepted another registration for
    /// it.
    inline void displace(RawHandle handle) noexcept {
        auto** const place = by_handle_.find(handle);
        if (place == nullptr || *place == nullptr) return;
        std::exchange(*place, nullptr)->is_attached = false;
    }
    /// Frees the state of a source.
    inline void drop(NumberedSource& source) noexcept {
        if (source.is_attached) *by_handle_.find(source.handle) = nullptr;
        source.is_attached = false;
        source.next_free = std::exchange(free_, &source);
    }

  private:
    struct Block {
        NumberedSource sources[64];
        Block* next = nullptr;
    };

    [[nodiscard]] bool add_block() noexcept {
        auto* const block = new (std::nothrow) Block;
        if (block == nullptr) return false;
        block->next = std::exchange(blocks_, block);
        for (auto& source : block->sources) source.next_free = std::exchange(free_, &source);
        return true;
    }

    ByHandle<NumberedSource*> by_handle_;
    NumberedSource* free_ = nullptr;
    Block* blocks_ = nullptr;
};

/// Requirements on a backend's `Selector`. `Poll`, `Registry`, `Registration` and `Waker` are thin wrappers
/// around it.
///
/// **Lifetime.** `open` acquires the OS resources and is the only step that can fail; the constructor takes
/// ownership of them. A selector never moves: wakers and source states point to it. It derives from
/// `SharedSelectorBase` and is destroyed after the last waker and the last source state. A class may derive from it,
/// as that of `Poll` does, and passes the constructor a `Destroy` for its own type; the default is
/// `destroy_selector<S>`.
///
/// **select(events, timeout)** clears `events` and waits for at least one event, for the timeout, or for a
/// signal, which is an error. The timeout never expires early; it is rounded up to the OS's resolution, and a
/// negative one counts as zero. A capacity of 0 is `Errc::no_capacity`. Events that do not fit are reported
/// by the next call, so that no source is starved. Only one thread at a time may call it. It does not
/// allocate.
///
/// **add, modify, remove** may run in any thread, also during `select`, and affect a `select` in progress.
/// `add` returns a non-zero state, which the source stores and passes to the other two. `selector_of` returns
/// the selector of a state. `add` and `modify` report a condition that holds. After `remove` returns, no
/// later `select` reports the registration. An `Interest` that the backend cannot watch for is
/// `Errc::unsupported`. A call that fails has no effect.
///
/// **renew(state)** is `modify` with the values of the last successful `add` or `modify`.
///
/// **add_again(handle, state, …)** is `add` for a handle whose earlier registration `state` was not removed. It
/// fails with `Errc::already_registered` if that registration still exists or may still exist; otherwise the handle was
/// closed and its number reused, and the new state replaces `state`, which is freed.
///
/// **forget(state)** is `remove` for a source that is destroyed, released or replaced. Both end the
/// registration in the kernel, even if duplicates of the handle exist. If the handle was closed first and the
/// kernel has dropped the registration, both succeed without an effect on another source with the same
/// number; `modify` then fails with `Errc::not_registered` or the OS's error.
///
/// In a child of fork(2), `forget` and the destructors of the selector and its wakers affect neither the parent's
/// registrations nor a selector that the child created.
///
/// **rearm(state, blocked)** is called after an operation would have blocked; **error_taken(state)** is
/// called after an operation failed with another error, which may have cleared a pending error. Several
/// threads may call both at once for one source, and during `modify`. `add`, `remove` and `forget` do not
/// overlap with any other call for the same source. Backends whose kernel supports edges do nothing in
/// either; `emulates_edges` is false for them.
///
/// **has_aio, has_lio** are constants: whether `add` and `modify` accept these interests on this system.
///
/// **Wake-ups.** `Waker::open` acquires the OS resources for a token; the constructor takes ownership of
/// them. Any thread may call `wake`, below, which calls the waker's `begin` and `send`. It makes `select` report one
/// readable event with the token, however often it was called, makes no system call while a wake-up is pending, and
/// synchronises with the `select` that reports it. Creating, waking and destroying wakers may overlap with any other
/// call. `begin` returns 0 if a wake-up is pending; otherwise a ticket, with which `send` must be called. On POSIX
/// systems, a signal handler may call them; they keep `errno`.
template <class S>
concept Selecting =
    requires(S& s, const S& cs, Events& events, std::optional<std::chrono::nanoseconds> timeout) {
        { S::open() } noexcept -> std::same_as<Result<typename S::Parts>>;
        requires std::constructible_from<S, typename S::Parts>;
        requires std::constructible_from<S, typename S::Parts, SharedSelectorBase::Destroy>;
        requires std::derived_from<S, SharedSelectorBase>;
        requires !std::movable<S>;
        { s.select(events, timeout) } noexcept -> std::same_as<Result<>>;
        { cs.raw_fd() } noexcept -> std::same_as<int>;
    };

template <class S>
concept Registering =
    requires(S& s, RawHandle handle, std::uint64_t state, Token token, Interest interest, Trigger trigger) {
        { s.add(handle, token, interest, trigger) } noexcept -> std::same_as<Result<std::uint64_t>>;
        { s.modify(handle, state, token, interest, trigger) } noexcept -> std::same_as<Result<>>;
        { s.renew(state) } noexcept -> std::same_as<Result<>>;
        {
            s.add_again(handle, state, token, interest, trigger)
        } noexcept -> std::same_as<Result<std::uint64_t>>;
        { s.remove(handle, state) } noexcept -> std::same_as<Result<>>;
        { S::selector_of(state) } noexcept -> std::same_as<S&>;
        { S::emulates_edges } -> std::convertible_to<bool>;
        { S::has_aio } -> std::convertible_to<bool>;
        { S::has_lio } -> std::convertible_to<bool>;
        { S::rearm(state, interest) } noexcept -> std::same_as<Result<>>;
        { S::error_taken(state) } noexcept -> std::same_as<void>;
        { S::forget(state) } noexcept -> std::same_as<void>;
    };

template <class S>
concept Waking = requires(S& s, typename S::Waker& waker, Token token, std::uint32_t ticket) {
    { S::Waker::open(s, token) } noexcept -> std::same_as<Result<typename S::Waker::Parts>>;
    requires std::constructible_from<typename S::Waker, S&, Token, typename S::Waker::Parts>;
    { waker.begin() } noexcept -> std::same_as<std::uint32_t>;
    { waker.send(ticket) } noexcept -> std::same_as<Result<>>;
};

template <class S>
concept Describing = requires(const Event& event) {
    { S::name } -> std::convertible_to<std::string_view>;   // returned by `mio::backend()`
    { S::record_size } -> std::convertible_to<std::size_t>; // size of an OS record in bytes
    { S::describe(event) } -> std::same_as<std::string>;    // the OS record with its flag names
};

export template <class S>
concept SelectorBackend = Selecting<S> && Registering<S> && Waking<S> && Describing<S>;

/// Makes the waker's selector report its event, unless a wake-up is pending. `Waker` is that of a backend.
export template <class Waker> [[nodiscard]] Result<> wake(Waker& waker) noexcept {
    const auto ticket = waker.begin();
    if (ticket == 0) return {};
    return waker.send(ticket);
}

/// Internal: base class of the selectors of poll(2) and iocp, which keep their sources in a `Table`. The state of a
/// source is its address.
export template <class Selector, class Table, class Source> class TableSelector : public SharedSelectorBase {
  public:
    static constexpr bool emulates_edges = true;
    static constexpr bool has_aio = false;
    static constexpr bool has_lio = false;

    struct Parts {
        std::unique_ptr<Table> table;
    };
    [[nodiscard]] static Result<Parts> open() noexcept {
        auto table = Table::create();
        if (!table) return std::unexpected(table.error());
        return Parts{std::move(*table)};
    }

    [[nodiscard]] Result<> select(Events& events, std::optional<std::chrono::nanoseconds> timeout) noexcept {
        return table_->select(events, timeout);
    }

    [[nodiscard]] Result<std::uint64_t> add(RawHandle handle, Token token, Interest interest,
                                            Trigger trigger) noexcept {
        const auto source = table_->add(static_cast<Selector&>(*this), handle, token, interest, trigger);
        if (!source) return std::unexpected(source.error());
        return state_of(**source);
    }
    [[nodiscard]] Result<> modify(RawHandle, std::uint64_t state, Token token, Interest interest,
                                  Trigger trigger) noexcept {
        return table_->modify(source_of<Source>(state), token, interest, trigger);
    }
    [[nodiscard]] Result<> renew(std::uint64_t state) noexcept {
        return table_->renew(source_of<Source>(state));
    }
    [[nodiscard]] Result<std::uint64_t> add_again(RawHandle handle, std::uint64_t state, Token token,
                                                  Interest interest, Trigger trigger) noexcept {
        if (table_->may_watch(source_of<Source>(state)))
            return std::unexpected(make_error_code(Errc::already_registered));
        auto added = add(handle, token, interest, trigger);
        if (added) forget(state);
        return added;
    }
    [[nodiscard]] Result<> remove(RawHandle, std::uint64_t state) noexcept {
        forget(state);
        return {};
    }
    [[nodiscard]] static Selector& selector_of(std::uint64_t state) noexcept {
        return Table::selector_of(source_of<Source>(state));
    }

    [[nodiscard]] static Result<> rearm(std::uint64_t state, Interest blocked) noexcept {
        return table_of(state).rearm(source_of<Source>(state), blocked);
    }
    static void error_taken(std::uint64_t state) noexcept {
        table_of(state).error_taken(source_of<Source>(state));
    }
    static void forget(std::uint64_t state) noexcept { table_of(state).forget(source_of<Source>(state)); }

    [[nodiscard]] inline int raw_fd() const noexcept { return -1; }

  protected:
    inline TableSelector(Parts&& parts, Destroy destroy) noexcept
        : SharedSelectorBase(destroy), table_(std::move(parts.table)) {}
    ~TableSelector() = default;

    const std::unique_ptr<Table> table_;

  private:
    [[nodiscard]] static Table& table_of(std::uint64_t state) noexcept {
        const TableSelector& selector = selector_of(state);
        return *selector.table_;
    }
};

/// Internal: the column of the backend `S` in a row of `BackendTraits`.
template <class S> consteval bool column(bool epoll, bool poll, bool kqueue, bool iocp) noexcept {
    if (S::name == "epoll") return epoll;
    if (S::name == "poll") return poll;
    if (S::name == "kqueue") return kqueue;
    return iocp;
}

/// The differences between backends that a program can observe, beside the flags that each predicate reads. There
/// are no others. `mio::backend_traits` has the values of the backend behind `Poll`, for `if constexpr`.
///
/// This is the only table of them: the tests read it, and the table in docs/backends.md is generated from it.
export template <class S> struct BackendTraits {
    // Columns: epoll, poll, kqueue, iocp.

    /// `Poll::raw_fd` is a descriptor, which another selector can watch.
    static constexpr bool has_a_descriptor = column<S>(true, false, true, false);
    /// New data is reported while older data is unread.
    static constexpr bool reports_data_behind_data_left_unread = column<S>(true, false, true, false);
    /// A source that is readable and writable causes one event, not one per direction.
    static constexpr bool has_one_event_for_both_directions = column<S>(true, true, false, true);
    /// A source that is always ready, such as a regular file, cannot be registered.
    static constexpr bool refuses_files = column<S>(true, true, false, true);
    /// A handle that one source watches cannot be registered through another source.
    static constexpr bool refuses_a_second_source = column<S>(true, true, false, false);
    /// `Interest::priority` can be watched.
    static constexpr bool has_priority = column<S>(true, true, false, false);
    /// `Interest::aio` can be registered.
    static constexpr bool has_aio = column<S>(false, false, S::has_aio, false);
    /// `Interest::lio` can be registered.
    static constexpr bool has_lio = column<S>(false, false, S::has_lio, false);
    /// A waker has a descriptor of its own.
    static constexpr bool has_descriptors_for_wakers = column<S>(true, false, false, false);
    /// Registering may allocate even if as many sources were registered before.
    static constexpr bool registering_may_allocate = column<S>(false, true, false, true);
    /// A pending error that does not end the connection, as of a datagram that was refused, is reported as such.
    static constexpr bool reports_lasting_errors = column<S>(true, true, false, false);
    /// `shutdown(write)` of this side is reported as write_closed.
    static constexpr bool reports_local_shutdown_of_writing = column<S>(false, false, true, false);
    /// The sending end of a pipe whose receiving end is gone cannot be registered (`broken_pipe`).
    static constexpr bool refuses_a_broken_pipe = column<S>(false, false, true, false);
};

} // namespace mio::sys
