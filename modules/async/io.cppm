/// @file
/// Sources that coroutines wait for.

export module mio.async.io;

import mio.std;
import mio.core;
import mio.net.socket;
import mio.sys;
import mio.async.internal;
import mio.async.loop;
import mio.async.task;

namespace mio::async {

/// The interest that `Async` registers a source for, unless its constructor is passed another one.
export template <class S>
inline constexpr Interest default_interest = Interest::readable | Interest::writable;

/// Whether the next read would block after one that returned less than requested, and the next write after one that
/// accepted less than it was given; this saves the attempt. False for sources of messages, and for those whose
/// operations have limits of their own.
export template <class S> inline constexpr bool is_drained_by_short_read = false;
export template <class S> inline constexpr bool is_filled_by_short_write = false;

// A read of a TCP stream also stops before urgent data, after which there is no further edge; epoll reports urgent data
// if requested.
inline constexpr bool has_edges_of_urgent_data =
    backend_traits::has_priority && backend_traits::reports_data_behind_data_left_unread;

// Storage for the result of an operation, constructed when the operation ends.
template <class R> class Outcome {
  public:
    inline Outcome() noexcept {}
    Outcome(const Outcome&) = delete;
    Outcome& operator=(const Outcome&) = delete;
    inline ~Outcome() {
        if (is_set_) std::destroy_at(&result_);
    }
    inline void set(R&& result) noexcept {
        std::construct_at(&result_, std::move(result));
        is_set_ = true;
    }
    /// Stores what `f` returns, without moving it.
    template <class F> inline R& set_from(F&& f) noexcept(noexcept(f())) {
        ::new (static_cast<void*>(&result_)) R(f());
        is_set_ = true;
        return result_;
    }
    inline void reset() noexcept {
        std::destroy_at(&result_);
        is_set_ = false;
    }
    [[nodiscard]] inline bool is_set() const noexcept { return is_set_; }
    [[nodiscard]] inline R take() noexcept { return std::move(result_); }

  private:
    union {
        R result_;
    };
    bool is_set_ = false;
};

/// A source, such as a socket, whose operations coroutines wait for.
///
/// An operation is tried when it is awaited. If it would block, the coroutine is suspended, and the loop retries the
/// operation at each event; the coroutine resumes with the result. The first operation that blocks registers the
/// source with the loop of its coroutine, permanently. Until then the source may be moved to another thread. Any
/// number of coroutines may wait; those that wait for one direction are served in order.
///
/// **Cancellation.** In a cancelled scope an operation returns `std::errc::operation_canceled` without being tried.
/// One that waits ends with that error and has transferred nothing, unless documented otherwise. No data is lost: an
/// operation that has succeeded returns its result, even if it is cancelled before its coroutine resumes.
///
/// Closing, moving or destroying the source ends waiting operations with `operation_canceled`. A source that is
/// registered with another loop that exists fails with `Errc::other_registry`.
///
/// `S` may be any movable type that models `Source`.
export template <Source S> class Async {
  public:
    /// Takes `source`, which must not be registered. `interest` contains readable, writable or both.
    inline explicit Async(S source, Interest interest = default_interest<S>) noexcept
        : source_(std::move(source)), interest_(with_urgent_data(interest)) {}
    inline Async(Async&& other) noexcept
        : source_((other.end_waiters(), std::move(other.source_))),
          slot_(std::exchange(other.slot_, nullptr)), interest_(other.interest_) {}
    inline Async& operator=(Async&& other) noexcept {
        if (this == &other) return *this;
        other.end_waiters();
        close_slot();
        source_ = std::move(other.source_);
        slot_ = std::exchange(other.slot_, nullptr);
        interest_ = other.interest_;
        return *this;
    }
    inline ~Async() { close_slot(); }

    /// The source, for options, addresses and the like. Use `perform` for operations that may block.
    [[nodiscard]] inline const S& source() const noexcept { return source_; }
    [[nodiscard]] inline S& source() noexcept { return source_; }

    /// Ends waiting operations and the registration, and returns the source, for use with another loop or without one.
    [[nodiscard]] inline S into_source() && noexcept {
        if (slot_ != nullptr) {
            if (auto* const loop = slot_->loop()) static_cast<void>(loop->registry().remove(source_));
            close_slot();
        }
        return std::move(source_);
    }

    /// Closes the source. Waiting operations end with `operation_canceled`, later ones fail.
    inline void close() noexcept {
        close_slot();
        S closed(std::move(source_));
    }

    /// Waits until the source is readable or writable: data or room, end of stream, or an error. Each call has the
    /// kernel check the source, so that other code may have used it in between; `perform` costs less. Errors: as for
    /// any operation, and those of `Registry::add`. @{
    [[nodiscard]] inline auto readable() noexcept;
    [[nodiscard]] inline auto writable() noexcept;
    /// @}

    /// Waits for an event with `Event::is_error` or `Event::is_write_closed`, for example because the peer has reset
    /// the connection. It does not depend on unread data or on other waiting operations. It ends at once if such an
    /// event has arrived since the last `hung_up`. The source's `take_error` then returns the error, or none if both
    /// sides have shut down writing.
    ///
    ///     // Stops working for a client that has disconnected.
    ///     co_await when_any(reply(client), client.hung_up());
    ///
    /// A peer that has only shut down writing has not hung up: a read returns end of stream. Errors: as `readable`.
    [[nodiscard]] inline auto hung_up() noexcept;

    /// A user-defined operation: calls `operation(source)`, which returns a `Result`, until it returns neither
    /// would-block nor interrupted. `interest` is `readable` or `writable`: the direction in which it can block. The
    /// operation runs through the source's `try_io`, if it has one. It must not throw.
    ///
    ///     auto got = co_await device.perform(Interest::readable, [&](auto& source) { return read_record(source); });
    template <class Op> [[nodiscard]] inline auto perform(Interest interest, Op operation);

    // For operations.

    /// Whether to try an operation; see `Slot::may_try`.
    [[nodiscard]] inline bool may_try(Direction direction) const noexcept {
        return slot_ == nullptr || slot_->may_try(direction);
    }
    inline void blocked(Direction direction) noexcept {
        if (slot_ != nullptr) slot_->blocked(direction);
    }
    /// After a short read: returns true if another one would block, because nothing is left.
    inline bool drained() noexcept {
        if constexpr (is_drained_by_short_read<S>) {
            if (slot_ == nullptr || slot_->is_closed(Direction::read)) return false;
            slot_->blocked(Direction::read);
            source_.exhausted(Interest::readable);
            return true;
        } else {
            return false;
        }
    }
    /// After a short write: returns true if another one would block.
    inline bool filled() noexcept {
        if constexpr (is_filled_by_short_write<S>) {
            if (slot_ == nullptr || slot_->is_closed(Direction::write)) return false;
            slot_->blocked(Direction::write);
            source_.exhausted(Interest::writable);
            return true;
        } else {
            return false;
        }
    }
    /// Registers the source if it is not, and queues `waiter`.
    [[nodiscard]] inline Result<> wait(Direction direction, Waiter& waiter) noexcept {
        if (slot_ == nullptr || slot_->loop() != waiter.frame->loop) [[unlikely]]
            if (auto added = add(*waiter.frame->loop); !added) return added;
        slot_->wait(direction, waiter);
        return {};
    }
    /// As `wait`, but does not end before another event.
    [[nodiscard]] Result<> wait_for_event(Direction direction, Waiter& waiter) noexcept {
        if (slot_ == nullptr || slot_->loop() != waiter.frame->loop) return wait(direction, waiter);
        // A condition that holds is reported again.
        if (auto modified = slot_->loop()->registry().modify(source_, slot_->token(), interest_); !modified)
            return modified;
        slot_->blocked(direction);
        slot_->wait(direction, waiter);
        return {};
    }

    /// As `wait`, for `hung_up`. Returns true if it has been reported; `waiter` is then not queued.
    [[nodiscard]] Result<bool> wait_for_hang_up(Waiter& waiter) noexcept {
        if (slot_ == nullptr || slot_->loop() != waiter.frame->loop)
            if (auto added = add(*waiter.frame->loop); !added) return std::unexpected(added.error());
        return slot_->wait_for_hang_up(waiter);
    }

  private:
    [[nodiscard]] static constexpr Interest with_urgent_data(Interest interest) noexcept {
        if constexpr (is_drained_by_short_read<S> && has_edges_of_urgent_data)
            return interest.is_readable() ? interest | Interest::priority : interest;
        else
            return interest;
    }
    inline void end_waiters() noexcept {
        if (slot_ != nullptr) slot_->cancel_waiters();
    }
    inline void close_slot() noexcept {
        if (slot_ != nullptr) std::exchange(slot_, nullptr)->close();
    }
    [[nodiscard]] Result<> add(LoopCore& loop) noexcept {
        if (slot_ != nullptr) {
            if (slot_->loop() != nullptr) return std::unexpected(make_error_code(Errc::other_registry));
            close_slot(); // that loop is gone, and the registration with it
        }
        Slot* const slot = loop.open_slot();
        if (slot == nullptr) return std::unexpected(os_error(std::errc::not_enough_memory));
        if (auto added = loop.registry().add(source_, slot->token(), interest_); !added) {
            slot->close();
            return added;
        }
        slot_ = slot;
        return {};
    }

    S source_;
    Slot* slot_ = nullptr; // once it is registered
    Interest interest_;
};

/// The awaitable of one operation; see `Async`. Calls `Op` with the `Async` until the result is not would-block.
///
/// An `Op` has a member `direction`, in which it can block, and a static member `name`, for `dump`. Optional members:
/// `stopped(error)` returns the result of an operation that was cancelled or failed, by default
/// `std::unexpected(error)`; `is_empty()` returns true if `Op` has nothing to transfer and therefore never blocks.
export template <class S, class Op> class [[nodiscard]] Operation : Waiter {
  public:
    using Output = std::invoke_result_t<Op&, Async<S>&>;

    inline Operation(Async<S>& io, Op op) noexcept : io_(&io), op_(std::move(op)) {}
    inline Operation(Operation&& other) noexcept // before it is awaited
        : io_(other.io_), op_(std::move(other.op_)) {}

    inline void bind(Frame& self) noexcept { frame = &self; }
    [[nodiscard]] inline bool await_ready() noexcept {
        if (frame->scope->is_cancelled()) [[unlikely]] {
            stop(canceled_error());
            return true;
        }
        return (io_->may_try(op_.direction) || has_nothing_to_transfer()) && try_once()
               && frame->loop->spend();
    }
    inline bool await_suspend(std::coroutine_handle<>) noexcept {
        if (outcome_.is_set()) { // it has used up its time slice
            frame->loop->schedule(*frame);
            return true;
        }
        if (auto waits = io_->wait(op_.direction, *this); !waits) [[unlikely]] {
            stop(waits.error());
            return false;
        }
        name = Op::name;
        attempt = &attempted;
        on_cancel = &cancelled;
        frame->scope->add(*this);
        return true;
    }
    [[nodiscard]] inline Output await_resume() noexcept { return outcome_.take(); }

  private:
    // An operation on a stream without bytes to transfer never blocks.
    [[nodiscard]] inline bool has_nothing_to_transfer() const noexcept {
        if constexpr (requires { op_.is_empty(); })
            return op_.is_empty();
        else
            return false;
    }
    inline bool try_once() noexcept {
        while (true) {
            const Output& result = outcome_.set_from([this]() -> Output { return op_(*io_); });
            if (result) [[likely]]
                return true;
            if (would_block(result.error())) {
                outcome_.reset();
                io_->blocked(op_.direction);
                return false;
            }
            if (!interrupted(result.error())) return true;
            outcome_.reset();
        }
    }
    void stop(const std::error_code& error) noexcept {
        if constexpr (requires { op_.stopped(error); })
            outcome_.set(op_.stopped(error));
        else
            outcome_.set(std::unexpected(error));
    }
    static bool attempted(Waiter& waiter) noexcept { return static_cast<Operation&>(waiter).try_once(); }
    static void cancelled(Hook& hook) noexcept {
        auto& self = static_cast<Operation&>(static_cast<Waiter&>(hook));
        static_cast<Link<WaitTag>&>(self).unlink();
        self.stop(canceled_error());
        self.frame->loop->schedule(*self.frame);
    }

    Async<S>* io_;
    Op op_;
    Outcome<Output> outcome_;
};

// Waits for an event.
template <class S> class [[nodiscard]] Readiness : Waiter {
  public:
    inline Readiness(Async<S>& io, Direction direction) noexcept : io_(&io), direction_(direction) {}
    inline Readiness(Readiness&& other) noexcept : io_(other.io_), direction_(other.direction_) {}

    inline void bind(Frame& self) noexcept { frame = &self; }
    [[nodiscard]] inline bool await_ready() noexcept {
        if (!frame->scope->is_cancelled()) return false;
        result_ = std::unexpected(canceled_error());
        return true;
    }
    bool await_suspend(std::coroutine_handle<>) noexcept {
        if (auto waits = io_->wait_for_event(direction_, *this); !waits) {
            result_ = waits;
            return false;
        }
        name = direction_ == Direction::read ? "readable" : "writable";
        attempt = &attempted;
        on_cancel = &cancelled;
        frame->scope->add(*this);
        return true;
    }
    [[nodiscard]] inline Result<> await_resume() const noexcept { return result_; }

  private:
    static bool attempted(Waiter&) noexcept { return true; }
    static void cancelled(Hook& hook) noexcept {
        auto& self = static_cast<Readiness&>(static_cast<Waiter&>(hook));
        static_cast<Link<WaitTag>&>(self).unlink();
        self.result_ = std::unexpected(canceled_error());
        self.frame->loop->schedule(*self.frame);
    }

    Async<S>* io_;
    Direction direction_;
    Result<> result_;
};

// Waits for a hang-up.
template <class S> class [[nodiscard]] HangUp : Waiter {
  public:
    inline explicit HangUp(Async<S>& io) noexcept : io_(&io) {}
    inline HangUp(HangUp&& other) noexcept : io_(other.io_) {} // before it is awaited

    inline void bind(Frame& self) noexcept { frame = &self; }
    [[nodiscard]] inline bool await_ready() noexcept {
        if (!frame->scope->is_cancelled()) return false;
        result_ = std::unexpected(canceled_error());
        return true;
    }
    bool await_suspend(std::coroutine_handle<>) noexcept {
        const auto reported = io_->wait_for_hang_up(*this);
        if (!reported) {
            result_ = std::unexpected(reported.error());
            return false;
        }
        if (*reported) {
            frame->loop->schedule(*frame);
            return true;
        }
        name = "hung_up";
        on_cancel = &cancelled;
        frame->scope->add(*this);
        return true;
    }
    [[nodiscard]] inline Result<> await_resume() const noexcept { return result_; }

  private:
    static void cancelled(Hook& hook) noexcept {
        auto& self = static_cast<HangUp&>(static_cast<Waiter&>(hook));
        static_cast<Link<WaitTag>&>(self).unlink();
        self.result_ = std::unexpected(canceled_error());
        self.frame->loop->schedule(*self.frame);
    }

    Async<S>* io_;
    Result<> result_;
};

// The operation of `perform`.
template <class S, class Op> struct SourceOp {
    static constexpr const char* name = "perform";
    Op op;
    Direction direction;
    inline auto operator()(Async<S>& io) {
        const Interest interest = direction == Direction::write ? Interest::writable : Interest::readable;
        if constexpr (requires { io.source().try_io(interest, [] { return Result<>(); }); })
            return io.source().try_io(interest, [&] { return op(io.source()); });
        else
            return op(io.source());
    }
};

template <Source S> inline auto Async<S>::hung_up() noexcept { return HangUp<S>(*this); }
template <Source S> inline auto Async<S>::readable() noexcept { return Readiness<S>(*this, Direction::read); }
template <Source S> inline auto Async<S>::writable() noexcept {
    return Readiness<S>(*this, Direction::write);
}
template <Source S> template <class Op> inline auto Async<S>::perform(Interest interest, Op operation) {
    return Operation<S, SourceOp<S, Op>>(
        *this,
        SourceOp<S, Op>{std::move(operation), interest.is_writable() ? Direction::write : Direction::read});
}

/// The number of bytes transferred, and the error that ended the transfer, if any.
///
/// It behaves as a `Result<std::size_t>`: true without an error. The count is valid in any case.
export class [[nodiscard]] Transferred {
  public:
    inline Transferred(std::size_t count) noexcept : count_(count) {}
    inline Transferred(std::size_t count, const std::error_code& error) noexcept : count_(count) {
        set_error(error);
    }

    /// Bytes transferred, also before an error.
    [[nodiscard]] inline std::size_t count() const noexcept { return count_; }
    /// Whether there was no error.
    [[nodiscard]] inline bool has_value() const noexcept { return value_ == 0; }
    [[nodiscard]] inline explicit operator bool() const noexcept { return value_ == 0; }
    [[nodiscard]] inline std::size_t operator*() const noexcept { return count_; }
    [[nodiscard]] inline std::size_t value() const noexcept { return count_; }
    /// The error; empty without one.
    [[nodiscard]] inline std::error_code error() const noexcept {
        return value_ == 0 ? std::error_code() : std::error_code(value_, *category_);
    }
    /// As a `Result`; if there is an error, the count is lost.
    [[nodiscard]] inline Result<std::size_t> result() const noexcept {
        if (value_ != 0) return std::unexpected(error());
        return count_;
    }
    /// For `timeout`.
    inline void set_error(const std::error_code& error) noexcept {
        value_ = error.value();
        category_ = &error.category();
    }

  private:
    // Not a `std::error_code`, whose constructor calls a function.
    std::size_t count_;
    int value_ = 0;
    const std::error_category* category_ = nullptr;
};

// Streams of bytes.

// Whether all buffers are empty.
template <class Slice> [[nodiscard]] inline bool are_empty(std::span<const Slice> buffers) noexcept {
    for (const Slice& buffer : buffers)
        if (!buffer.bytes().empty()) return false;
    return true;
}

// Named types instead of lambdas: importers cannot move a closure that an inline member of an exported class made
// (Clang 19).
template <class S> struct ReadOp {
    static constexpr Direction direction = Direction::read;
    static constexpr const char* name = "read";
    std::span<std::byte> buffer;
    [[nodiscard]] inline bool is_empty() const noexcept { return buffer.empty(); }
    [[nodiscard]] inline Result<std::size_t> operator()(Async<S>& io) const noexcept {
        if (is_empty()) [[unlikely]]
            return 0;
        auto got = io.source().read(buffer);
        if (got && *got < buffer.size() && *got != 0) io.drained();
        return got;
    }
};

template <class S> struct PeekOp {
    static constexpr Direction direction = Direction::read;
    static constexpr const char* name = "peek";
    std::span<std::byte> buffer;
    [[nodiscard]] inline bool is_empty() const noexcept { return buffer.empty(); }
    [[nodiscard]] inline Result<std::size_t> operator()(Async<S>& io) const noexcept {
        if (is_empty()) [[unlikely]]
            return 0;
        return io.source().peek(buffer);
    }
};

template <class S> struct ReadVectoredOp {
    static constexpr Direction direction = Direction::read;
    static constexpr const char* name = "read_vectored";
    std::span<const net::IoSliceMut> buffers;
    [[nodiscard]] inline bool is_empty() const noexcept { return are_empty(buffers); }
    [[nodiscard]] inline Result<std::size_t> operator()(Async<S>& io) const noexcept {
        if (is_empty()) [[unlikely]]
            return 0;
        return io.source().read_vectored(buffers);
    }
};

template <class S> struct WriteOp {
    static constexpr Direction direction = Direction::write;
    static constexpr const char* name = "write";
    std::span<const std::byte> bytes;
    [[nodiscard]] inline bool is_empty() const noexcept { return bytes.empty(); }
    [[nodiscard]] inline Result<std::size_t> operator()(Async<S>& io) const noexcept {
        auto put = io.source().write(bytes);
        if (put && *put < bytes.size()) io.filled();
        return put;
    }
};

template <class S> struct WriteVectoredOp {
    static constexpr Direction direction = Direction::write;
    static constexpr const char* name = "write_vectored";
    std::span<const net::IoSlice> buffers;
    [[nodiscard]] inline bool is_empty() const noexcept { return are_empty(buffers); }
    [[nodiscard]] inline Result<std::size_t> operator()(Async<S>& io) const noexcept {
        return io.source().write_vectored(buffers);
    }
};

template <class S> struct ReadExactOp {
    static constexpr Direction direction = Direction::read;
    static constexpr const char* name = "read_exact";
    std::span<std::byte> buffer;
    std::size_t count = 0;
    [[nodiscard]] inline bool is_empty() const noexcept { return buffer.empty(); }
    [[nodiscard]] inline Transferred operator()(Async<S>& io) noexcept {
        while (count < buffer.size()) {
            const auto got = io.source().read(buffer.subspan(count));
            if (!got) return {count, got.error()};
            if (*got == 0) return {count, make_error_code(Errc::end_of_stream)};
            count += *got;
            if (count < buffer.size() && io.drained())
                return {count, os_error(std::errc::operation_would_block)};
        }
        return {count};
    }
    [[nodiscard]] inline Transferred stopped(const std::error_code& error) const noexcept {
        return {count, error};
    }
};

template <class S> struct WriteAllOp {
    static constexpr Direction direction = Direction::write;
    static constexpr const char* name = "write_all";
    std::span<const std::byte> bytes;
    std::size_t count = 0;
    [[nodiscard]] inline bool is_empty() const noexcept { return bytes.empty(); }
    [[nodiscard]] inline Transferred operator()(Async<S>& io) noexcept {
        while (count < bytes.size()) {
            const auto put = io.source().write(bytes.subspan(count));
            if (!put) return {count, put.error()};
            count += *put;
            if (count < bytes.size() && io.filled())
                return {count, os_error(std::errc::operation_would_block)};
        }
        return {count};
    }
    [[nodiscard]] inline Transferred stopped(const std::error_code& error) const noexcept {
        return {count, error};
    }
};

/// A source that bytes can be read from and written to, such as `TcpStream`. Buffers must live until the operation
/// ends.
///
/// One coroutine may read while another one writes. Several readers, or several writers, take turns by operation, which
/// makes sense only if each operation transfers a whole message.
export template <Source S> class ByteStream : public Async<S> {
  public:
    using Async<S>::Async;

    /// Reads at most `buffer.size()` bytes and returns their number; 0 is the end of the stream (or an empty buffer).
    /// Errors: as the source's `read`, without would-block. If cancelled or timed out, it has read nothing.
    [[nodiscard]] inline auto read(std::span<std::byte> buffer) noexcept
        requires requires(S& s) { s.read(buffer); }
    {
        return Operation<S, ReadOp<S>>(*this, {buffer});
    }
    /// Reads until `buffer` is full. The result has the number of bytes read also if there is an error:
    /// `Errc::end_of_stream` if the stream ends before; those of `read`; `operation_canceled`. If cancelled or timed
    /// out, it may have read a part: exactly the count was taken from the stream.
    [[nodiscard]] inline auto read_exact(std::span<std::byte> buffer) noexcept
        requires requires(S& s) { s.read(buffer); }
    {
        return Operation<S, ReadExactOp<S>>(*this, {buffer});
    }
    /// As `read`, into several buffers in order. The array of buffers must live as long as they do. Returns 0 at once
    /// if all of them are empty.
    [[nodiscard]] inline auto read_vectored(std::span<const net::IoSliceMut> buffers) noexcept
        requires requires(S& s) { s.read_vectored(buffers); }
    {
        return Operation<S, ReadVectoredOp<S>>(*this, {buffers});
    }
    /// As `read`, but leaves the data in the receive queue.
    [[nodiscard]] inline auto peek(std::span<std::byte> buffer) noexcept
        requires requires(S& s) { s.peek(buffer); }
    {
        return Operation<S, PeekOp<S>>(*this, {buffer});
    }

    /// Writes at least one byte of `bytes`, as many as fit, and returns their number. Errors: as the source's `write`,
    /// without would-block. If cancelled or timed out, it has written nothing.
    [[nodiscard]] inline auto write(std::span<const std::byte> bytes) noexcept
        requires requires(S& s) { s.write(bytes); }
    {
        return Operation<S, WriteOp<S>>(*this, {bytes});
    }
    /// Writes all of `bytes`. The result has the number of bytes written also if there is an error: those of `write`;
    /// `operation_canceled`. If cancelled or timed out, it may have written a part.
    [[nodiscard]] inline auto write_all(std::span<const std::byte> bytes) noexcept
        requires requires(S& s) { s.write(bytes); }
    {
        return Operation<S, WriteAllOp<S>>(*this, {bytes});
    }
    /// As `write`, from several buffers in order. The array of buffers must live as long as they do.
    [[nodiscard]] inline auto write_vectored(std::span<const net::IoSlice> buffers) noexcept
        requires requires(S& s) { s.write_vectored(buffers); }
    {
        return Operation<S, WriteVectoredOp<S>>(*this, {buffers});
    }
};

} // namespace mio::async
