#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include "support.hpp"

using namespace test;

static_assert(std::is_nothrow_move_constructible_v<mio::RawSource>
              && std::is_nothrow_move_assignable_v<mio::RawSource>);
static_assert(!std::is_copy_constructible_v<mio::RawSource> && !std::is_copy_assignable_v<mio::RawSource>,
              "two sources cannot be one registration");
static_assert(!std::is_convertible_v<int, mio::RawSource>);

namespace {

mio::Result<std::size_t> read_some(mio::RawHandle handle, std::string& text) {
    return plain::receive(handle, text.data(), text.size());
}

} // namespace

TEST(RawSource, DoesNotOwnItsHandle) {
    const auto [here, there] = plain::socket_pair();
    {
        Loop loop;
        mio::RawSource source(here.fd());
        ASSERT_TRUE(ok(loop.registry().add(source, Token{1}, Interest::readable)));
        ASSERT_TRUE(ok(loop.registry().remove(source)));
    }
    plain::write_all(here, "still open");
    EXPECT_EQ(plain::read_exactly(there, 10), "still open");
}

TEST(RawSource, TryIoReturnsTheValueOfTheOperation) {
    const auto [here, there] = plain::socket_pair();
    mio::RawSource source(here.fd());
    plain::write_all(there, "hello");
    std::string text(16, '\0');
    EXPECT_EQ(must(source.try_io([&] { return read_some(source.raw(), text); })), 5u);
    EXPECT_EQ(text.substr(0, 5), "hello");
    // The result may have any type, including move-only types and void.
    auto moved =
        source.try_io([]() -> mio::Result<std::unique_ptr<int>> { return std::make_unique<int>(7); });
    ASSERT_TRUE(moved);
    EXPECT_EQ(**moved, 7);
    EXPECT_TRUE(ok(source.try_io(Interest::writable, []() -> mio::Result<> { return {}; })));
    static_assert(
        std::is_same_v<decltype(source.try_io([]() -> mio::Result<> { return {}; })), mio::Result<>>);
}

TEST(RawSource, TryIoReturnsTheErrorOfTheOperation) {
    auto [here, there] = plain::socket_pair();
    here.set_non_blocking();
    Loop loop;
    mio::RawSource source(here.fd());
    std::string text(16, '\0');
    const auto read = [&] { return read_some(source.raw(), text); };
    // Registered and unregistered, in both overloads.
    for (int round = 0; round < 2; ++round) {
        EXPECT_TRUE(blocks(source.try_io(read)));
        EXPECT_TRUE(blocks(source.try_io(Interest::readable, read)));
        const auto failed = [] {
            return mio::Result<int>(std::unexpect, make_error_code(std::errc::io_error));
        };
        EXPECT_TRUE(fails_with(source.try_io(failed), std::errc::io_error));
        EXPECT_TRUE(fails_with(source.try_io(Interest::writable, failed), std::errc::io_error));
        if (round == 0) {
            ASSERT_TRUE(ok(loop.registry().add(source, Token{1}, read_write)));
        }
    }
    // The operation runs once.
    int runs = 0;
    const auto count = [&]() -> mio::Result<> {
        ++runs;
        return std::unexpected(make_error_code(std::errc::operation_would_block));
    };
    EXPECT_TRUE(blocks(source.try_io(count)));
    EXPECT_EQ(runs, 1);
    EXPECT_TRUE(blocks(source.try_io(Interest::writable, count)));
    EXPECT_EQ(runs, 2);
}

namespace other {

/// An error type of another library.
struct Error {
    int number = 0;
};
inline bool would_block(const Error& error) { return error.number == 11; }

/// One that has no conversion to an error code, but compares with `std::errc`.
struct Comparable {
    bool is_blocked = false;
    friend bool operator==(const Comparable& error, std::errc code) {
        return error.is_blocked && code == std::errc::operation_would_block;
    }
};

/// One that cannot be asked.
struct Unknown {};

} // namespace other

static_assert(mio::BlockingError<std::error_code> && mio::BlockingError<std::error_condition>
              && mio::BlockingError<std::errc> && mio::BlockingError<other::Error>
              && mio::BlockingError<other::Comparable>);
static_assert(!mio::BlockingError<other::Unknown> && !mio::BlockingError<int>);

namespace {

/// Checks that an operation that fails with `error` is followed by an event if and only if it would have blocked.
template <class Error> void expect_event_after(Error error, bool would_block) {
    auto [here, there] = plain::socket_pair();
    here.set_non_blocking();
    Loop loop;
    mio::RawSource source(here.fd());
    ASSERT_TRUE(ok(loop.registry().add(source, Token{1}, Interest::readable)));
    plain::write_all(there, "x");
    loop.expect({{Token{1}, Interest::readable}});
    std::string text(16, '\0');
    ASSERT_EQ(must(read_some(source.raw(), text)), 1u);
    const auto result = source.try_io(
        Interest::readable, [&]() -> std::expected<std::size_t, Error> { return std::unexpected(error); });
    static_assert(std::is_same_v<decltype(result), const std::expected<std::size_t, Error>>);
    ASSERT_FALSE(result);
    plain::write_all(there, "y");
    // epoll and kqueue report every arrival. iocp watches again after any error, which may have been a pending one.
    if (would_block || mio::backend() != "poll") {
        loop.expect({{Token{1}, Interest::readable}});
    } else {
        loop.expect_none();
    }
}

} // namespace

TEST(RawSource, TryIoTakesEveryErrorThatCanSayWouldBlock) {
    expect_event_after(make_error_code(std::errc::resource_unavailable_try_again), true);
    expect_event_after(make_error_code(std::errc::io_error), false);
    expect_event_after(make_error_condition(std::errc::operation_would_block), true);
    expect_event_after(make_error_condition(std::errc::resource_unavailable_try_again), true);
    expect_event_after(make_error_condition(std::errc::io_error), false);
    expect_event_after(std::errc::resource_unavailable_try_again, true);
    expect_event_after(std::errc::io_error, false);
    expect_event_after(other::Error{11}, true);
    expect_event_after(other::Error{12}, false);
    expect_event_after(other::Comparable{true}, true);
    expect_event_after(other::Comparable{false}, false);
}

TEST(RawSource, TryIoThatWouldBlockIsFollowedByAnEvent) {
    auto [here, there] = plain::socket_pair();
    here.set_non_blocking();
    Loop loop;
    mio::RawSource source(here.fd());
    ASSERT_TRUE(ok(loop.registry().add(source, Token{1}, read_write)));
    loop.expect({{Token{1}, Interest::writable}});
    std::string text(16, '\0');
    const auto read = [&] { return read_some(source.raw(), text); };
    for (int round = 0; round < 3; ++round) {
        EXPECT_TRUE(blocks(source.try_io(Interest::readable, read)));
        // A read that would block does not rearm writable.
        loop.expect_none();
        plain::write_all(there, "x");
        loop.expect({{Token{1}, Interest::readable}});
        EXPECT_EQ(must(source.try_io(Interest::readable, read)), 1u);
    }
}

TEST(RawSource, AssignmentWatchesTheNewHandle) {
    Loop loop;
    const auto [a, a_peer] = plain::socket_pair();
    const auto [b, b_peer] = plain::socket_pair();
    mio::RawSource source(a.fd());
    ASSERT_TRUE(ok(loop.registry().add(source, Token{1}, Interest::readable)));
    ASSERT_TRUE(ok(loop.registry().remove(source)));
    source = mio::RawSource(b.fd());
    EXPECT_EQ(source.raw(), b.fd());
    ASSERT_TRUE(ok(loop.registry().add(source, Token{2}, Interest::readable)));
    plain::write_all(a_peer, "x");
    plain::write_all(b_peer, "x");
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 500ms)));
    ASSERT_EQ(loop.events.size(), 1u);
    EXPECT_EQ(loop.events[0].token(), Token{2});
    ASSERT_TRUE(ok(loop.registry().remove(source)));
}
