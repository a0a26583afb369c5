// The documented events of the epoll backend, as seen on Linux 6.18 and described in epoll(7) and tcp(7).
//
// Connections are registered with every interest unless the scenario says otherwise; listeners, wakers and the
// trigger scenarios with readable alone.

module;

#include <span>
#include <string_view>

module probe.events.contract;

namespace probe {
namespace {

using enum Times;

// clang-format off
constexpr Row rows[] = {
    // scenario                         step                        times          flags                                               predicates
    {"tcp-connected-idle",              "registered",               at_least_once, "EPOLLOUT",                                         "W"},
    {"tcp-connect-accepted",            "connected",                at_least_once, "EPOLLOUT",                                         "W"},
    {"tcp-connect-refused-read-write",  "refused",                  at_least_once, "EPOLLIN|EPOLLOUT|EPOLLERR|EPOLLHUP|EPOLLRDHUP",    "R W E RC WC"},
    {"tcp-connect-refused-write",       "refused",                  at_least_once, "EPOLLOUT|EPOLLERR|EPOLLHUP",                       "W E RC WC"},
    {"tcp-connect-refused-read",        "refused",                  at_least_once, "EPOLLIN|EPOLLERR|EPOLLHUP|EPOLLRDHUP",             "R E RC WC"},
    {"tcp-never-connected",             "registered",               at_least_once, "EPOLLOUT|EPOLLHUP",                                "W RC WC"},
    {"tcp-peer-sends-data",             "data arrived",             at_least_once, "EPOLLIN|EPOLLOUT",                                 "R W"},
    {"tcp-peer-half-close",             "peer shut down writing",   at_least_once, "EPOLLIN|EPOLLOUT|EPOLLRDHUP",                      "R W RC"},
    {"tcp-peer-close",                  "peer closed",              at_least_once, "EPOLLIN|EPOLLOUT|EPOLLRDHUP",                      "R W RC"},
    {"tcp-peer-sends-and-closes",       "peer sent and closed",     at_least_once, "EPOLLIN|EPOLLOUT|EPOLLRDHUP",                      "R W RC"},
    {"tcp-peer-close-unread",           "peer closed",              at_least_once, "EPOLLIN|EPOLLOUT|EPOLLERR|EPOLLHUP|EPOLLRDHUP",    "R W E RC WC"},
    {"tcp-peer-reset",                  "peer reset",               at_least_once, "EPOLLIN|EPOLLOUT|EPOLLERR|EPOLLHUP|EPOLLRDHUP",    "R W E RC WC"},
    {"tcp-local-shutdown-read",         "shut down reading",        at_least_once, "EPOLLIN|EPOLLOUT|EPOLLRDHUP",                      "R W RC"},
    {"tcp-local-shutdown-write",        "shut down writing",        at_least_once, "EPOLLOUT",                                         "W"},
    {"tcp-local-shutdown-both",         "shut down both",           at_least_once, "EPOLLIN|EPOLLOUT|EPOLLHUP|EPOLLRDHUP",             "R W RC WC"},
    {"tcp-urgent-data",                 "urgent byte arrived",      at_least_once, "EPOLLPRI|EPOLLOUT",                                "R W P"},

    {"listener-idle",                   "nobody connects",          never,         "",                                                 ""},
    {"listener-pending",                "connection pending",       once,          "EPOLLIN",                                          "R"},
    {"listener-second-pending",         "connection pending",       once,          "EPOLLIN",                                          "R"},
    {"listener-second-pending",         "another one pending",      once,          "EPOLLIN",                                          "R"},
    {"listener-left-pending",           "two connections pending",  at_least_once, "EPOLLIN",                                          "R"},
    {"listener-left-pending",           "one of them accepted",     never,         "",                                                 ""},

    {"waker-once",                      "not woken",                never,         "",                                                 ""},
    {"waker-once",                      "woken",                    once,          "EPOLLIN",                                          "R"},
    {"waker-once",                      "reported already",         never,         "",                                                 ""},
    {"waker-coalesced",                 "woken 1000 times",         once,          "EPOLLIN",                                          "R"},
    {"waker-coalesced",                 "woken again",              once,          "EPOLLIN",                                          "R"},
    {"waker-two",                       "first one woken",          once,          "EPOLLIN",                                          "R"},
    {"waker-two",                       "second one woken",         once,          "EPOLLIN",                                          "R"},
    {"waker-two",                       "second one woken again",   once,          "EPOLLIN",                                          "R"},
    {"waker-thread",                    "woken by another thread",  once,          "EPOLLIN",                                          "R"},

    {"trigger-edge-no-repeat",          "data arrived",             once,          "EPOLLIN",                                          "R"},
    {"trigger-edge-no-repeat",          "left unread",              never,         "",                                                 ""},
    {"trigger-edge-partial-read",       "data arrived",             once,          "EPOLLIN",                                          "R"},
    {"trigger-edge-partial-read",       "half of it read",          never,         "",                                                 ""},
    {"trigger-edge-partial-read",       "more arrived",             once,          "EPOLLIN",                                          "R"},
    {"trigger-edge-held-condition",     "added after the data",     once,          "EPOLLIN",                                          "R"},
    {"trigger-edge-modify",             "data arrived",             once,          "EPOLLIN",                                          "R"},
    {"trigger-edge-modify",             "modified, left unread",    once,          "EPOLLIN",                                          "R"},
    {"trigger-level-repeats",           "data arrived",             once,          "EPOLLIN",                                          "R"},
    {"trigger-level-repeats",           "left unread",              once,          "EPOLLIN",                                          "R"},
    {"trigger-level-repeats",           "half of it read",          once,          "EPOLLIN",                                          "R"},
    {"trigger-level-repeats",           "all of it read",           never,         "",                                                 ""},
    {"trigger-oneshot-once",            "data arrived",             once,          "EPOLLIN",                                          "R"},
    {"trigger-oneshot-once",            "more arrived",             never,         "",                                                 ""},
    {"trigger-oneshot-once",            "modified",                 once,          "EPOLLIN",                                          "R"},
    {"trigger-oneshot-once",            "reported already",         never,         "",                                                 ""},
    {"registration-removed",            "removed before the poll",  never,         "",                                                 ""},
    {"registration-closed",             "closed before the poll",   never,         "",                                                 ""},
};
// clang-format on

} // namespace

std::span<const Row> contract() { return rows; }

} // namespace probe
