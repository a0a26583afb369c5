// The kqueue backend when kevent(2) fails for lack of memory, which the double of kqueue can.
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <system_error>
#include <utility>

#include "kqueue_double.h"

#include "posix.hpp"

import mio.sys.kqueue;

using namespace test;
using mio::Trigger;
using mio::sys::kqueue::Selector;

namespace {

int additions_until_failure; // of filters

int fail_once(kqueue_double_point point) {
    return point == kqueue_double_add && --additions_until_failure == 0 ? ENOMEM : 0;
}

/// Makes one addition of a filter fail: the first or the second one.
class Failure {
  public:
    explicit Failure(int addition) {
        additions_until_failure = addition;
        kqueue_double_fault = &fail_once;
    }
    Failure(const Failure&) = delete;
    Failure& operator=(const Failure&) = delete;
    ~Failure() { kqueue_double_fault = nullptr; }
};

class KqueueWithoutMemory : public testing::TestWithParam<int> {
  protected:
    /// The token of the only event; 0: there was no event.
    std::size_t token() {
        must(selector.select(events, 0ns));
        EXPECT_LE(events.size(), 2u); // one for each filter
        for (const auto& event : events) EXPECT_EQ(event.token(), events[0].token());
        return events.empty() ? 0 : events[0].token().value;
    }
    void expect_out_of_memory(const mio::Result<>& result) {
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error(), std::errc::not_enough_memory);
    }

    Selector selector{must(Selector::open())};
    mio::Events events = events_for<Selector>(8);
    std::pair<plain::Socket, plain::Socket> ends = plain::socket_pair();
    int handle = ends.first.fd();
    static constexpr Interest both = Interest::readable | Interest::writable;
};

} // namespace

INSTANTIATE_TEST_SUITE_P(Addition, KqueueWithoutMemory, testing::Values(1, 2));

TEST_P(KqueueWithoutMemory, AFailedChangeLeavesTheRegistrationAsItWas) {
    for (const auto trigger : {Trigger::edge, Trigger::level, Trigger::oneshot}) {
        const auto state = must(selector.add(handle, Token{1}, both, trigger));
        {
            const Failure failure(GetParam());
            expect_out_of_memory(selector.modify(handle, state, Token{2}, both, Trigger::level));
        }
        EXPECT_EQ(token(), 1u);
        if (trigger == Trigger::oneshot) EXPECT_EQ(token(), 0u);

        must(selector.modify(handle, state, Token{3}, both, trigger));
        {
            const Failure failure(GetParam());
            expect_out_of_memory(selector.renew(state));
        }
        EXPECT_EQ(token(), 3u);
        must(selector.remove(handle, state));
    }
}

TEST_P(KqueueWithoutMemory, AFailedChangeDoesNotArmAReportedOneshot) {
    const auto state = must(selector.add(handle, Token{1}, both, Trigger::oneshot));
    EXPECT_EQ(token(), 1u);
    {
        const Failure failure(GetParam());
        expect_out_of_memory(selector.renew(state));
    }
    EXPECT_EQ(token(), 0u);
    must(selector.renew(state));
    EXPECT_EQ(token(), 1u);
    must(selector.remove(handle, state));
}

TEST_P(KqueueWithoutMemory, AFailedAdditionLeavesNoFilter) {
    {
        const Failure failure(GetParam());
        EXPECT_FALSE(selector.add(handle, Token{1}, both, Trigger::level));
    }
    EXPECT_EQ(token(), 0u);
    const auto state = must(selector.add(handle, Token{2}, both, Trigger::level));
    EXPECT_EQ(token(), 2u);
    must(selector.remove(handle, state));
}
