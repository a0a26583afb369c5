/// @file
/// What a poll brings back.

module;

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

export module mio.core.event;

import mio.core.types;

namespace mio {

/// What a backend concluded from an OS record, one bit for each predicate of `Event`.
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

/// One thing that the kernel reported about one source: a hint that an operation is worth trying.
///
/// Only `is_readable` and `is_writable` mean the same everywhere. The others save a system call where they
/// are true; false says nothing. An event may be spurious: the operation may still answer that it would
/// block. Which OS flag each predicate reads is tabulated beside each backend's decoder.
export class Event {
  public:
    constexpr Event() noexcept = default;

    /// For backends: `flags`, `detail` and `filter` are the OS record's own words, kept for `describe`.
    constexpr Event(Token token, Readiness readiness, std::uint32_t flags, std::uint16_t detail = 0,
                    std::int8_t filter = 0) noexcept
        : token_(token), record_(pack(readiness) | flags | std::uint64_t{detail} << detail_shift
                                 | std::uint64_t{static_cast<std::uint8_t>(filter)} << filter_shift) {}

    /// For backends that decode by a table: a readiness where an event keeps it, and an event made of one.
    [[nodiscard]] static constexpr std::uint64_t pack(Readiness readiness) noexcept {
        return std::uint64_t{static_cast<std::uint8_t>(readiness)} << readiness_shift;
    }
    constexpr Event(Token token, std::uint64_t packed, std::uint32_t flags) noexcept
        : token_(token), record_(packed | flags) {}

    /// The token that the source was registered with.
    [[nodiscard]] constexpr Token token() const noexcept { return token_; }

    /// Reading, accepting or receiving is worth trying: it gives data, end of stream or an error.
    [[nodiscard]] constexpr bool is_readable() const noexcept { return has(Readiness::readable); }
    /// Writing is worth trying, or a connection attempt has ended: well or badly.
    [[nodiscard]] constexpr bool is_writable() const noexcept { return has(Readiness::writable); }
    /// An error is pending on the source; `take_error` tells which.
    [[nodiscard]] constexpr bool is_error() const noexcept { return has(Readiness::error); }
    /// Nothing more will arrive after what is buffered: the peer closed or shut down its writing side.
    [[nodiscard]] constexpr bool is_read_closed() const noexcept { return has(Readiness::read_closed); }
    /// Nothing more can be sent.
    [[nodiscard]] constexpr bool is_write_closed() const noexcept { return has(Readiness::write_closed); }
    /// Out-of-band data arrived. Linux and Android, for sources registered with `Interest::priority`.
    [[nodiscard]] constexpr bool is_priority() const noexcept { return has(Readiness::priority); }
    /// A POSIX asynchronous operation completed. FreeBSD, DragonFly and Apple.
    [[nodiscard]] constexpr bool is_aio() const noexcept { return has(Readiness::aio); }
    /// A POSIX list operation completed. FreeBSD.
    [[nodiscard]] constexpr bool is_lio() const noexcept { return has(Readiness::lio); }

    /// The predicates as one set.
    [[nodiscard]] constexpr Readiness readiness() const noexcept {
        return static_cast<Readiness>(record_ >> readiness_shift);
    }
    /// The OS record's flags: epoll's `events`, poll's `revents`, a kevent's `fflags`, AFD's events.
    [[nodiscard]] constexpr std::uint32_t raw_flags() const noexcept {
        return static_cast<std::uint32_t>(record_);
    }
    /// A kevent's `flags`; 0 elsewhere.
    [[nodiscard]] constexpr std::uint16_t raw_detail() const noexcept {
        return static_cast<std::uint16_t>(record_ >> detail_shift);
    }
    /// A kevent's `filter`; 0 elsewhere.
    [[nodiscard]] constexpr std::int8_t raw_filter() const noexcept {
        return static_cast<std::int8_t>(record_ >> filter_shift);
    }

  private:
    [[nodiscard]] constexpr bool has(Readiness bit) const noexcept {
        return (readiness() & bit) != Readiness::none;
    }

    static constexpr unsigned detail_shift = 32;
    static constexpr unsigned filter_shift = 48;
    static constexpr unsigned readiness_shift = 56;

    Token token_;
    std::uint64_t record_ = 0; // all that is known in one word, so that a backend writes it at once
};

/// The token and the predicates that hold, for example "Token(7) READABLE | READ_CLOSED".
export std::string to_string(const Event&);

/// The record as the OS gave it, with its flag names, for example "EPOLLIN|EPOLLRDHUP". For people: the form
/// may change.
export std::string describe(const Event&);

/// Room for what one `poll` brings back. The room is made once and never grows; what does not fit is reported
/// by the next poll, and the kernel sees to it that every source gets its turn.
export class Events {
  public:
    using value_type = Event;
    using size_type = std::size_t;
    using const_iterator = const Event*;
    using iterator = const_iterator;

    /// Room for `capacity` events. The only allocation of polling; throws `std::bad_alloc` when it fails, and
    /// `std::bad_array_new_length` when `capacity` is more than the address space could hold.
    explicit Events(std::size_t capacity);

    /// For a backend other than the one behind `Poll`, whose OS records are `record_size` bytes long.
    Events(std::size_t capacity, std::size_t record_size);

    Events(Events&& other) noexcept;
    Events& operator=(Events&& other) noexcept;

    /// How many events one poll can bring.
    [[nodiscard]] inline std::size_t capacity() const noexcept { return capacity_; }
    /// How many events the last poll brought.
    [[nodiscard]] inline std::size_t size() const noexcept { return size_; }
    [[nodiscard]] inline bool empty() const noexcept { return size_ == 0; }
    /// Forgets all events. `poll` does so itself.
    inline void clear() noexcept { size_ = 0; }

    /// The event at `index`, which is below `size()`.
    [[nodiscard]] inline const Event& operator[](std::size_t index) const noexcept { return events_[index]; }
    [[nodiscard]] inline const Event* begin() const noexcept { return events_.get(); }
    [[nodiscard]] inline const Event* end() const noexcept { return events_.get() + size_; }

    /// For backends: where the kernel writes its records: room for `capacity()`, aligned for any of them.
    [[nodiscard]] inline std::byte* records() noexcept { return records_.get(); }
    /// For backends: appends an event; there is room for it.
    inline void push(const Event& event) noexcept { events_[size_++] = event; }
    /// For backends: there are `count` events now, at most `capacity()`, to be written here.
    [[nodiscard]] inline Event* fill(std::size_t count) noexcept {
        size_ = count;
        return events_.get();
    }
    /// For backends: puts another event in the place of one that was pushed.
    inline void replace(std::size_t index, const Event& event) noexcept { events_[index] = event; }

  private:
    std::unique_ptr<Event[]> events_;
    std::unique_ptr<std::byte[]> records_;
    std::size_t capacity_ = 0;
    std::size_t size_ = 0;
};

} // namespace mio
