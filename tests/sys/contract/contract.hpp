// The contract between a backend and `Poll`. This program is compiled once for each backend, with a `backend.hpp`
// that defines `Backend`. Documented differences are in `mio::sys::BackendTraits`.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>

#include "support.hpp"

// Last, since it only imports: GCC accepts no standard header after an import.
#include "backend.hpp"

namespace test {

using mio::Errc;
using mio::Trigger;
using mio::sys::wake;
using Waker = Backend::Waker;

constexpr Token id1{1}, id2{2}, id3{3};
inline constexpr mio::sys::BackendTraits<Backend> backend_differences{};

/// One end of a TCP connection, to be watched, and its peer. Sockets, since some backends watch nothing else.
struct Connection {
    Connection() {
        const auto listener = plain::listen(local_v4());
        there = plain::connect(plain::address_of(listener));
        here = plain::accept(listener);
        here.set_non_blocking();
    }
    void speak() const { plain::write_all(there, "x"); }
    void hear() const { EXPECT_EQ(plain::read_exactly(here, 1), "x"); }

    plain::Socket here;
    plain::Socket there;
};

/// Owns the states of sources at stable addresses, and ends them before the selector is destroyed.
class Contract : public testing::Test {
  protected:
    ~Contract() override {
        for (const auto state : states_) Backend::forget(state);
    }

    std::uint64_t add(mio::RawHandle handle, Token token, Interest interest,
                      Trigger trigger = Trigger::edge) {
        const auto state = selector.add(handle, token, interest, trigger);
        EXPECT_TRUE(ok(state));
        if (!state) return 0;
        const std::scoped_lock lock(mutex_);
        states_.insert(*state);
        return *state;
    }
    std::uint64_t add(const Connection& c, Token token, Interest interest, Trigger trigger = Trigger::edge) {
        return add(c.here.fd(), token, interest, trigger);
    }
    /// The tokens that one select reports.
    std::multiset<Token> select(std::optional<std::chrono::nanoseconds> timeout = 500ms) {
        return select_into(events, timeout);
    }
    std::multiset<Token> select_into(mio::Events& room,
                                     std::optional<std::chrono::nanoseconds> timeout = 500ms) {
        EXPECT_TRUE(ok(selector.select(room, timeout)));
        std::multiset<Token> tokens;
        for (const auto& event : room) tokens.insert(event.token());
        return tokens;
    }
    mio::Result<> remove(const Connection& c, std::uint64_t state) {
        auto removed = selector.remove(c.here.fd(), state);
        if (removed) take(state);
        return removed;
    }
    void forget(std::uint64_t state) {
        take(state);
        Backend::forget(state);
    }
    /// The selector has taken the state back.
    void take(std::uint64_t state) {
        const std::scoped_lock lock(mutex_);
        states_.erase(state);
    }
    void expect_nothing() { EXPECT_EQ(select(20ms), std::multiset<Token>{}); }

    Backend selector{must(Backend::open())};
    mio::Events events = events_for<Backend>(16);

  private:
    std::mutex mutex_;
    std::set<std::uint64_t> states_;
};

} // namespace test
