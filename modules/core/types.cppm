/// @file
/// Parameters of a registration: `Token`, `Interest` and `Trigger`; saturating time conversions.

export module mio.core.types;

import mio.std;

namespace mio {

/// User-chosen identifier of a registration, returned with each of its events.
///
/// The library does not interpret it: every value is valid, and two sources may share one. Common choices are
/// constants for listeners and wakers, and an index into a table of connections.
export struct Token {
    std::size_t value = 0;

    constexpr auto operator<=>(const Token&) const noexcept = default;
};

/// The readiness to watch a source for: a non-empty set.
///
/// Every constant exists on every system, so that portable code needs no `#if`. Registering with one that the
/// backend cannot watch for fails with `Errc::unsupported`.
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

    /// This set without `other`; `nullopt` if the result would be empty.
    [[nodiscard]] constexpr std::optional<Interest> without(Interest other) const noexcept {
        const auto rest = static_cast<std::uint8_t>(bits_ & ~other.bits_);
        return rest == 0 ? std::nullopt : std::optional(Interest(rest));
    }

    /// The set as bits: readable 1, writable 2, aio 4, lio 8, priority 16. The values never change.
    [[nodiscard]] constexpr std::uint8_t bits() const noexcept { return bits_; }
    /// The set with these bits; `nullopt` if no bit is set, or one without a meaning.
    [[nodiscard]] static constexpr std::optional<Interest> from_bits(unsigned bits) noexcept {
        constexpr unsigned known = readable_bit | writable_bit | aio_bit | lio_bit | priority_bit;
        if (bits == 0 || (bits & ~known) != 0) return std::nullopt;
        return Interest(static_cast<std::uint8_t>(bits));
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

/// When a ready condition is reported.
///
/// `edge` costs the kernel the least and requires the most from the caller: after an event, repeat the
/// operation until it would block; otherwise no further event is guaranteed.
export enum class Trigger : std::uint8_t {
    edge,    ///< when the condition begins to hold, and at each `add` and `modify` while it holds
    level,   ///< at every poll while the condition holds
    oneshot, ///< once; then not again until `modify`
};

// Saturating multiplication; `factor` is positive.
constexpr std::int64_t multiplied(std::int64_t value, std::int64_t factor) noexcept {
    using Limits = std::numeric_limits<std::int64_t>;
    if (value > Limits::max() / factor) return Limits::max();
    if (value < Limits::min() / factor) return Limits::min();
    return value * factor;
}

// floor(a * b / d) and whether it is exact, for a < d and b up to 2^63: long division, one bit of b at a time.
struct Quotient {
    std::uint64_t value;
    bool is_exact;
};
constexpr Quotient divided_product(std::uint64_t a, std::uint64_t b, std::uint64_t d) noexcept {
    std::uint64_t quotient = 0, remainder = 0;
    const auto add = [&](std::uint64_t some) {
        if (remainder >= d - some) {
            remainder -= d - some;
            ++quotient;
        } else {
            remainder += some;
        }
    };
    for (auto bit = std::uint64_t{1} << 63; bit != 0; bit >>= 1) {
        quotient *= 2;
        add(remainder);
        if ((b & bit) != 0) add(a);
    }
    return {quotient, remainder == 0};
}
static_assert(divided_product(2, 10, 3).value == 6 && !divided_product(2, 10, 3).is_exact);
static_assert(divided_product(999'999'999, std::uint64_t{1} << 63, 1'000'000'000).value
              == 9'223'372'027'631'403'771);

/// Converts `duration` to `To`, rounding up. A value out of range becomes `To::max()` or `To::min()`; NaN
/// becomes zero.
export template <class To, class Rep, class Period>
    requires std::is_arithmetic_v<Rep> && std::signed_integral<typename To::rep>
             && (sizeof(typename To::rep) == 8)
constexpr To saturated(const std::chrono::duration<Rep, Period>& duration) noexcept {
    using Limits = std::numeric_limits<std::int64_t>;
    using Unit = typename To::period;
    constexpr std::intmax_t seconds = std::gcd(Period::num, Unit::num);
    constexpr std::intmax_t parts = std::gcd(Period::den, Unit::den);
    const auto count = duration.count();
    if constexpr (std::is_floating_point_v<Rep>) {
        if (count != count) return To::zero();
        const long double value = static_cast<long double>(count) * (Period::num / seconds)
                                  * (Unit::den / parts) / (Period::den / parts) / (Unit::num / seconds);
        constexpr long double limit = 0x1p63L;
        if (value >= limit) return To::max();
        if (value <= -limit) return To::min();
        const auto whole = static_cast<std::int64_t>(value);
        return To(static_cast<long double>(whole) < value ? whole + 1 : whole);
    } else {
        if constexpr (std::is_unsigned_v<Rep> && sizeof(Rep) >= sizeof(std::int64_t)) {
            if (count > static_cast<Rep>(Limits::max())) return To::max();
        }
        constexpr std::int64_t divisor = (Period::den / parts) * (Unit::num / seconds);
        const auto value = static_cast<std::int64_t>(count);
        const auto scale = [](std::int64_t number) {
            return multiplied(multiplied(number, Period::num / seconds), Unit::den / parts);
        };
        if constexpr (divisor == 1) {
            return To(scale(value));
        } else {
            // Whole part and remainder are scaled separately, so that no intermediate value overflows unless
            // the result does.
            const auto whole = scale(value / divisor);
            const auto rest = value % divisor;
            const auto part = divided_product(static_cast<std::uint64_t>(rest < 0 ? -rest : rest),
                                              static_cast<std::uint64_t>(scale(1)), divisor);
            const auto rounded = rest < 0 ? -static_cast<std::int64_t>(part.value)
                                          : static_cast<std::int64_t>(part.value) + (part.is_exact ? 0 : 1);
            if (rounded > 0 && whole > Limits::max() - rounded) return To::max();
            if (rounded < 0 && whole < Limits::min() - rounded) return To::min();
            return To(whole + rounded);
        }
    }
}

template <class Rep, class Period> void as_duration(const std::chrono::duration<Rep, Period>&);
template <class T>
concept AnyDuration = requires(const T& duration) { as_duration(duration); };

/// A `Duration` that converts implicitly from every duration type. A value that does not fit saturates
/// instead of overflowing (see `saturated`).
export template <class Duration> class Saturating : public Duration {
  public:
    constexpr Saturating() noexcept : Duration(Duration::zero()) {}
    template <AnyDuration T>
    constexpr Saturating(const T& duration) noexcept : Duration(saturated<Duration>(duration)) {}
    template <class T>
        requires(!AnyDuration<T> && std::convertible_to<const T&, Duration>)
    constexpr Saturating(const T& value) noexcept : Duration(static_cast<Duration>(value)) {}
};

namespace checks {
using namespace std::chrono;
using Pico = duration<std::int64_t, std::pico>;
using Third = duration<std::int64_t, std::ratio<1, 3>>;
using Fine = duration<std::int64_t, std::ratio<1, std::intmax_t{1} << 60>>;
using Odd = duration<std::int64_t, std::ratio<1'000'000'007, 998'244'353>>;
static_assert(saturated<nanoseconds>(Fine((std::int64_t{1} << 59) + (std::int64_t{1} << 50)))
              == nanoseconds(500'976'563));
static_assert(saturated<nanoseconds>(Fine(-(std::int64_t{1} << 59))) == nanoseconds(-500'000'000));
static_assert(saturated<nanoseconds>(Odd(500'000'000)) == nanoseconds(500'879'370'864'820'710));
static_assert(saturated<nanoseconds>(seconds::max()) == nanoseconds::max());
static_assert(saturated<nanoseconds>(hours::min()) == nanoseconds::min());
static_assert(saturated<nanoseconds>(nanoseconds::max()) == nanoseconds::max());
static_assert(saturated<nanoseconds>(seconds(9'223'372'036)) == seconds(9'223'372'036));
static_assert(saturated<nanoseconds>(seconds(9'223'372'037)) == nanoseconds::max());
static_assert(saturated<nanoseconds>(duration<std::uint64_t>::max()) == nanoseconds::max());
static_assert(saturated<nanoseconds>(duration<std::int64_t, std::exa>(-1)) == nanoseconds::min());
static_assert(saturated<nanoseconds>(Pico(1)) == nanoseconds(1)
              && saturated<nanoseconds>(Pico(-1)) == nanoseconds(0));
static_assert(saturated<nanoseconds>(Pico(1001)) == nanoseconds(2));
static_assert(saturated<nanoseconds>(Third(1)) == nanoseconds(333'333'334));
static_assert(saturated<nanoseconds>(duration<double>(0.5)) == nanoseconds(500'000'000));
static_assert(saturated<nanoseconds>(duration<float>(std::numeric_limits<float>::infinity()))
              == nanoseconds::max());
static_assert(saturated<nanoseconds>(duration<double>(-1e300)) == nanoseconds::min());
static_assert(saturated<nanoseconds>(duration<double>(std::numeric_limits<double>::quiet_NaN()))
              == nanoseconds(0));
static_assert(saturated<milliseconds>(hours::max()) == milliseconds::max());
} // namespace checks

} // namespace mio

// For MSVC; see the end of mio.core.error.
export namespace std {
template <> struct hash<mio::Token> {
    std::size_t operator()(const mio::Token& token) const noexcept {
        return std::hash<std::size_t>{}(token.value);
    }
};
} // namespace std
