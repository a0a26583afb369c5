// The kqueue backend: the filters that it registers and how it decodes the kevents that it receives.
#include <sys/types.h>

#include <sys/event.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "kqueue_filters.hpp"
#include "posix.hpp"

import mio.sys.kqueue;

using namespace test;
using mio::Trigger;
using mio::sys::kqueue::decode;
using mio::sys::kqueue::Selector;

namespace {

// The table of predicates in modules/sys/kqueue.cppm, written independently.
constexpr bool is_decoded_as_tabulated(std::int64_t filter, int flags, unsigned fflags) {
    const auto readiness = decode(filter, static_cast<unsigned>(flags), fflags);
    const auto has = [readiness](Readiness bit) { return (readiness & bit) != Readiness::none; };
    const bool eof = (flags & EV_EOF) != 0;
    return has(Readiness::readable) == (filter == EVFILT_READ || filter == user_filter)
           && has(Readiness::writable) == (filter == EVFILT_WRITE)
           && has(Readiness::error) == ((flags & EV_ERROR) != 0 || (eof && fflags != 0))
           && has(Readiness::read_closed) == (filter == EVFILT_READ && eof)
           && has(Readiness::write_closed) == (filter == EVFILT_WRITE && eof)
           && has(Readiness::aio) == (filter == aio_filter) && has(Readiness::lio) == (filter == lio_filter)
           && !has(Readiness::priority);
}
constexpr bool every_combination_is() {
    for (const auto some :
         {std::optional<std::int64_t>(EVFILT_READ), std::optional<std::int64_t>(EVFILT_WRITE), user_filter,
          aio_filter, lio_filter, std::optional<std::int64_t>(EVFILT_TIMER)}) {
        if (!some) continue;
        const auto filter = *some;
        for (const int flags : {0, EV_EOF, EV_ERROR, EV_EOF | EV_ERROR, EV_CLEAR, EV_ONESHOT | EV_EOF}) {
            for (const unsigned fflags : {0u, 61u}) {
                if (!is_decoded_as_tabulated(filter, flags, fflags)) return false;
            }
        }
    }
    return true;
}
static_assert(every_combination_is());

/// The filters registered for a handle, found by deleting them.
struct Filters {
    bool read;
    bool write;
};
bool drop(int kqueue, int handle, int filter) {
    struct ::kevent change{};
    EV_SET(&change, static_cast<std::uintptr_t>(handle), static_cast<short>(filter), EV_DELETE, 0, 0,
           nullptr);
    return ::kevent(kqueue, &change, 1, nullptr, 0, nullptr) == 0;
}
Filters filters_of(const Selector& selector, int handle) {
    return {drop(selector.raw_fd(), handle, EVFILT_READ), drop(selector.raw_fd(), handle, EVFILT_WRITE)};
}

class KqueueSelector : public testing::Test {
  protected:
    Selector selector{must(Selector::open())};
    mio::Events events = events_for<Selector>(8);
    std::pair<plain::Socket, plain::Socket> ends = plain::socket_pair();
    int handle = ends.first.fd();
};

} // namespace

TEST_F(KqueueSelector, IsNotInherited) { EXPECT_TRUE(is_close_on_exec(selector.raw_fd())); }

TEST_F(KqueueSelector, RegistersTheFiltersOfTheInterest) {
    for (const auto interest : {Interest::readable, Interest::writable, read_write}) {
        must(selector.add(handle, Token{1}, interest, Trigger::edge));
        const auto [read, write] = filters_of(selector, handle);
        EXPECT_EQ(read, interest.is_readable());
        EXPECT_EQ(write, interest.is_writable());
    }
}

TEST_F(KqueueSelector, ModifyDeletesUnneededFilters) {
    const auto state = must(selector.add(handle, Token{1}, read_write, Trigger::level));
    must(selector.modify(handle, state, Token{2}, Interest::readable, Trigger::edge));
    const auto [read, write] = filters_of(selector, handle);
    EXPECT_TRUE(read);
    EXPECT_FALSE(write);
}

TEST_F(KqueueSelector, FailedAddLeavesNoFilter) {
    const Selector nested(must(Selector::open()));
    // A kqueue supports reading only.
    EXPECT_TRUE(fails_with(selector.add(nested.raw_fd(), Token{1}, read_write, Trigger::edge),
                           std::errc::invalid_argument));
    const auto [read, write] = filters_of(selector, nested.raw_fd());
    EXPECT_FALSE(read);
    EXPECT_FALSE(write);
    EXPECT_TRUE(ok(selector.add(nested.raw_fd(), Token{1}, Interest::readable, Trigger::edge)));
}

TEST_F(KqueueSelector, AcceptsAioAndLioWithoutAFilter) {
    must(selector.add(handle, Token{1}, Interest::aio | Interest::lio, Trigger::edge));
    auto [read, write] = filters_of(selector, handle);
    EXPECT_FALSE(read || write);
    EXPECT_TRUE(fails_with(selector.add(handle, Token{1}, Interest::priority, Trigger::edge),
                           mio::Errc::unsupported));
}

TEST_F(KqueueSelector, ReportsOneEventPerDirection) {
    must(selector.add(handle, Token{1}, read_write, Trigger::edge));
    plain::write_all(ends.second, "x");
    ASSERT_TRUE(ok(selector.select(events, 500ms)));
    ASSERT_EQ(events.size(), 2u);
    EXPECT_NE(events[0].is_readable(), events[1].is_readable());
    EXPECT_NE(events[0].is_writable(), events[1].is_writable());
    for (const auto& event : events) EXPECT_EQ(event.raw_detail() & EV_CLEAR, EV_CLEAR);
}

// FreeBSD then reports EV_ONESHOT, which was not requested.
TEST_F(KqueueSelector, ReportsAPipeWithoutReader) {
    for (const auto trigger : {Trigger::edge, Trigger::level, Trigger::oneshot}) {
        for (const auto token : {Token{0}, Token{1}}) {
            auto [receiver, sender] = plain::pipe();
            must(selector.add(sender.fd(), token, Interest::writable, trigger));
            if (trigger == Trigger::edge) must(selector.select(events, 500ms)); // it is writable
            receiver.close();
            ASSERT_TRUE(ok(selector.select(events, 500ms)));
            ASSERT_EQ(events.size(), 1u);
            EXPECT_EQ(events[0].token(), token);
            EXPECT_TRUE(events[0].is_write_closed());
        }
    }
}

TEST_F(KqueueSelector, DescribesTheKevent) {
    const auto text = [](int filter, int flags, unsigned fflags, Readiness readiness = Readiness::none) {
        return Selector::describe(mio::Event(Token{}, readiness, fflags, static_cast<std::uint16_t>(flags),
                                             static_cast<std::int8_t>(filter)));
    };
    EXPECT_EQ(text(EVFILT_READ, EV_CLEAR, 0), "EVFILT_READ|EV_CLEAR");
    if (user_filter) {
        const auto user = static_cast<int>(*user_filter);
        EXPECT_EQ(text(user, EV_CLEAR, 0, Readiness::readable), "EVFILT_USER|EV_CLEAR");
        EXPECT_EQ(text(user, EV_EOF, ECONNRESET), "EVFILT_USER|EV_EOF|fflags=" + std::to_string(ECONNRESET));
    }
    EXPECT_EQ(text(0, 0, 0), "(empty)");

    // Error numbers differ between systems; other values of fflags have no name here.
    EXPECT_EQ(text(EVFILT_WRITE, EV_CLEAR | EV_EOF, ECONNRESET),
              "EVFILT_WRITE|EV_CLEAR|EV_EOF|fflags=ECONNRESET");
    EXPECT_EQ(text(EVFILT_READ, EV_EOF, 99999), "EVFILT_READ|EV_EOF|fflags=99999");
    EXPECT_EQ(text(EVFILT_READ, 0, ECONNRESET), "EVFILT_READ|fflags=" + std::to_string(ECONNRESET));

    // A one-shot source reported for both directions has either filter.
    for (const int filter : {EVFILT_READ, EVFILT_WRITE}) {
        EXPECT_EQ(text(filter, EV_ONESHOT, 0, Readiness::readable | Readiness::writable),
                  "EVFILT_READ|EVFILT_WRITE|EV_ONESHOT");
    }
}
