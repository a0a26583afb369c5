/// @file
/// The whole duty of a backend, and what backends share: the selector's owners, and sources by their handles.

module;

#include <new>

export module mio.sys.selector;

import mio.std;
import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.types;

namespace mio::sys {

/// Base of every backend's `Selector`: counts its owners, and knows whether its `Poll` is gone.
///
/// The `Poll`, each clone of its registry, each waker and each registered source owns the selector once. The last owner
/// to go destroys it, and with it the kernel's object.
export class SharedSelectorBase {
  public:
    SharedSelectorBase() noexcept = default;
    SharedSelectorBase(const SharedSelectorBase&) = delete;
    SharedSelectorBase& operator=(const SharedSelectorBase&) = delete;
    virtual ~SharedSelectorBase() = default;

    /// Adds an owner; the first one comes with the object.
    inline void retain() noexcept { owners_.fetch_add(1, std::memory_order_relaxed); }
    inline void release() noexcept {
        // The last owner must see all that the others did before it destroys what they used.
        if (owners_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }

    /// The `Poll` is gone: the sources that are registered here count as not registered from now on.
    inline void retire() noexcept { is_retired_.store(true, std::memory_order_release); }
    [[nodiscard]] inline bool is_retired() const noexcept {
        return is_retired_.load(std::memory_order_acquire);
    }

  private:
    std::atomic<std::size_t> owners_ = 1;
    std::atomic<bool> is_retired_ = false;
};

/// Values indexed by handle, on systems whose handles are small numbers.
export template <class T> class ByHandle {
  public:
    /// The value of a handle; null if no room was made for it.
    [[nodiscard]] inline T* find(RawHandle handle) noexcept {
        const auto index = static_cast<std::size_t>(handle);
        return index < size_ ? &values_[index] : nullptr;
    }
    /// False if there is no memory. The handle must be open: the room grows with the number.
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

/// State of a source for backends whose kernel identifies a registration by the number of its handle: epoll, kqueue.
///
/// Closing the handle ends the registration in the kernel without notice, and the number can then be given to another
/// file. The state is attached until it is removed or another source is added with the same number, which the kernel
/// accepts only if the earlier registration is gone. Only an attached state may be changed in the kernel: the number of
/// any other one belongs to another source.
export struct NumberedSource {
    SharedSelectorBase* selector = nullptr;
    RawHandle handle = invalid_handle;
    bool is_attached = false;
    NumberedSource* next_free = nullptr;
};

/// The `NumberedSource`s of one selector. Calls are serialised by the selector.
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

    /// Makes room for one source more, with `handle`, which must be open. False if there is no memory.
    [[nodiscard]] inline bool make_room_for(RawHandle handle) noexcept {
        return by_handle_.make_room_for(handle) && (free_ != nullptr || add_block());
    }
    /// Whether `make_room_for` needs memory for this handle's number.
    [[nodiscard]] inline bool has_room_for(RawHandle handle) noexcept {
        return by_handle_.find(handle) != nullptr;
    }
    /// The state of a source that the kernel has accepted. There must be room.
    [[nodiscard]] inline NumberedSource& attach(SharedSelectorBase& selector, RawHandle handle) noexcept {
        displace(handle);
        auto& source = *std::exchange(free_, free_->next_free);
        source = {.selector = &selector, .handle = handle, .is_attached = true, .next_free = nullptr};
        *by_handle_.find(handle) = &source;
        return source;
    }
    /// The kernel has accepted something else with this number, so that an earlier source is registered no longer.
    inline void displace(RawHandle handle) noexcept {
        auto** const place = by_handle_.find(handle);
        if (place == nullptr || *place == nullptr) return;
        std::exchange(*place, nullptr)->is_attached = false;
    }
    /// The source is gone.
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

/// What a backend's `Selector` must do. `Poll`, `Registry`, `Registration` and `Waker` are thin over it.
///
/// **Life.** `open` acquires the OS's part, the only step that can fail; the constructor takes it over. A
/// selector never moves: wakers and source states point at it. It derives from `SharedSelectorBase` and is destroyed after
/// the last waker and the last source state.
///
/// **select(events, timeout)** clears `events`, waits for at least one event, for the timeout to pass (never
/// early, however long it is; rounded up to what the OS can count; negative as zero) or for a signal, which is an error. A
/// capacity of 0 is `Errc::no_capacity`; events that do not fit are reported by the next call, so that no source is
/// starved. One thread at a time. No allocation.
///
/// **add, modify, remove** may run in any thread, also during `select`, and take effect in it. `add` returns
/// the state that the source keeps, never 0; the other two receive it. `selector_of` is the selector that a state came
/// from. `add` and `modify` report a condition that holds. After `remove` returns, no later
/// `select` reports the registration. An `Interest` that the backend cannot watch is `Errc::unsupported`. A
/// call that fails changes nothing.
///
/// **forget(state)** is `remove` for a source that is destroyed, released or replaced. Both end the registration in the
/// kernel, whatever duplicates of the handle exist. A registration that the kernel no longer has, since its handle was
/// closed first, ends without error, and without an effect on another source that was given the handle's number;
/// `modify` fails with `Errc::not_registered` then, or with the OS's error.
///
/// **rearm(state, blocked)** is called when an operation would have blocked, **error_taken(state)** when one
/// failed otherwise, so that a pending error may be gone. Both may run in several threads at once for one source, and
/// during `modify`; `add`, `remove` and `forget` overlap with nothing else for the same source. Backends whose kernel
/// has edges do nothing in either.
///
/// **Wakes.** `Waker::open` prepares the OS's part for a token; the constructor takes it over. `wake` runs in
/// any thread, makes `select` report one readable event with the token however often it was called before,
/// makes no system call while one is pending, and synchronises with the `select` that reports it. Creating,
/// waking and destroying wakers may overlap with everything else.
template <class S>
concept Selecting =
    requires(S& s, const S& cs, Events& events, std::optional<std::chrono::nanoseconds> timeout) {
        { S::open() } noexcept -> std::same_as<Result<typename S::Parts>>;
        requires std::constructible_from<S, typename S::Parts>;
        requires std::derived_from<S, SharedSelectorBase>;
        requires !std::movable<S>;
        { s.select(events, timeout) } noexcept -> std::same_as<Result<>>;
        { cs.raw_fd() } noexcept -> std::same_as<int>;
    };

template <class S>
concept Registering = requires(S& s, RawHandle handle, std::uint64_t state, Token token,
                               Interest interest, Trigger trigger) {
    { s.add(handle, token, interest, trigger) } noexcept -> std::same_as<Result<std::uint64_t>>;
    { s.modify(handle, state, token, interest, trigger) } noexcept -> std::same_as<Result<>>;
    { s.remove(handle, state) } noexcept -> std::same_as<Result<>>;
    { S::selector_of(state) } noexcept -> std::same_as<S&>;
    { S::rearm(state, interest) } noexcept -> std::same_as<Result<>>;
    { S::error_taken(state) } noexcept -> std::same_as<void>;
    { S::forget(state) } noexcept -> std::same_as<void>;
};

template <class S>
concept Waking = requires(S& s, typename S::Waker& waker, Token token) {
    { S::Waker::open(s, token) } noexcept -> std::same_as<Result<typename S::Waker::Parts>>;
    requires std::constructible_from<typename S::Waker, S&, Token, typename S::Waker::Parts>;
    { waker.wake() } noexcept -> std::same_as<Result<>>;
};

template <class S>
concept Describing = requires(const Event& event) {
    { S::name } -> std::convertible_to<std::string_view>;   // as in `mio::backend()`
    { S::record_size } -> std::convertible_to<std::size_t>; // bytes of one OS record
    { S::describe(event) } -> std::same_as<std::string>;    // the OS record with its flag names
};

export template <class S>
concept SelectorBackend = Selecting<S> && Registering<S> && Waking<S> && Describing<S>;

} // namespace mio::sys
