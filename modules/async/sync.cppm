/// @file
/// Communication between coroutines: events within a loop, channels and calls between loops.

export module mio.async.sync;

import mio.std;
import mio.core;
import mio.async.job;
import mio.async.internal;
import mio.async.loop;
import mio.async.task;

namespace mio::async {

// Within a loop.

/// A condition that coroutines of one loop wait for.
///
/// It cannot be moved, and belongs to its loop's thread. Destroying it ends waits with `operation_canceled`.
export class Event {
  public:
    explicit Event(bool is_set = false) noexcept : is_set_(is_set) {}
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    ~Event();

    /// Ends all waits; until `reset`, later ones end at once. The coroutines resume after the next poll.
    void set() noexcept;
    inline void reset() noexcept { is_set_ = false; }
    [[nodiscard]] inline bool is_set() const noexcept { return is_set_; }

    class [[nodiscard]] Wait;
    /// Waits until the event is set. Succeeds even if the event is reset before the coroutine resumes. Error:
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

// Between loops.

// A coroutine that waits for a channel. The thread that completes the wait holds the channel's lock while it stores the
// result, takes the waiter from the list and posts it to its loop.
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
/// Values are received in the order in which they were sent, each by one receiver. Waiting coroutines are served in
/// order. Any thread may call any member at any time; only the constructor allocates. The channel cannot be moved, and
/// must outlive the coroutines that wait for it.
///
/// `T` is moved under a lock: its move constructor must not throw, and must not use the channel.
export template <class T> class Channel {
    static_assert(std::is_nothrow_move_constructible_v<T>);

  public:
    /// A channel that holds at most `capacity` values. With capacity 0, a sender waits for a receiver.
    /// Throws `std::bad_alloc`.
    explicit Channel(std::size_t capacity) : ring_(capacity) {}
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    class [[nodiscard]] Send;
    class [[nodiscard]] Receive;

    /// Sends `value`, waiting while the channel is full. Errors, after which the value is destroyed:
    /// `std::errc::broken_pipe` if the channel is closed, even during the wait; `operation_canceled`.
    [[nodiscard]] inline Send send(T value) noexcept { return Send(*this, std::move(value)); }
    /// Sends `value` if there is room. Errors, which leave `value` unchanged: would-block; `std::errc::broken_pipe`.
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

    /// Receives the next value, waiting while there is none. Errors: `Errc::end_of_stream` if the channel is closed and
    /// empty; `operation_canceled`, after which no value has been received. If the coroutine is destroyed between the
    /// receipt of a value and its resumption, the value is lost.
    [[nodiscard]] inline Receive receive() noexcept { return Receive(*this); }
    /// Receives the next value if there is one. Errors: would-block; `Errc::end_of_stream`.
    [[nodiscard]] Result<T> try_receive() noexcept {
        const std::scoped_lock lock(mutex_);
        std::optional<T> value;
        if (take(value)) return std::move(*value);
        if (is_closed_) return std::unexpected(make_error_code(Errc::end_of_stream));
        return std::unexpected(os_error(std::errc::operation_would_block));
    }

    /// Closes the channel: senders fail, also waiting ones; receivers get the remaining values, then
    /// `Errc::end_of_stream`.
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
        // Returns true if the operation has ended.
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
    // With the lock held. Returns false, leaving `value` unchanged, if there is no room.
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
    // With the lock held. Returns false if there is no value.
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

// Calls of other loops.

class CallSender {
  public:
    inline explicit CallSender(const RemoteLoop& remote) noexcept : remote_(remote) {}
    [[nodiscard]] inline Result<> send(Job& job) const noexcept { return remote_.post(job); }

    template <class E> static void opened(Parcel& parcel, const Context* there) noexcept {
        auto& job = static_cast<Job&>(parcel);
        if (there == nullptr || job.is_abandoned())
            job.send_back();
        else
            start_job(job, &make_job_task<E>, *there->loop);
    }
    template <class E> static void worked(Job&) noexcept {}

  private:
    RemoteLoop remote_;
};

/// Internal: see `RemoteLoop::call`.
export template <class F> [[nodiscard]] inline auto make_call(const RemoteLoop& remote, F fn) {
    return JobOperation<F, CallSender>(CallSender(remote), "call", std::move(fn));
}

} // namespace mio::async
