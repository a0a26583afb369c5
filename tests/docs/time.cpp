// The snippets of docs/time.md do what the page says.

#include "time_snippets.cpp"

namespace {

using namespace docs;
using Words = std::vector<std::string>;

struct End {}; // of a loop that has none

} // namespace

TEST(DocsTime, TimersSayHowLongToWaitAndWhatIsDue) {
    Assumed page;
    const auto start = mio::time::Clock::now();
    page.reader = [&](std::string_view text) {
        page.reached.emplace_back(text);
        EXPECT_GE(mio::time::Clock::now(), start + 200ms);
        if (page.reached.size() == 2) throw End{};
    };
    EXPECT_THROW(static_cast<void>(time::timers(page)), End);
    EXPECT_EQ(page.reached, (Words{"handle errors and events", "end what *token identifies"}));
    EXPECT_TRUE(page.events.empty());
}

TEST(DocsTime, TimerInAnObjectIsFoundByItsType) {
    Assumed page;
    Connection early, late;
    time::Limit first, second;
    first.connection = &early;
    second.connection = &late;
    test::must(page.queue.insert(first, page.now));
    test::must(page.queue.insert(second, page.now + 1ns));
    EXPECT_EQ(time::which_one_2(page), std::error_code());
    EXPECT_TRUE(early.is_closed);
    EXPECT_FALSE(late.is_closed) << "its limit is after now";
}

TEST(DocsTime, AlarmEndsTheWait) {
    Assumed page;
    const auto due = mio::time::after(20ms);
    test::must(page.timers.insert(due, mio::Token{1}));
    page.reader = [&](std::string_view) {
        if (page.events.empty()) return; // spurious
        EXPECT_EQ(page.events.begin()->token(), page.alarm_token);
        EXPECT_GE(mio::time::Clock::now(), due);
        throw End{};
    };
    EXPECT_THROW(static_cast<void>(time::precise_waits(page)), End);
}
