#include <algorithm>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "differences.hpp"

namespace test {

Expected::Expected(Token t, Interest interest) : token(t), readiness(Readiness::none) {
    if (interest.is_readable()) readiness |= Readiness::readable;
    if (interest.is_writable()) readiness |= Readiness::writable;
    if (interest.is_priority()) readiness |= Readiness::priority;
}

void expect_events(mio::Poll& poll, mio::Events& events, std::vector<Expected> expected) {
    std::string seen;
    std::map<Token, Readiness> together; // backends may report one event per direction
    for (int round = 0; round < 3 && !expected.empty(); ++round) {
        ASSERT_TRUE(ok(poll.poll(events, 5s)));
        for (const auto& event : events) {
            seen += "\n  " + to_string(event);
            auto readiness = event.readiness();
            if (!differences.has_one_event_for_both_directions)
                readiness = together[event.token()] |= readiness;
            const auto match = std::ranges::find_if(expected, [&](const Expected& e) {
                return e.token == event.token() && (readiness & e.readiness) == e.readiness;
            });
            if (match != expected.end()) expected.erase(match);
        }
    }
    std::string missing;
    for (const auto& e : expected) missing += "\n  " + to_string(mio::Event(e.token, e.readiness, 0));
    EXPECT_TRUE(expected.empty()) << "missing:" << missing << "\nreported:" << seen;
}

void expect_no_events(mio::Poll& poll, mio::Events& events) {
    ASSERT_TRUE(ok(poll.poll(events, 50ms)));
    for (const auto& event : events)
        ADD_FAILURE() << "unexpected: " << to_string(event) << " " << describe(event);
}

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string_view text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

mio::net::SocketAddress local_v4() { return {mio::net::IpAddress::loopback_v4(), 0}; }
mio::net::SocketAddress local_v6() { return {mio::net::IpAddress::loopback_v6(), 0}; }

} // namespace test
