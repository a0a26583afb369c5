/// @file
/// The vocabulary of a registration: which source, which readiness, reported how.

module;

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

export module mio.core.types;

namespace mio {

/// The caller's name for a source. It travels through the kernel and comes back with each event.
///
/// The library never interprets it: every value is legal, and nothing stops two sources from sharing one.
/// Usual choices are constants for listeners and wakers, and an index into a table of connections.
export struct Token {
    std::size_t value = 0;

    constexpr auto operator<=>(const Token&) const noexcept = default;
};

/// What to be told about a source: a set of at least one kind of readiness.
///
/// Every constant exists everywhere, so that portable code needs no `#if`. Registering with one that the
/// backend cannot watch is refused with `Errc::unsupported`.
export class Interest {
  public:
    static const Interest readable; ///< data, a connection to accept, end of stream, or an error
    static const Interest writable; ///< room to write, connection established, or an error
    static const Interest priority; ///< out-of-band data. Linux and Android only
    static const Interest aio;      ///< POSIX asynchronous I/O. FreeBSD, DragonFly and Apple only
    static const Interest lio;      ///< POSIX list I/O. FreeBSD only

    /// The union of two sets.
    friend constexpr Interest operator|(Interest a, Interest b) noexcept {
        return Interest(static_cast<std::uint8_t>(a.bits_ | b.bits_));
    }
    constexpr Interest& operator|=(Interest other) noexcept { return *this = *this | other; }

    /// This set without `other`, or nothing if nothing would be left.
    [[nodiscard]] constexpr std::optional<Interest> without(Interest other) const noexcept {
        const auto rest = static_cast<std::uint8_t>(bits_ & ~other.bits_);
        return rest == 0 ? std::nullopt : std::optional(Interest(rest));
    }

    [[nodiscard]] constexpr bool is_readable() const noexcept { return has(readable_bit); }
    [[nodiscard]] constexpr bool is_writable() const noexcept { return has(writable_bit); }
    [[nodiscard]] constexpr bool is_aio() const noexcept { return has(aio_bit); }
    [[nodiscard]] constexpr bool is_lio() const noexcept { return has(lio_bit); }
    [[nodiscard]] constexpr bool is_priority() const noexcept { return has(priority_bit); }

    constexpr auto operator<=>(const Interest&) const noexcept = default;

  private:
    static constexpr std::uint8_t readable_bit = 0x01;
    static constexpr std::uint8_t writable_bit = 0x02;
    static constexpr std::uint8_t aio_bit = 0x04;
    static constexpr std::uint8_t lio_bit = 0x08;
    static constexpr std::uint8_t priority_bit = 0x10;

    constexpr explicit Interest(std::uint8_t bits) noexcept : bits_(bits) {}
    [[nodiscard]] constexpr bool has(std::uint8_t bit) const noexcept { return (bits_ & bit) != 0; }

    std::uint8_t bits_;
};

inline constexpr Interest Interest::readable{readable_bit};
inline constexpr Interest Interest::writable{writable_bit};
inline constexpr Interest Interest::aio{aio_bit};
inline constexpr Interest Interest::lio{lio_bit};
inline constexpr Interest Interest::priority{priority_bit};

/// The names in the set, for example "READABLE | WRITABLE".
export std::string to_string(Interest);

/// When a condition that holds is reported.
///
/// `edge` asks the least of the kernel and the most of the caller: after an event, repeat the operation until
/// it would block, or no further event is promised.
export enum class Trigger : std::uint8_t {
    edge,    ///< when the condition comes to hold, and at each `add` and `modify` while it holds
    level,   ///< at every poll while the condition holds
    oneshot, ///< once; then nothing until `modify`
};

} // namespace mio

template <> struct std::hash<mio::Token> {
    std::size_t operator()(const mio::Token& token) const noexcept {
        return std::hash<std::size_t>{}(token.value);
    }
};
