/// @file
/// Coroutines that wait for each other: within a loop, between loops, and for work on other threads.

export module mio.async.sync;

import mio.std;
import mio.core;
import mio.async.loop;
import mio.async.task;

namespace mio::async {

// ---- Within a loop

/// A condition that coroutines of one loop wait for.
///
/// It cannot be moved, and belongs to its loop's thread. Destroying it ends those that wait with `operation_canceled`.
export class Event {
  public:
    explicit Event(bool is_set = false) noexcept : is_set_(is_set) {}
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    ~Event();

    /// Ends all waits, and later ones at once, until `reset`. The coroutines resume after the next poll.
    void set() noexcept;
    inline void reset() noexcept { is_set_ = false; }
    [[nodiscard]] inline bool is_set() const noexcept { return is_set_; }

    class [[nodiscard]] Wait;
    /// Waits until the event is set. It succeeds also if the event is reset before the coroutine resumes. Error:
    /// `operation_canceled`.
    [[nodiscard]] inline Wait wait() noexcept;

  private:
    List<Waiter, WaitTag> waiting_;
    bool is_set_;
};

class [[nodiscard]] Event::Wait : Waiter {
  public:
    inline explicit Wait(Event& event) noexcept : event_(&event) {}
    inline Wait(Wait&& other) noexcept : event_(other.event_) {} // before it is awaited

    inline void bind(Frame& self) noexcept { frame = &self; }
    [[nodiscard]] inline bool await_ready() noexcept {
        is_cancelled_ = frame->scope->is_cancelled();
        return is_cancelled_ || (event_->is_set_ && frame->loop->spend());
    }
    void await_suspend(std::coroutine_handle<>) noexcept;
    [[nodiscard]] Result<> await_resume() const noexcept;

  private:
    static void cancelled(Hook&) noexcept;

    Event* event_;
    bool is_cancelled_ = false;
};

inline Event::Wait Event::wait() noexcept { return Wait(*this); }

// ---- Between loops

// A coroutine that waits for a channel. The thread that completes it holds the channel's lock while it stores the result,
// takes the waiter from the list and posts it to its loop.
class ChannelWaiter : public Hook, public Link<WaitTag>, public Parcel {
  public:
    inline ChannelWaiter() noexcept : Parcel(&opened) {}
    inline ChannelWaiter(ChannelWaiter&&) noexcept : ChannelWaiter() {} // before it is awaited

    inline void bind(Frame& self) noexcept { frame = &self; }
    void wait(List<ChannelWaiter, WaitTag>& list, std::mutex& mutex, const char* operation) noexcept;
    void complete(const std::error_code& result) noexcept;
    // On its loop's thread, before the members are destroyed.
    void withdraw() noexcept;

    std::error_code error;

  private:
    static void opened(Parcel&, const Context*) noexcept;
    static void cancelled(Hook&) noexcept;

    std::mutex* mutex_ = nullptr; // while it waits: set and cleared on its loop's thread
};

/// A bounded queue between coroutines of any loops, and other threads.
///
///     mio::async::Channel<Job> jobs(64);
///     co_await jobs.send(std::move(job));                     // on one loop
///     while (auto next = co_await jobs.receive()) work(*next); // on others
///
/// Values are received in the order in which they were sent, each by one receiver. Those who wait are served in the
/// order in which they came. Any thread may call any member at any time; no member but the constructor allocates. The
/// channel cannot be moved, and must outlive those that wait for it.
///
/// `T` is moved under a lock: its move constructor must not throw, and must not use the channel.
export template <class T> class Channel {
    static_assert(std::is_nothrow_move_constructible_v<T>);

  public:
    /// A channel that holds at most `capacity` values. With 0 a value goes from a sender to a receiver that waits.
    /// Throws `std::bad_alloc`.
    explicit Channel(std::size_t capacity) : ring_(capacity) {}
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    class [[nodiscard]] Send;
    class [[nodiscard]] Receive;

    /// Sends `value`, and waits while the channel is full. Errors, after which the value is destroyed:
    /// `std::errc::broken_pipe` if the channel is closed, also while it waits; `operation_canceled`.
    [[nodiscard]] inline Send send(T value) noexcept { return Send(*this, std::move(value)); }
    /// Sends `value` if there is room. Errors, which leave `value` as it was: would-block; `std::errc::broken_pipe`.
    [[nodiscard]] Result<> try_send(T&& value) noexcept {
        const std::scoped_lock lock(mutex_);
        if (is_closed_) return std::unexpected(os_error(std::errc::broken_pipe));
        if (!put(value)) return std::unexpected(os_error(std::errc::operation_would_block));
        return {};
    }
    /// The same for a copy of `value`.
    [[nodiscard]] Result<> try_send(const T& value)
        requires std::constructible_from<T, const T&>
    {
        return try_send(T(value));
    }

    /// Receives the next value, and waits while there is none. Errors: `Errc::end_of_stream` if the channel is closed
    /// and empty; `operation_canceled`, after which it has received nothing. A coroutine that is destroyed after a value
    /// was passed to it, and before it resumes, destroys the value.
    [[nodiscard]] inline Receive receive() noexcept { return Receive(*this); }
    /// Receives the next value if there is one. Errors: would-block; `Errc::end_of_stream`.
    [[nodiscard]] Result<T> try_receive() noexcept {
        const std::scoped_lock lock(mutex_);
        std::optional<T> value;
        if (take(value)) return std::move(*value);
        if (is_closed_) return std::unexpected(make_error_code(Errc::end_of_stream));
        return std::unexpected(os_error(std::errc::operation_would_block));
    }

    /// Ends the channel: senders fail, those that wait too; receivers get what is in it, then `Errc::end_of_stream`.
    void close() noexcept {
        const std::scoped_lock lock(mutex_);
        is_closed_ = true;
        while (!senders_.empty()) senders_.front().complete(os_error(std::errc::broken_pipe));
        while (!receivers_.empty()) receivers_.front().complete(make_error_code(Errc::end_of_stream));
    }
    [[nodiscard]] bool is_closed() const noexcept {
        const std::scoped_lock lock(mutex_);
        return is_closed_;
    }
    /// The number of values in the channel, which other threads may change at any time.
    [[nodiscard]] std::size_t size() const noexcept {
        const std::scoped_lock lock(mutex_);
        return size_;
    }
    [[nodiscard]] std::size_t capacity() const noexcept { return ring_.size(); }

    class [[nodiscard]] Send : ChannelWaiter {
      public:
        inline Send(Channel& channel, T&& value) noexcept : channel_(&channel), value_(std::move(value)) {}
        inline Send(Send&& other) noexcept
            : ChannelWaiter(std::move(other)), channel_(other.channel_), value_(std::move(other.value_)) {}
        inline ~Send() { this->withdraw(); }

        using ChannelWaiter::bind;
        [[nodiscard]] bool await_ready() noexcept {
            if (this->frame->scope->is_cancelled()) {
                this->error = canceled_error();
                return true;
            }
            {
                const std::scoped_lock lock(channel_->mutex_);
                if (!attempt()) return false;
            }
            is_done_ = true;
            return this->frame->loop->spend();
        }
        bool await_suspend(std::coroutine_handle<>) noexcept {
            if (is_done_) {
                this->frame->loop->schedule(*this->frame);
                return true;
            }
            const std::scoped_lock lock(channel_->mutex_);
            if (attempt()) return false;
            this->wait(channel_->senders_, channel_->mutex_, "send");
            return true;
        }
        [[nodiscard]] Result<> await_resume() noexcept {
            if (this->error) return std::unexpected(this->error);
            return {};
        }

      private:
        friend class Channel;
        // True: it is over.
        bool attempt() noexcept {
            if (channel_->is_closed_) {
                this->error = os_error(std::errc::broken_pipe);
                return true;
            }
            return channel_->put(value_);
        }

        Channel* channel_;
        T value_;
        bool is_done_ = false;
    };

    class [[nodiscard]] Receive : ChannelWaiter {
      public:
        inline explicit Receive(Channel& channel) noexcept : channel_(&channel) {}
        inline Receive(Receive&& other) noexcept
            : ChannelWaiter(std::move(other)), channel_(other.channel_) {}
        inline ~Receive() { this->withdraw(); }

        using ChannelWaiter::bind;
        [[nodiscard]] bool await_ready() noexcept {
            if (this->frame->scope->is_cancelled()) {
                this->error = canceled_error();
                return true;
            }
            {
                const std::scoped_lock lock(channel_->mutex_);
                if (!attempt()) return false;
            }
            is_done_ = true;
            return this->frame->loop->spend();
        }
        bool await_suspend(std::coroutine_handle<>) noexcept {
            if (is_done_) {
                this->frame->loop->schedule(*this->frame);
                return true;
            }
            const std::scoped_lock lock(channel_->mutex_);
            if (attempt()) return false;
            this->wait(channel_->receivers_, channel_->mutex_, "receive");
            return true;
        }
        [[nodiscard]] Result<T> await_resume() noexcept {
            if (this->error) return std::unexpected(this->error);
            return std::move(*value_);
        }

      private:
        friend class Channel;
        bool attempt() noexcept {
            if (channel_->take(value_)) return true;
            if (!channel_->is_closed_) return false;
            this->error = make_error_code(Errc::end_of_stream);
            return true;
        }

        Channel* channel_;
        std::optional<T> value_;
        bool is_done_ = false;
    };

  private:
    // Under the lock. False: there is no room, and `value` is as it was.
    bool put(T& value) noexcept {
        if (!receivers_.empty()) {
            auto& receiver = static_cast<Receive&>(receivers_.front());
            receiver.value_.emplace(std::move(value));
            receiver.complete({});
            return true;
        }
        if (size_ == ring_.size()) return false;
        ring_[(first_ + size_) % ring_.size()].emplace(std::move(value));
        ++size_;
        return true;
    }
    // Under the lock. False: there is none.
    bool take(std::optional<T>& value) noexcept {
        if (size_ != 0) {
            value.emplace(std::move(*ring_[first_]));
            ring_[first_].reset();
            first_ = (first_ + 1) % ring_.size();
            --size_;
            if (!senders_.empty()) {
                auto& sender = static_cast<Send&>(senders_.front());
                ring_[(first_ + size_) % ring_.size()].emplace(std::move(sender.value_));
                ++size_;
                sender.complete({});
            }
            return true;
        }
        if (senders_.empty()) return false;
        auto& sender = static_cast<Send&>(senders_.front()); // the capacity is 0
        value.emplace(std::move(sender.value_));
        sender.complete({});
        return true;
    }

    mutable std::mutex mutex_;
    List<ChannelWaiter, WaitTag> senders_;
    List<ChannelWaiter, WaitTag> receivers_;
    std::vector<std::optional<T>> ring_;
    std::size_t first_ = 0;
    std::size_t size_ = 0;
    bool is_closed_ = false;
};

// ---- Work elsewhere

template <class R> struct ErrandValue {
    using Type = R;
    static constexpr bool is_task = false;
};
template <class T> struct ErrandValue<Task<T>> {
    using Type = T;
    static constexpr bool is_task = true;
};
template <class T> struct ErrandOutput {
    using Type = Result<T>;
};
template <class T> struct ErrandOutput<Result<T>> {
    using Type = Result<T>;
};

class ErrandWaiter;

/// A function on its way to another thread, and its result on the way back. It belongs to the thread that has it, and is
/// destroyed on the thread that sent it, or on the last one if that loop is gone. For authors of awaitables.
export class Errand : public Parcel {
  public:
    Errand(const Errand&) = delete;
    Errand& operator=(const Errand&) = delete;

    /// Whether the sender no longer waits for the result.
    [[nodiscard]] inline bool is_abandoned() const noexcept {
        return is_abandoned_.load(std::memory_order_relaxed);
    }
    /// Sends it back, with a result, or without one if the function did not run.
    void go_home() noexcept;

    /// For the queue of a thread pool.
    void (*work)(Errand&) noexcept = nullptr;
    Errand* next_errand = nullptr;
    std::exception_ptr failure;
    std::error_code error; // of an errand that has no result; empty: it was cancelled

  protected:
    inline Errand(Open on_open, LoopCore& home, void (*destroy)(Errand&) noexcept) noexcept
        : Parcel(on_open), home_(home.remote()), destroy_(destroy) {}
    ~Errand() = default;

  private:
    friend class ErrandWaiter;
    static void returned(Parcel&, const Context*) noexcept;

    RemoteLoop home_;
    ErrandWaiter* waiter_ = nullptr; // on the home thread
    std::atomic<bool> is_abandoned_ = false;
    void (*destroy_)(Errand&) noexcept;
};

/// An errand with its function and its result.
export template <class F> class ErrandOf final : public Errand {
  public:
    using Returned = std::invoke_result_t<F&>;
    using Value = typename ErrandValue<Returned>::Type;
    using Output = typename ErrandOutput<Value>::Type;
    static constexpr bool is_task = ErrandValue<Returned>::is_task;

    /// Null without memory.
    [[nodiscard]] static ErrandOf* create(Open on_open, LoopCore& home, F&& function) {
        static_assert(alignof(ErrandOf) <= alignof(void*) * 2);
        std::unique_ptr<void, FreePlace> place(try_allocate_frame(sizeof(ErrandOf)));
        if (place == nullptr) return nullptr;
        auto* const errand = ::new (place.get()) ErrandOf(on_open, home, std::move(function)); // may throw
        static_cast<void>(place.release());
        return errand;
    }

    F fn;
    std::optional<Output> result;

  private:
    struct FreePlace {
        inline void operator()(void* place) const noexcept { free_frame(place, sizeof(ErrandOf)); }
    };
    inline ErrandOf(Open on_open, LoopCore& home, F&& function)
        : Errand(on_open, home, &destroyed), fn(std::move(function)) {}
    static void destroyed(Errand& errand) noexcept {
        auto& self = static_cast<ErrandOf&>(errand);
        self.~ErrandOf();
        free_frame(&self, sizeof(ErrandOf));
    }
};

/// Sends an errand home when the coroutine that runs it ends, or is destroyed.
export class ErrandGuard {
  public:
    inline explicit ErrandGuard(Errand& errand) noexcept : errand_(&errand) {}
    inline ErrandGuard(ErrandGuard&& other) noexcept : errand_(std::exchange(other.errand_, nullptr)) {}
    inline ~ErrandGuard() {
        if (errand_ != nullptr) errand_->go_home();
    }

  private:
    Errand* errand_;
};

/// The coroutine that runs an errand: its promise catches exceptions also where `try` is no keyword.
export template <class E> [[nodiscard]] Task<> run_errand(E& errand, ErrandGuard guard) {
    static_cast<void>(guard);
    if constexpr (E::is_task) {
        if constexpr (std::is_void_v<typename E::Value>) {
            co_await errand.fn();
            errand.result.emplace();
        } else {
            errand.result.emplace(co_await errand.fn());
        }
    } else if constexpr (std::is_void_v<typename E::Value>) {
        errand.fn();
        errand.result.emplace();
    } else {
        errand.result.emplace(errand.fn());
    }
    co_return;
}
/// Makes that coroutine, for an errand of the class `E`. Throws `std::bad_alloc`; the errand then has gone home.
export template <class E> [[nodiscard]] Task<> make_errand_task(Errand& errand) {
    auto& own = static_cast<E&>(errand);
    return run_errand(own, ErrandGuard(own));
}
using MakeErrandTask = Task<> (*)(Errand&);

// Both send the errand home with `not_enough_memory` if its coroutine cannot be made.
// Starts it on a loop's thread; it may wait there.
void start_errand(Errand& errand, MakeErrandTask make, LoopCore& loop) noexcept;
/// Runs it on a thread without a loop.
export void run_errand_here(Errand& errand, MakeErrandTask make) noexcept;

class ErrandWaiter : public Hook {
  public:
    ErrandWaiter() noexcept = default;
    inline ErrandWaiter(ErrandWaiter&&) noexcept {} // before it is awaited
    inline ~ErrandWaiter() { give_up(); }

    inline void bind(Frame& self) noexcept { frame = &self; }
    // The errand is on its way.
    void wait(Errand& errand, const char* operation) noexcept;

  protected:
    void give_up() noexcept; // the errand comes back to nothing
    static void release(Errand& errand) noexcept { errand.destroy_(errand); }

    Errand* errand_ = nullptr;
    std::error_code error_; // the wait ends with it, and without the errand

  private:
    friend class Errand;
    static void cancelled(Hook&) noexcept;
};

/// Waits for the result of a function on another thread. `Sender::send(errand)` sends it there.
export template <class F, class Sender> class [[nodiscard]] Away : ErrandWaiter {
    using E = ErrandOf<F>;

  public:
    inline Away(Sender sender, const char* operation, F&& fn)
        : sender_(std::move(sender)), operation_(operation), fn_(std::move(fn)) {}
    inline Away(Away&& other)
        : ErrandWaiter(std::move(other)), sender_(std::move(other.sender_)), operation_(other.operation_),
          fn_(std::move(other.fn_)) {}
    inline ~Away() { give_up(); }

    using ErrandWaiter::bind;
    [[nodiscard]] inline bool await_ready() noexcept {
        if (!frame->scope->is_cancelled()) return false;
        error_ = canceled_error();
        return true;
    }
    bool await_suspend(std::coroutine_handle<>) {
        E* const errand = E::create(Sender::template opened<E>, *frame->loop, std::move(fn_));
        if (errand == nullptr) {
            error_ = os_error(std::errc::not_enough_memory);
            return false;
        }
        errand->work = &Sender::template worked<E>;
        if (auto sent = sender_.send(*errand); !sent) {
            release(*errand);
            error_ = sent.error();
            return false;
        }
        wait(*errand, operation_);
        return true;
    }
    typename E::Output await_resume() {
        if (error_) return std::unexpected(error_);
        E& errand = static_cast<E&>(*std::exchange(errand_, nullptr));
        const Release release_it(errand);
        if (errand.failure) std::rethrow_exception(errand.failure);
        if (!errand.result) return std::unexpected(errand.error ? errand.error : canceled_error());
        return std::move(*errand.result);
    }

  private:
    struct Release {
        inline explicit Release(E& back) noexcept : errand(back) {}
        Release(const Release&) = delete;
        inline ~Release() { release(errand); }
        E& errand;
    };

    Sender sender_;
    const char* operation_;
    F fn_;
};

class CallSender {
  public:
    inline explicit CallSender(const RemoteLoop& remote) noexcept : remote_(remote) {}
    [[nodiscard]] inline Result<> send(Errand& errand) const noexcept { return remote_.post(errand); }

    template <class E> static void opened(Parcel& parcel, const Context* there) noexcept {
        auto& errand = static_cast<Errand&>(parcel);
        if (there == nullptr || errand.is_abandoned())
            errand.go_home();
        else
            start_errand(errand, &make_errand_task<E>, *there->loop);
    }
    template <class E> static void worked(Errand&) noexcept {}

  private:
    RemoteLoop remote_;
};

/// See `RemoteLoop::call`.
export template <class F> [[nodiscard]] inline auto make_call(const RemoteLoop& remote, F fn) {
    return Away<F, CallSender>(CallSender(remote), "call", std::move(fn));
}

} // namespace mio::async
