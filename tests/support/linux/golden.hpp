// Rows of the golden table, tools/golden/events.txt, for the backend epoll.

#pragma once

#include <cstdint>
#include <string_view>

#include "support.hpp"

namespace test {

/// An event as the table has it: no flags if the step brings none.
struct GoldenEvent {
    std::uint32_t flags;
    Readiness readiness;
};

/// The event of epoll in one step: "tcp-peer-close: peer closed". Throws `std::runtime_error` if the table does not have
/// exactly one.
GoldenEvent golden_epoll_event(std::string_view step);

} // namespace test
