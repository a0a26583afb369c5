// A program that checks `is_readable` and `is_writable` alone, and sources that fail while it runs.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <type_traits>

#include "support.hpp"

namespace test {

/// Polls one source, reads and writes when an event makes it ready, and stops when an operation fails or the stream
/// ends.
class PlainProgram {
  public:
    explicit PlainProgram(mio::Trigger trigger) : trigger_(trigger) {}

    template <class Source> void watch(Source& source, Interest interest) {
        must(loop_.registry().add(source, Token{1}, interest, trigger_));
    }

    /// Consumes the current event, so that with edge triggering the next event is a new one.
    void poll_once() { must(loop_.poll.poll(loop_.events, 0ns)); }

    /// Runs until an operation ends the loop. Fails the test if no event arrives for seconds (a hang) or if too many
    /// events lead to no progress (spinning). `read` and `write` may be null.
    template <class Read, class Write> void run(Read read, Write write) {
        constexpr int many = 20;
        for (int polls = 0; polls < many; ++polls) {
            must(loop_.poll.poll(loop_.events, 2s));
            ASSERT_FALSE(loop_.events.empty()) << "no event: the program hangs";
            for (const auto& event : loop_.events) {
                if (event.is_readable() && has_ended(read)) return;
                if (event.is_writable() && has_ended(write)) return;
            }
        }
        FAIL() << "the program spins: no progress after " << to_string(loop_.events[0]);
    }

  private:
    // Repeats the operation until it would block; with level triggering, runs it once.
    template <class Operation> bool has_ended(Operation& operation) {
        if constexpr (!std::is_null_pointer_v<Operation>) {
            do {
                const mio::Result<std::size_t> moved = operation();
                if (!moved && mio::would_block(moved.error())) return false;
                if (!moved || *moved == 0) return true;
            } while (trigger_ == mio::Trigger::edge);
        }
        return false;
    }

    Loop loop_;
    const mio::Trigger trigger_;
};

template <class Source> auto reading(const Source& source) {
    return [&source, buffer = std::array<std::byte, 64>()]() mutable { return source.read(buffer); };
}
template <class Source> auto writing(const Source& source) {
    return [&source] {
        static constexpr std::array<std::byte, 64> data{};
        return source.write(data);
    };
}

class FailingSource : public testing::TestWithParam<mio::Trigger> {};

inline std::string trigger_name(const testing::TestParamInfo<mio::Trigger>& trigger) {
    switch (trigger.param) {
    case mio::Trigger::edge: return "Edge";
    case mio::Trigger::level: return "Level";
    case mio::Trigger::oneshot: break;
    }
    return "Oneshot";
}

} // namespace test
