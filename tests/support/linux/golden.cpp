#include <sys/epoll.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

#include "golden.hpp"

namespace test {
namespace {

constexpr std::pair<std::string_view, std::uint32_t> flags[] = {
    {"EPOLLIN", EPOLLIN},   {"EPOLLOUT", EPOLLOUT}, {"EPOLLPRI", EPOLLPRI},
    {"EPOLLERR", EPOLLERR}, {"EPOLLHUP", EPOLLHUP}, {"EPOLLRDHUP", EPOLLRDHUP},
};

constexpr std::pair<std::string_view, Readiness> predicates[] = {
    {"R", Readiness::readable},     {"W", Readiness::writable},      {"E", Readiness::error},
    {"RC", Readiness::read_closed}, {"WC", Readiness::write_closed}, {"P", Readiness::priority},
};

template <class Names> auto value_of(const Names& names, const std::string& word) {
    for (const auto& [name, value] : names) {
        if (name == word) return value;
    }
    throw std::runtime_error("golden table: unknown word " + word);
}

GoldenEvent parse(const std::string& line) {
    GoldenEvent event{0, Readiness::none, false};
    std::istringstream words(line);
    std::string backend;
    std::string times;
    std::string names;
    words >> backend >> times >> names;
    event.once = times == "once";
    std::istringstream list(names);
    for (std::string name; std::getline(list, name, '|');) event.flags |= value_of(flags, name);
    for (std::string letters; words >> letters;) event.readiness |= value_of(predicates, letters);
    return event;
}

std::string text_of(std::uint32_t word) {
    return mio::describe(mio::Event(golden_token, Readiness::none, word));
}

} // namespace

GoldenEvent golden_epoll_event(std::string_view step) {
    std::ifstream file(MIO_GOLDEN_TABLE);
    std::string line;
    while (line != step && std::getline(file, line)) {
    }
    while (std::getline(file, line) && line.starts_with(' ')) {
        if (line.starts_with("  epoll ")) return parse(line);
    }
    throw std::runtime_error("golden table: no event of epoll for " + std::string(step));
}

void expect_golden_event(Loop& loop, const GoldenEvent& golden) {
    if (golden.flags == 0) return loop.expect_none();
    std::string seen;
    const auto deadline = std::chrono::steady_clock::now() + generous_margin;
    while (std::chrono::steady_clock::now() < deadline) {
        ASSERT_TRUE(ok(loop.poll.poll(loop.events, 1s)));
        for (const auto& event : loop.events) {
            seen += "\n  " + mio::describe(event);
            ASSERT_EQ(event.token(), golden_token);
            ASSERT_EQ(event.raw_flags() & ~golden.flags, 0u) << "unexpected flags:" << seen;
            if (event.raw_flags() != golden.flags) {
                ASSERT_FALSE(golden.once)
                    << text_of(golden.flags) << " were not reported at once, but:" << seen;
                continue;
            }
            EXPECT_EQ(event.readiness(), golden.readiness) << to_string(event);
            if (golden.once) loop.expect_none();
            return;
        }
    }
    FAIL() << text_of(golden.flags) << " were not reported, but:" << seen;
}

void expect_golden_event_at_once(Loop& loop, const GoldenEvent& golden) {
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, generous_margin)));
    ASSERT_EQ(loop.events.size(), 1u);
    const auto& event = loop.events[0];
    EXPECT_EQ(event.token(), golden_token);
    EXPECT_EQ(text_of(event.raw_flags()), text_of(golden.flags));
    EXPECT_EQ(event.raw_flags(), golden.flags);
    EXPECT_EQ(event.readiness(), golden.readiness) << to_string(event);
}

} // namespace test
