#include <chrono>
#include <cstddef>
#include <system_error>
#include <utility>

import mio;
import mio.time;

using namespace std::chrono_literals;

struct Connection {
    void close();
};
struct Surroundings {
    mio::Poll& poll;
    mio::Events& events;
    mio::Token alarm_token;
    mio::time::Timers& timers;
    mio::time::TimerQueue& queue;
    mio::time::Instant now;
};
