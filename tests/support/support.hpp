// Helpers for every test. Include it last: it imports mio, and standard headers must precede an import.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "family.hpp"

import mio;

namespace test {

using namespace std::chrono_literals;
using mio::Interest;
using mio::Readiness;
using mio::Token;

inline constexpr Interest read_write = Interest::readable | Interest::writable;

/// The value of a `Result`; without one, the test program ends with the error message.
template <class T> T must(mio::Result<T> result, const char* what = "must") {
    if (!result) {
        ADD_FAILURE() << what << ": " << result.error().message() << " (" << result.error() << ")";
        std::abort();
    }
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// For EXPECT_TRUE and ASSERT_TRUE: success, or the error message.
template <class T> testing::AssertionResult ok(const mio::Result<T>& result) {
    if (result) return testing::AssertionSuccess();
    return testing::AssertionFailure() << result.error().message() << " (" << result.error() << ")";
}

/// Failure with exactly this code, or one that compares equal (`mio::Errc`, `std::errc`).
template <class T, class Code> testing::AssertionResult fails_with(const mio::Result<T>& result, Code code) {
    if (result) return testing::AssertionFailure() << "succeeded";
    if (result.error() == code) return testing::AssertionSuccess();
    return testing::AssertionFailure() << result.error().message() << " (" << result.error() << ")";
}

/// Failure with a code that satisfies the predicate: one of `family.hpp`.
template <class T>
testing::AssertionResult fails_matching(const mio::Result<T>& result,
                                        bool (*predicate)(const std::error_code&)) {
    if (result) return testing::AssertionFailure() << "succeeded";
    if (predicate(result.error())) return testing::AssertionSuccess();
    return testing::AssertionFailure() << result.error().message() << " (" << result.error() << ")";
}

/// Failure because the call would block.
template <class T> testing::AssertionResult blocks(const mio::Result<T>& result) {
    if (result) return testing::AssertionFailure() << "succeeded";
    if (mio::would_block(result.error())) return testing::AssertionSuccess();
    return testing::AssertionFailure() << result.error().message() << " (" << result.error() << ")";
}

/// An expected event: this token with at least these predicates.
struct Expected {
    Token token;
    Readiness readiness;

    Expected(Token t, Readiness r) : token(t), readiness(r) {}
    Expected(Token t, Interest interest);
};

/// Polls up to three times, 5 s each, until every expected event is reported. Other events are allowed;
/// one event satisfies one expectation.
void expect_events(mio::Poll& poll, mio::Events& events, std::vector<Expected> expected);

/// Polls for 50 ms and expects no event.
void expect_no_events(mio::Poll& poll, mio::Events& events);

/// An event buffer for a backend's `Selector` that is used without a poll.
template <class Selector> mio::Events events_for(std::size_t capacity) {
    return mio::sys::BackendAccess::make_events(capacity, Selector::record_size);
}

/// A poll and an event buffer of capacity 16.
struct Loop {
    mio::Poll poll = must(mio::Poll::create());
    mio::Events events{16};

    const mio::Registry& registry() const { return poll.registry(); }
    void expect(std::vector<Expected> expected) { expect_events(poll, events, std::move(expected)); }
    void expect_none() { expect_no_events(poll, events); }
};

std::span<const std::byte> bytes_of(std::string_view text);
std::string_view text_of(std::span<const std::byte> bytes);

/// Where the system can be queried; on Windows these expectations are skipped.
void expect_non_blocking(mio::RawHandle handle);
void expect_blocking(mio::RawHandle handle);
/// The descriptor is not inherited by programs that this process starts.
bool is_close_on_exec(mio::RawHandle handle);
/// The descriptor is open.
bool is_open(mio::RawHandle handle);

/// 127.0.0.1 and ::1, with port 0.
mio::net::SocketAddress local_v4();
mio::net::SocketAddress local_v6();

/// Makes close send a reset.
void set_linger_zero(mio::RawHandle handle);

OpenHandles open_handles();

/// Fails the test if handles opened since its construction are still open at its destruction.
class DescriptorGuard {
  public:
    DescriptorGuard() = default;
    ~DescriptorGuard();

  private:
    OpenHandles before_ = open_handles();
};

/// Barrier for a fixed number of threads, reusable. MinGW-w64's `std::barrier` loses wake-ups.
class Barrier {
  public:
    explicit Barrier(int threads) : threads_(threads) {}
    void arrive_and_wait() {
        std::unique_lock lock(mutex_);
        const auto round = round_;
        if (++arrived_ == threads_) {
            arrived_ = 0;
            ++round_;
            next_round_.notify_all();
        }
        next_round_.wait(lock, [&] { return round_ != round; });
    }

  private:
    std::mutex mutex_;
    std::condition_variable next_round_;
    const int threads_;
    int arrived_ = 0;
    int round_ = 0;
};

/// Processor time used by this thread.
std::chrono::nanoseconds processor_time();

/// Duration of `f`.
template <class F> std::chrono::nanoseconds time_of(F&& f) {
    const auto start = std::chrono::steady_clock::now();
    std::forward<F>(f)();
    return std::chrono::steady_clock::now() - start;
}

/// Margin for upper time bounds: far more than any machine needs for an operation that should not block.
inline constexpr auto generous_margin = 10s;

/// Plain blocking sockets for the other side of a test.
namespace plain {

class Socket {
  public:
    Socket() = default;
    explicit Socket(mio::RawHandle fd) : fd_(fd) {}
    Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, mio::invalid_handle)) {}
    Socket& operator=(Socket&& other) noexcept;
    ~Socket() { close(); }

    [[nodiscard]] mio::RawHandle fd() const { return fd_; }
    [[nodiscard]] mio::RawHandle release() { return std::exchange(fd_, mio::invalid_handle); }
    void close();
    void set_non_blocking() const;

  private:
    mio::RawHandle fd_ = mio::invalid_handle;
};

/// A listener at `address`, and its bound address.
Socket listen(const mio::net::SocketAddress& address);
mio::net::SocketAddress address_of(const Socket& socket);
mio::net::SocketAddress peer_address_of(const Socket& socket);
Socket accept(const Socket& listener);
Socket connect(const mio::net::SocketAddress& address);
/// Writes all bytes.
void write_all(const Socket& socket, std::string_view text);
/// Reads until `count` bytes have arrived or the stream ends.
std::string read_exactly(const Socket& socket, std::size_t count);

/// Two connected stream sockets.
std::pair<Socket, Socket> socket_pair();
/// A datagram socket at 127.0.0.1, and its address.
Socket datagram_socket();
/// Connects a datagram socket.
void connect(const Socket& socket, const mio::net::SocketAddress& address);

/// recv(2) and send(2), without SIGPIPE.
mio::Result<std::size_t> receive(mio::RawHandle handle, void* data, std::size_t size, int flags = 0);
mio::Result<std::size_t> send(mio::RawHandle handle, const void* data, std::size_t size, int flags = 0);

/// For options of type int on every system.
mio::Result<int> option(mio::RawHandle handle, int level, int name);
mio::Result<> set_option(mio::RawHandle handle, int level, int name, int value);

/// Shuts down writing; this side can still read.
void end_writing(const Socket& socket);

/// Reads fail after `limit`.
void set_receive_timeout(const Socket& socket, std::chrono::milliseconds limit);

/// Waits without the library until the socket is ready.
void await_readable(const Socket& socket);
void await_writable(mio::RawHandle handle);

/// Waits for any of poll(2)'s `events`, at most for the generous margin. Returns the events, 0 if none.
short await(mio::RawHandle handle, short events);

/// Waits until the peer has ended or reset the stream, regardless of unread data, at most for the generous margin.
void await_end(mio::RawHandle handle);

} // namespace plain

} // namespace test
