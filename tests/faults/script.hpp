// Uses of the whole library, in which any system call and any allocation may fail.
#pragma once

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

/// More attempts than a transient fault takes.
inline constexpr int most_attempts = 30;

/// Whether the error is that of the fault, which is as the OS reported it.
inline bool is_the_fault(const std::error_code& error) noexcept {
    return has_fired() && error == std::error_code(armed_fault().error, mio::os_category());
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
    throw Abandoned{};
}

/// As `attempt`, for an operation that may end with other errors after the fault: they are those of another system.
template <class F> auto attempt_any(F&& f) -> typename std::invoke_result_t<F>::value_type {
    for (int i = 0; i < most_attempts; ++i) {
        auto result = f();
        if (result) return *std::move(result);
        if (!has_fired()) fail("attempt_any", result.error());
    }
    throw Abandoned{};
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
    throw Abandoned{};
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
        if (!has_fired()) report("%s: waits in vain", what);
        throw Abandoned{};
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
