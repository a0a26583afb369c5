// Where the double of kqueue (tests/support/kqueue_double) does otherwise than kqueue.cpp has it: the sockets and pipes
// behind it are Linux's, and so are their edges. Its README.md tells of these, and of what no scenario sees.

module;

#include <span>
#include <string_view>

module probe.events.backend;

namespace probe {
namespace {

using enum Times;

// clang-format off
constexpr Row rows[] = {
    // scenario                            step                                times          flags                                               predicates
    // What ends the reading side wakes the filter for writing, too.
    {"tcp-peer-half-close",                "peer shut down writing",           at_least_once, "EVFILT_READ|EV_CLEAR|EV_EOF",                      "R RC"},
    {"tcp-peer-half-close",                "peer shut down writing",           at_least_once, "EVFILT_WRITE|EV_CLEAR",                            "W"},
    {"tcp-peer-close",                     "peer closed",                      at_least_once, "EVFILT_READ|EV_CLEAR|EV_EOF",                      "R RC"},
    {"tcp-peer-close",                     "peer closed",                      at_least_once, "EVFILT_WRITE|EV_CLEAR",                            "W"},
    {"tcp-peer-sends-and-closes",          "peer sent and closed",             at_least_once, "EVFILT_READ|EV_CLEAR|EV_EOF",                      "R RC"},
    {"tcp-peer-sends-and-closes",          "peer sent and closed",             at_least_once, "EVFILT_WRITE|EV_CLEAR",                            "W"},
    {"tcp-local-shutdown-read",            "shut down reading",                at_least_once, "EVFILT_READ|EV_CLEAR|EV_EOF",                      "R RC"},
    {"tcp-local-shutdown-read",            "shut down reading",                at_least_once, "EVFILT_WRITE|EV_CLEAR",                            "W"},
    {"unix-stream-local-shutdown-read",    "shut down reading",                once,          "EVFILT_READ|EV_CLEAR|EV_EOF",                      "R RC"},
    {"unix-stream-local-shutdown-read",    "shut down reading",                once,          "EVFILT_WRITE|EV_CLEAR",                            "W"},
    {"unix-stream-peer-shutdown-write",    "peer shut down writing",           once,          "EVFILT_READ|EV_CLEAR|EV_EOF",                      "R RC"},
    {"unix-stream-peer-shutdown-write",    "peer shut down writing",           once,          "EVFILT_WRITE|EV_CLEAR",                            "W"},
    {"unix-datagram-local-shutdown",       "shut down reading",                once,          "EVFILT_READ|EV_CLEAR|EV_EOF",                      "R RC"},
    {"unix-datagram-local-shutdown",       "shut down reading",                once,          "EVFILT_WRITE|EV_CLEAR",                            "W"},

    // What ends the writing side of a datagram socket wakes the filter for reading, too.
    {"unix-datagram-local-shutdown",       "shut down writing too",            once,          "EVFILT_READ|EV_CLEAR|EV_EOF",                      "R RC"},
    {"unix-datagram-local-shutdown",       "shut down writing too",            once,          "EVFILT_WRITE|EV_CLEAR|EV_EOF",                     "W WC"},

    // Who closes with data left unread resets the connection.
    {"tcp-peer-close-unread",              "peer closed",                      at_least_once, "EVFILT_READ|EV_CLEAR|EV_EOF|fflags=ECONNRESET",    "R E RC"},
    {"tcp-peer-close-unread",              "peer closed",                      at_least_once, "EVFILT_WRITE|EV_CLEAR|EV_EOF|fflags=ECONNRESET",   "W E WC"},
    {"unix-stream-peer-close-unread",      "peer closed",                      once,          "EVFILT_READ|EV_CLEAR|EV_EOF|fflags=ECONNRESET",    "R E RC"},
    {"unix-stream-peer-close-unread",      "peer closed",                      once,          "EVFILT_WRITE|EV_CLEAR|EV_EOF|fflags=ECONNRESET",   "W E WC"},
};
// clang-format on

const Deviations deviations("kqueue", rows);

} // namespace
} // namespace probe
