#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "differences.hpp"
#include "support.hpp"

using namespace test;
using mio::Trigger;

namespace {

constexpr Token id{5};

class TriggerTest : public testing::Test {
  protected:
    TriggerTest() : ends_(plain::socket_pair()), source(ends_.first.fd()) { ends_.first.set_non_blocking(); }

    void add(Interest interest, Trigger trigger) {
        ASSERT_TRUE(ok(loop.registry().add(source, id, interest, trigger)));
    }
    void modify(Interest interest, Trigger trigger) {
        ASSERT_TRUE(ok(loop.registry().modify(source, id, interest, trigger)));
    }
    void speak(std::string_view text) { plain::write_all(ends_.second, text); }
    std::string hear(std::size_t count) { return plain::read_exactly(ends_.first, count); }
    /// Reads until it would block, as edge triggering requires.
    void drain() {
        std::array<std::byte, 64> buffer;
        const auto read = [&] { return plain::receive(source.raw(), buffer.data(), buffer.size()); };
        while (source.try_io(Interest::readable, read)) {
        }
    }
    void hang_up() { ends_.second.close(); }

    /// Expects one event for this source, readable or not.
    void expect_one(bool readable = true) {
        ASSERT_TRUE(ok(loop.poll.poll(loop.events, 500ms)));
        ASSERT_EQ(loop.events.size(), 1u);
        EXPECT_EQ(loop.events[0].token(), id);
        EXPECT_EQ(loop.events[0].is_readable(), readable) << to_string(loop.events[0]);
    }
    /// Expects no event.
    void expect_nothing() {
        ASSERT_TRUE(ok(loop.poll.poll(loop.events, 20ms)));
        for (const auto& event : loop.events) ADD_FAILURE() << to_string(event);
    }

  private:
    std::pair<plain::Socket, plain::Socket> ends_;

  protected:
    Loop loop;
    mio::RawSource source;
};

using EdgeTrigger = TriggerTest;
using LevelTrigger = TriggerTest;
using OneshotTrigger = TriggerTest;
using TriggerChange = TriggerTest;

} // namespace

TEST_F(EdgeTrigger, IsTheDefault) {
    ASSERT_TRUE(ok(loop.registry().add(source, id, Interest::writable)));
    expect_one(false);
    expect_nothing();
    ASSERT_TRUE(ok(loop.registry().modify(source, id, Interest::writable)));
    expect_one(false);
    expect_nothing();
}

TEST_F(EdgeTrigger, ReportsOnceWithoutNewData) {
    add(Interest::readable, Trigger::edge);
    speak("four");
    expect_one();
    expect_nothing();
    // A partial read is not a new edge.
    EXPECT_EQ(hear(2), "fo");
    expect_nothing();
}

TEST_F(EdgeTrigger, ReportsNewDataAfterDraining) {
    add(Interest::readable, Trigger::edge);
    for (int i = 0; i < 3; ++i) {
        speak("four");
        expect_one();
        drain();
        expect_nothing();
    }
}

TEST_F(EdgeTrigger, ReportsNewDataAfterAPartialRead) {
    if (!differences.reports_data_behind_data_left_unread) GTEST_SKIP() << "requires draining first";
    add(Interest::readable, Trigger::edge);
    speak("four");
    expect_one();
    EXPECT_EQ(hear(2), "fo");
    expect_nothing();
    speak("more");
    expect_one();
    EXPECT_EQ(hear(6), "urmore");
}

TEST_F(EdgeTrigger, ReportsEndOfStream) {
    add(Interest::readable, Trigger::edge);
    hang_up();
    expect_one();
    EXPECT_TRUE(loop.events[0].is_read_closed());
    expect_nothing();
}

TEST_F(LevelTrigger, ReportsWhileTheConditionHolds) {
    add(Interest::readable, Trigger::level);
    expect_nothing();
    speak("four");
    for (int i = 0; i < 3; ++i) expect_one();
    EXPECT_EQ(hear(2), "fo");
    expect_one();
    EXPECT_EQ(hear(2), "ur");
    expect_nothing();
    speak("more");
    for (int i = 0; i < 3; ++i) expect_one();
    drain();
    expect_nothing();
}

TEST_F(LevelTrigger, ReportsWritableSourceOnEveryPoll) {
    add(Interest::writable, Trigger::level);
    for (int i = 0; i < 5; ++i) expect_one(false);
}

TEST_F(LevelTrigger, ReportsEndOfStreamOnEveryPoll) {
    add(Interest::readable, Trigger::level);
    hang_up();
    for (int i = 0; i < 3; ++i) {
        expect_one();
        EXPECT_TRUE(loop.events[0].is_read_closed());
    }
}

TEST_F(OneshotTrigger, ReportsOnceUntilModified) {
    add(Interest::readable, Trigger::oneshot);
    expect_nothing();
    speak("one");
    expect_one();
    expect_nothing();
    // New data does not rearm it.
    speak("two");
    expect_nothing();
    drain();
    expect_nothing();
    speak("three");
    expect_nothing();
    // modify rearms it and reports a condition that already holds.
    modify(Interest::readable, Trigger::oneshot);
    expect_one();
    expect_nothing();
    // Or one that becomes true later.
    drain();
    modify(Interest::readable, Trigger::oneshot);
    expect_nothing();
    speak("four");
    expect_one();
    expect_nothing();
}

TEST_F(OneshotTrigger, OneReportDisarmsEveryInterest) {
    // The writable event was the single report; readable is not reported any more.
    add(read_write, Trigger::oneshot);
    expect_one(false);
    speak("x");
    expect_nothing();
    modify(read_write, Trigger::oneshot);
    expect_one();
    EXPECT_TRUE(loop.events[0].is_writable());
    expect_nothing();
}

TEST_F(OneshotTrigger, DoesNotReportEndOfStreamAfterItsEvent) {
    add(Interest::readable, Trigger::oneshot);
    speak("x");
    expect_one();
    hang_up();
    expect_nothing();
    EXPECT_EQ(hear(1), "x"); // Wine does not report an end behind the byte
    modify(Interest::readable, Trigger::oneshot);
    expect_one();
    EXPECT_TRUE(loop.events[0].is_read_closed());
}

TEST_F(OneshotTrigger, StaysRegisteredAfterItsEvent) {
    add(Interest::writable, Trigger::oneshot);
    expect_one(false);
    EXPECT_TRUE(
        fails_with(loop.registry().add(source, id, Interest::writable), mio::Errc::already_registered));
    EXPECT_TRUE(ok(loop.registry().remove(source)));
    EXPECT_TRUE(ok(loop.registry().add(source, id, Interest::writable, Trigger::oneshot)));
    expect_one(false);
}

TEST_F(OneshotTrigger, EventThatDidNotFitStaysPending) {
    // With capacity one, three one-shot sources are reported one after the other.
    std::array<std::pair<plain::Socket, plain::Socket>, 3> pairs{plain::socket_pair(), plain::socket_pair(),
                                                                 plain::socket_pair()};
    std::array<mio::RawSource, 3> sources{mio::RawSource(pairs[0].first.fd()),
                                          mio::RawSource(pairs[1].first.fd()),
                                          mio::RawSource(pairs[2].first.fd())};
    for (std::size_t i = 0; i < 3; ++i) {
        ASSERT_TRUE(ok(loop.registry().add(sources[i], Token{i}, Interest::writable, Trigger::oneshot)));
    }
    mio::Events one(1);
    std::array<int, 3> seen{};
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(ok(loop.poll.poll(one, 500ms)));
        ASSERT_EQ(one.size(), 1u);
        ++seen[one[0].token().value];
    }
    EXPECT_EQ(seen, (std::array{1, 1, 1}));
    ASSERT_TRUE(ok(loop.poll.poll(one, 20ms)));
    EXPECT_TRUE(one.empty());
}

TEST_F(TriggerChange, FromEdgeToLevelAndBack) {
    add(Interest::readable, Trigger::edge);
    speak("x");
    expect_one();
    expect_nothing();
    modify(Interest::readable, Trigger::level);
    for (int i = 0; i < 3; ++i) expect_one();
    modify(Interest::readable, Trigger::edge);
    expect_one(); // modify reports conditions that already hold
    expect_nothing();
}

TEST_F(TriggerChange, FromOneshotToLevelAndBack) {
    add(Interest::readable, Trigger::oneshot);
    speak("x");
    expect_one();
    expect_nothing();
    modify(Interest::readable, Trigger::level);
    for (int i = 0; i < 3; ++i) expect_one();
    modify(Interest::readable, Trigger::oneshot);
    expect_one();
    expect_nothing();
}

TEST_F(TriggerChange, FromOneshotToEdge) {
    add(Interest::readable, Trigger::oneshot);
    speak("x");
    expect_one();
    modify(Interest::readable, Trigger::edge);
    expect_one();
    drain();
    expect_nothing();
    // Edge-triggered from here on.
    for (int i = 0; i < 3; ++i) {
        speak("x");
        expect_one();
        drain();
    }
}
