/// @file
/// Events, and the buffer that `Poll::poll` fills.

export module mio.core.event;

import mio.std;
import mio.core.types;

namespace mio {

/// The predicates of an `Event` as a set of bits, decoded from an OS record.
export enum class Readiness : std::uint8_t {
    none = 0x00,
    readable = 0x01,
    writable = 0x02,
    aio = 0x04,
    lio = 0x08,
    priority = 0x10,
    error = 0x20,
    read_closed = 0x40,
    write_closed = 0x80,
};

export constexpr Readiness operator|(Readiness a, Readiness b) noexcept {
    return static_cast<Readiness>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
export constexpr Readiness operator&(Readiness a, Readiness b) noexcept {
    return static_cast<Readiness>(static_cast<unsigned>(a) & static_cast<unsigned>(b));
}
export constexpr Readiness& operator|=(Readiness& a, Readiness b) noexcept { return a = a | b; }

namespace sys {
export class BackendAccess;
}

/// A readiness event: a hint that an operation on one source may succeed.
///
/// Only `is_readable` and `is_writable` have the same meaning on every backend. Any other predicate can save
/// a system call when it is true; false carries no information. An event may be spurious: the operation may
/// still fail with would-block.
///
/// Each backend's decoder has a table of the OS flags that each predicate reads.
export class Event {
  public:
    constexpr Event() noexcept = default;

    /// An event with the given token and predicates. `flags`, `detail` and `filter` are fields of the OS record; see
    /// `raw_flags`, `raw_detail` and `raw_filter`.
    constexpr Event(Token token, Readiness readiness, std::uint32_t flags, std::uint16_t detail = 0,
                    std::int8_t filter = 0) noexcept
        : token_(token), flags_(flags),
          rest_(static_cast<std::uint32_t>(readiness) | std::uint32_t{static_cast<std::uint8_t>(filter)} << 8
                | std::uint32_t{detail} << 16) {}

    /// The token that the source was registered with.
    [[nodiscard]] constexpr Token token() const noexcept { return token_; }

    /// Reading, accepting or receiving is expected to return data, end of stream or an error.
    ///
    /// On every backend, an error or a hang-up makes a source ready in each direction that it is registered
    /// for. A program that checks only `is_readable` and `is_writable` therefore notices it. The other
    /// direction may be reported as well.
    [[nodiscard]] constexpr bool is_readable() const noexcept { return has(Readiness::readable); }
    /// Writing is expected to make progress, or a connection attempt has succeeded or failed.
    [[nodiscard]] constexpr bool is_writable() const noexcept { return has(Readiness::writable); }
    /// An error is pending on the source; `take_error` returns it.
    [[nodiscard]] constexpr bool is_error() const noexcept { return has(Readiness::error); }
    /// No data arrives after what is already buffered: the peer closed or shut down its writing side, the
    /// connection is gone, or this side shut down reading. On epoll and poll also true for a stream socket
    /// that was never connected.
    [[nodiscard]] constexpr bool is_read_closed() const noexcept { return has(Readiness::read_closed); }
    /// The source can no longer be written to:
    /// - TCP and Unix streams: the connection is gone in both directions. The peer reset it or, for a Unix
    ///   stream, closed its socket; connecting failed; or both sides shut down writing. On epoll and poll
    ///   also true for a socket that was never connected. On kqueue also true after the peer of a Unix stream
    ///   shut down reading, and after a local `shutdown(write)`. A peer that only shuts down writing does not
    ///   set it: see `is_read_closed`.
    /// - The sending end of a pipe: the receiving end is closed. On epoll and poll also true for the
    ///   receiving end when the sending end is closed.
    /// - UDP: it does not mean that the socket is closed. On epoll and poll it is true together with
    ///   `is_error` when an error is pending, such as an ICMP error after a refused datagram. The socket
    ///   remains usable once the next operation or `take_error` has taken the error.
    ///
    /// Only a write confirms it: it fails with `std::errc::broken_pipe` or the connection's error.
    [[nodiscard]] constexpr bool is_write_closed() const noexcept { return has(Readiness::write_closed); }
    /// Out-of-band data arrived. Linux and Android only, for sources registered with `Interest::priority`.
    [[nodiscard]] constexpr bool is_priority() const noexcept { return has(Readiness::priority); }
    /// A POSIX asynchronous I/O operation completed. FreeBSD, DragonFly and Apple only.
    [[nodiscard]] constexpr bool is_aio() const noexcept { return has(Readiness::aio); }
    /// A POSIX list I/O operation completed. FreeBSD only.
    [[nodiscard]] constexpr bool is_lio() const noexcept { return has(Readiness::lio); }

    /// All predicates as one set.
    [[nodiscard]] constexpr Readiness readiness() const noexcept {
        return static_cast<Readiness>(static_cast<std::uint8_t>(rest_));
    }
    /// The OS record's flags: epoll's `events`, poll's `revents`, a kevent's `fflags`, AFD's events.
    [[nodiscard]] constexpr std::uint32_t raw_flags() const noexcept { return flags_; }
    /// A kevent's `flags`; 0 elsewhere.
    [[nodiscard]] constexpr std::uint16_t raw_detail() const noexcept {
        return static_cast<std::uint16_t>(rest_ >> 16);
    }
    /// A kevent's `filter`; 0 elsewhere.
    [[nodiscard]] constexpr std::int8_t raw_filter() const noexcept {
        return static_cast<std::int8_t>(rest_ >> 8);
    }

  private:
    [[nodiscard]] constexpr bool has(Readiness bit) const noexcept {
        return (rest_ & static_cast<std::uint32_t>(bit)) != 0;
    }

    Token token_;
    std::uint32_t flags_ = 0;
    std::uint32_t rest_ = 0; // readiness, filter and detail, from the lowest bit; written with one store
};

/// The token and the predicates that are true, for example "Token(7) READABLE | READ_CLOSED".
export std::string to_string(const Event&);

/// The OS record with its flag names, for example "EPOLLIN|EPOLLRDHUP". For diagnostics: the format may
/// change.
export std::string describe(const Event&);

/// The buffer that `Poll::poll` fills. Its capacity is fixed. Events that do not fit are reported by the next
/// poll; no source starves another.
export class Events {
  public:
    using value_type = Event;
    using size_type = std::size_t;
    using const_iterator = const Event*;
    using iterator = const_iterator;

    /// Allocates room for `capacity` events. Polling makes no other allocation. Throws `std::bad_alloc` if
    /// the allocation fails and `std::bad_array_new_length` if `capacity` exceeds the address space.
    explicit Events(std::size_t capacity);

    Events(Events&& other) noexcept;
    Events& operator=(Events&& other) noexcept;

    /// The maximum number of events that one poll can report.
    [[nodiscard]] inline std::size_t capacity() const noexcept { return capacity_; }
    /// The number of events that the last poll reported.
    [[nodiscard]] inline std::size_t size() const noexcept { return size_; }
    /// True if it reported none.
    [[nodiscard]] inline bool empty() const noexcept { return size_ == 0; }
    /// Removes all events. `poll` does so itself.
    inline void clear() noexcept { size_ = 0; }

    /// The event at `index`, which must be less than `size()`. The reference is valid for the lifetime of
    /// this object. Rvalues are rejected.
    [[nodiscard]] inline const Event& operator[](std::size_t index) const& noexcept { return events_[index]; }
    [[nodiscard]] inline const Event* begin() const& noexcept { return events_.get(); }
    [[nodiscard]] inline const Event* end() const& noexcept { return events_.get() + size_; }
    const Event& operator[](std::size_t index) const&& = delete;
    const Event* begin() const&& = delete;
    const Event* end() const&& = delete;

  private:
    friend class sys::BackendAccess;

    Events(std::size_t capacity, std::size_t record_size);

    std::unique_ptr<Event[]> events_;
    std::unique_ptr<std::byte[]> records_; // undecoded OS records
    std::size_t capacity_ = 0;
    std::size_t size_ = 0;
};

namespace sys {

/// Backend access to internals of `mio.core` and `mio.net` classes. Not for programs: it can break the
/// guarantees of these classes.
export class BackendAccess {
  public:
    /// Events for a `Selector` that is used without `Poll`; `record_size` is the selector's `record_size`.
    [[nodiscard]] inline static Events make_events(std::size_t capacity, std::size_t record_size) {
        return Events(capacity, record_size);
    }
    /// Buffer for `capacity()` OS records, aligned for any type.
    [[nodiscard]] inline static std::byte* records(Events& events) noexcept { return events.records_.get(); }
    /// Storage for the decoded events of a batch; `resize` then sets their number.
    [[nodiscard]] inline static Event* slots(Events& events) noexcept { return events.events_.get(); }
    inline static void resize(Events& events, std::size_t size) noexcept { events.size_ = size; }
    /// Appends an event. There must be room for it.
    inline static void push(Events& events, const Event& event) noexcept {
        events.events_[events.size_++] = event;
    }
    /// The selector of a `Registry`, a `mio::sys::native`.
    template <class Registry> [[nodiscard]] static void* selector(const Registry& registry) noexcept {
        return registry.native();
    }
    /// A Unix address from a `sun_path` filled in by the kernel.
    template <class UnixAddress, class Text>
    [[nodiscard]] static UnixAddress from_kernel(Text sun_path) noexcept {
        return UnixAddress::from_kernel(sun_path);
    }
};

} // namespace sys

} // namespace mio
