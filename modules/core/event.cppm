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

/// A readiness event: a hint that an operation on one source is worth trying.
///
/// Only `is_readable` and `is_writable` mean the same everywhere. The others save a system call where they
/// are true; false says nothing. An event may be spurious: the operation may still fail with would-block.
/// Each backend's decoder has a table of the OS flags that each predicate reads.
export class Event {
  public:
    constexpr Event() noexcept = default;

    /// An event as a backend makes it: `flags`, `detail` and `filter` are the OS record's own words, kept for
    /// `describe`.
    constexpr Event(Token token, Readiness readiness, std::uint32_t flags, std::uint16_t detail = 0,
                    std::int8_t filter = 0) noexcept
        : token_(token), flags_(flags),
          rest_(static_cast<std::uint32_t>(readiness) | std::uint32_t{static_cast<std::uint8_t>(filter)} << 8
                | std::uint32_t{detail} << 16) {}

    /// The token that the source was registered with.
    [[nodiscard]] constexpr Token token() const noexcept { return token_; }

    /// Reading, accepting or receiving is worth trying: it gives data, end of stream or an error.
    ///
    /// An error or a hang-up makes a source ready in each direction that it was registered for, on every backend, so that
    /// a program that looks at `is_readable` and `is_writable` alone notices it. The other direction may be reported, too.
    [[nodiscard]] constexpr bool is_readable() const noexcept { return has(Readiness::readable); }
    /// Writing is worth trying, or a connection attempt has ended: well or badly.
    [[nodiscard]] constexpr bool is_writable() const noexcept { return has(Readiness::writable); }
    /// An error is pending on the source; `take_error` tells which.
    [[nodiscard]] constexpr bool is_error() const noexcept { return has(Readiness::error); }
    /// Nothing more will arrive after what is buffered: the peer closed or shut down its writing side, the connection is
    /// gone, or this side shut down reading. On epoll and poll also for a stream socket that was never connected.
    [[nodiscard]] constexpr bool is_read_closed() const noexcept { return has(Readiness::read_closed); }
    /// The source cannot be written to any more:
    /// - TCP and Unix streams: the connection is gone in both directions. The peer reset it or, for a Unix stream, closed
    ///   its socket, connecting failed, or both sides shut down writing; on epoll and poll also a socket that was never
    ///   connected. On kqueue also after the peer shut down reading (a Unix stream), and after `shutdown(write)`
    ///   of this side. The end of the peer's writing is no such end: see `is_read_closed`.
    /// - The sending end of a pipe: the receiving end is closed. On epoll and poll it is true for the receiving end, too,
    ///   when the sending end is closed.
    /// - UDP: it does not say that the socket is closed. On epoll and poll it is true together with `is_error` when an
    ///   error is pending, such as an ICMP error after a datagram that was refused. The socket goes on working once the
    ///   error is taken, by the next operation or by `take_error`.
    ///
    /// Writing is therefore the only proof: it fails with `std::errc::broken_pipe` or the connection's error.
    [[nodiscard]] constexpr bool is_write_closed() const noexcept { return has(Readiness::write_closed); }
    /// Out-of-band data arrived. Linux and Android, for sources registered with `Interest::priority`.
    [[nodiscard]] constexpr bool is_priority() const noexcept { return has(Readiness::priority); }
    /// A POSIX asynchronous operation completed. FreeBSD, DragonFly and Apple.
    [[nodiscard]] constexpr bool is_aio() const noexcept { return has(Readiness::aio); }
    /// A POSIX list operation completed. FreeBSD.
    [[nodiscard]] constexpr bool is_lio() const noexcept { return has(Readiness::lio); }

    /// The predicates as one set.
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
    std::uint32_t rest_ = 0; // readiness, filter and detail, from the lowest bit: one store fills it
};

/// The token and the predicates that hold, for example "Token(7) READABLE | READ_CLOSED".
export std::string to_string(const Event&);

/// The record as the OS gave it, with its flag names, for example "EPOLLIN|EPOLLRDHUP". For people: the form
/// may change.
export std::string describe(const Event&);

/// The buffer that `Poll::poll` fills. Its capacity is fixed: events that do not fit are reported by the next
/// poll, and no source is starved by others.
export class Events {
  public:
    using value_type = Event;
    using size_type = std::size_t;
    using const_iterator = const Event*;
    using iterator = const_iterator;

    /// Allocates room for `capacity` events, the only allocation of polling. Throws `std::bad_alloc` if that
    /// fails and `std::bad_array_new_length` if `capacity` exceeds the address space.
    explicit Events(std::size_t capacity);

    /// As above, for a `Selector` that is used without `Poll`: `record_size` is its `record_size`.
    Events(std::size_t capacity, std::size_t record_size);

    Events(Events&& other) noexcept;
    Events& operator=(Events&& other) noexcept;

    /// The most events that one poll can report.
    [[nodiscard]] inline std::size_t capacity() const noexcept { return capacity_; }
    /// The number of events that the last poll reported.
    [[nodiscard]] inline std::size_t size() const noexcept { return size_; }
    [[nodiscard]] inline bool empty() const noexcept { return size_ == 0; }
    /// Removes all events. `poll` does so itself.
    inline void clear() noexcept { size_ = 0; }

    /// The event at `index`, which is below `size()`. Valid as long as this object, which must not be a temporary.
    [[nodiscard]] inline const Event& operator[](std::size_t index) const& noexcept { return events_[index]; }
    [[nodiscard]] inline const Event* begin() const& noexcept { return events_.get(); }
    [[nodiscard]] inline const Event* end() const& noexcept { return events_.get() + size_; }
    const Event& operator[](std::size_t index) const&& = delete;
    const Event* begin() const&& = delete;
    const Event* end() const&& = delete;

  private:
    friend class sys::BackendAccess;

    std::unique_ptr<Event[]> events_;
    std::unique_ptr<std::byte[]> records_; // what the kernel writes, before it is decoded
    std::size_t capacity_ = 0;
    std::size_t size_ = 0;
};

namespace sys {

/// The access that backends have to the classes of `mio.core` and `mio.net`, and that programs have no use for:
/// it can break what these classes promise.
export class BackendAccess {
  public:
    /// Where the kernel writes its records: room for `capacity()` of them, aligned for any.
    [[nodiscard]] inline static std::byte* records(Events& events) noexcept { return events.records_.get(); }
    /// Where the events of a batch go; `resize` then sets how many there are.
    [[nodiscard]] inline static Event* slots(Events& events) noexcept { return events.events_.get(); }
    inline static void resize(Events& events, std::size_t size) noexcept { events.size_ = size; }
    /// Appends an event; there is room for it.
    inline static void push(Events& events, const Event& event) noexcept {
        events.events_[events.size_++] = event;
    }
    /// The selector behind a `Registry`: a `mio::sys::native`.
    template <class Registry> [[nodiscard]] static void* selector(const Registry& registry) noexcept {
        return registry.native();
    }
    /// A Unix address from a `sun_path` that the kernel filled in.
    template <class UnixAddress, class Text>
    [[nodiscard]] static UnixAddress from_kernel(Text sun_path) noexcept {
        return UnixAddress::from_kernel(sun_path);
    }
};

} // namespace sys

} // namespace mio
