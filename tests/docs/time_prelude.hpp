#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "support.hpp"

import mio;
import mio.time;

namespace {

using namespace std::chrono_literals;

struct Connection {
    void close() { is_closed = true; }
    bool is_closed = false;
};

/// Declarations that the snippets assume, and the statements of the reader that they reached.
struct Assumed {
    mio::Poll poll = test::must(mio::Poll::create());
    mio::Events events{16};
    mio::Token alarm_token{3};
    mio::time::Timers timers{};
    mio::time::TimerQueue queue{};
    mio::time::Instant now = mio::time::Clock::now();
    std::vector<std::string> reached{};
    std::function<void(std::string_view)> reader{};
};
using Surroundings = Assumed&;

} // namespace
