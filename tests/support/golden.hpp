// Rows of the golden table, tools/golden/events.txt, for epoll.

#pragma once

#include <cstdint>
#include <string_view>

#include "support.hpp"

namespace test {

/// An event of the table; no flags if the step causes no event.
struct GoldenEvent {
    std::uint32_t flags;
    Readiness readiness;
};

/// The epoll event of one step, as in "tcp-peer-close: peer closed". Throws `std::runtime_error` unless the table
/// has exactly one.
GoldenEvent golden_epoll_event(std::string_view step);

} // namespace test
