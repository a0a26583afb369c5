// Uses of the whole library, in which any system call and any allocation may fail.
#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <exception>
#include <expected>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include <sys/syscall.h>

#include "errors.hpp"
#include "fault.hpp"
#include "run.hpp"

import mio;
import mio.async;

namespace faults {

using namespace std::chrono_literals;
using mio::Interest;
using mio::Poll;
using mio::Result;
using mio::Token;
using mio::Trigger;

/// A part of the script ends early, since something fails again and again.
struct Abandoned {};

/// More attempts than a fault takes that passes.
inline constexpr int most_attempts = 30;

/// Whether the error is that of the fault, which is as the OS reported it. The library repeats rt_sigtimedwait, which it calls
/// before and after a write, and knows that an interrupted change of a kqueue is made.
inline bool is_the_fault(const std::error_code& error) noexcept {
    const auto& fault = armed_fault();
    const bool is_hidden =
        fault.error == EINTR && (fault.number == SYS_rt_sigtimedwait || fault.number == change_filters);
    return has_fired() && !is_hidden && error == std::error_code(fault.error, mio::os_category());
}

/// As `is_the_fault`, for operations that repeat calls that were interrupted or would have blocked.
inline bool is_lasting_fault(const std::error_code& error) noexcept {
    return is_the_fault(error) && !is_transient(error.value());
}

/// Whether a failed operation may be given up: after a fault that lasts.
inline bool may_give_up() noexcept { return has_fired() && armed_fault().times >= most_attempts; }

/// Ends the part, since `what` fails again and again.
[[noreturn]] inline void give_up(const char* what) {
    if (!may_give_up()) report("%s: fails again and again", what);
    throw Abandoned{};
}

/// Ends the part with a failure of the run.
[[noreturn]] inline void fail(const char* what, const std::error_code& error) {
    report("%s: unexpected error %s %d", what, error.category().name(), error.value());
    throw Abandoned{};
}

inline void check(bool condition, const char* what) {
    if (condition) return;
    report("%s: false", what);
    throw Abandoned{};
}

/// The value of an operation, which is repeated if it fails with the fault. Such an operation throws nothing.
template <class F> auto attempt(const char* what, F&& f) -> typename std::invoke_result_t<F>::value_type {
    using R = std::invoke_result_t<F>;
    for (int i = 0; i < most_attempts; ++i) {
        R result = [&]() -> R {
            try {
                return f();
            } catch (const std::bad_alloc&) {
                report("%s: throws bad_alloc", what);
                throw Abandoned{};
            }
        }();
        if (result) {
            if constexpr (std::is_void_v<typename R::value_type>)
                return;
            else
                return *std::move(result);
        }
        if (!is_the_fault(result.error())) fail(what, result.error());
    }
    give_up(what);
}

/// As `attempt`, for an operation that may end with other errors after the fault: they are those of another system.
template <class F> auto attempt_any(F&& f) -> typename std::invoke_result_t<F>::value_type {
    for (int i = 0; i < most_attempts; ++i) {
        auto result = f();
        if (result) return *std::move(result);
        if (!has_fired()) fail("attempt_any", result.error());
        if (may_give_up()) break; // each attempt may wait for a name server
    }
    give_up("attempt_any");
}

/// As `attempt`, for what the system may lack or refuse: then the result is that error.
template <class F> auto attempt_if_possible(const char* what, F&& f) -> std::invoke_result_t<F> {
    constexpr std::errc refusals[] = {
        std::errc::operation_not_permitted,      std::errc::operation_not_supported,
        std::errc::no_protocol_option,           std::errc::address_not_available,
        std::errc::address_family_not_supported, std::errc::no_such_device,
    };
    for (int i = 0; i < most_attempts; ++i) {
        auto result = f();
        if (result) return result;
        const std::error_code& error = result.error();
        if (is_the_fault(error)) continue;
        const bool is_refused = std::ranges::any_of(refusals, [&](std::errc code) { return error == code; });
        if (error == mio::Errc::unsupported || is_refused) return result;
        fail(what, error);
    }
    give_up(what);
}

/// Each of them as `attempt_if_possible`.
template <class... F> void attempt_each(const char* what, const F&... f) {
    (static_cast<void>(attempt_if_possible(what, f)), ...);
}

/// The value of a constructor or coroutine, which may throw bad_alloc.
template <class F> auto construct(F&& f) -> std::invoke_result_t<F> {
    for (int i = 0; i < most_attempts; ++i) {
        try {
            return f();
        } catch (const std::bad_alloc&) {
            if (!has_fired()) report("construct: throws bad_alloc without need");
        }
    }
    give_up("construct");
}

/// A poll and its buffer.
struct Loop {
    Poll poll = attempt("Poll::create", [] { return Poll::create(); });
    mio::Events events = construct([] { return mio::Events(16); });

    const mio::Registry& registry() const { return poll.registry(); }

    void wait(std::chrono::milliseconds limit = 20ms) {
        attempt("poll", [&] { return poll.poll(events, limit); });
    }
    /// The value of an operation that may block, with polls in between.
    template <class F>
    auto eventually(const char* what, F&& f) -> typename std::invoke_result_t<F>::value_type {
        using R = std::invoke_result_t<F>;
        for (int i = 0; i < 2 * most_attempts; ++i) {
            R result = f();
            if (result) {
                if constexpr (std::is_void_v<typename R::value_type>)
                    return;
                else
                    return *std::move(result);
            }
            if (mio::would_block(result.error()))
                wait();
            else if (!is_the_fault(result.error()))
                fail(what, result.error());
        }
        give_up(what);
    }
    /// Polls until an event with this token arrives.
    void expect(Token token, const char* what) {
        for (int i = 0; i < 2 * most_attempts; ++i) {
            wait();
            for (const auto& event : events)
                if (event.token() == token) return;
        }
        report("%s: no event", what);
        throw Abandoned{};
    }
};

inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }
inline std::string_view text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A part of the script. `directory` is for its files.
struct Part {
    const char* name;
    void (*play)();
};

extern const Part core_parts[], net_parts[], local_parts[], time_parts[], async_parts[];

/// Paths in the run's directory, set once.
extern const char* socket_path;
extern const char* other_path;
extern const char* file_path;

} // namespace faults
