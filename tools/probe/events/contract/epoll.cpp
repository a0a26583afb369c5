// The documented events of the epoll backend, as seen on Linux 6.18 and described in epoll(7), tcp(7), unix(7) and
// pipe(7).
//
// Connections, datagram sockets and pairs are watched for reading and writing unless the scenario says otherwise;
// listeners, wakers and most of the trigger scenarios for reading alone. An edge carries all that holds of the interest,
// also what was reported before: hence EPOLLOUT beside EPOLLIN. EPOLLERR and EPOLLHUP make a source readable and
// writable, whatever its interest.

module;

#include <span>
#include <string>
#include <string_view>

module probe.events.backend;

import mio.sys.epoll;

namespace probe {
namespace {

using enum Times;

// clang-format off
constexpr Row rows[] = {
    // scenario                           step                               times          flags                                               predicates
    {"tcp-connected-idle",                "registered",                      at_least_once, "EPOLLOUT",                                         "W"},
    {"tcp-connect-accepted",              "connected",                       at_least_once, "EPOLLOUT",                                         "W"},
    {"tcp-connect-refused-read-write",    "refused",                         at_least_once, "EPOLLIN|EPOLLOUT|EPOLLERR|EPOLLHUP|EPOLLRDHUP",    "R W E RC WC"},
    {"tcp-connect-refused-write",         "refused",                         at_least_once, "EPOLLOUT|EPOLLERR|EPOLLHUP",                       "R W E RC WC"},
    {"tcp-connect-refused-read",          "refused",                         at_least_once, "EPOLLIN|EPOLLERR|EPOLLHUP|EPOLLRDHUP",             "R W E RC WC"},
    {"tcp-never-connected",               "registered",                      at_least_once, "EPOLLOUT|EPOLLHUP",                                "R W RC WC"},
    {"tcp-peer-sends-data",               "data arrived",                    at_least_once, "EPOLLIN|EPOLLOUT",                                 "R W"},
    {"tcp-peer-half-close",               "peer shut down writing",          at_least_once, "EPOLLIN|EPOLLOUT|EPOLLRDHUP",                      "R W RC"},
    {"tcp-peer-close",                    "peer closed",                     at_least_once, "EPOLLIN|EPOLLOUT|EPOLLRDHUP",                      "R W RC"},
    {"tcp-peer-sends-and-closes",         "peer sent and closed",            at_least_once, "EPOLLIN|EPOLLOUT|EPOLLRDHUP",                      "R W RC"},
    {"tcp-peer-close-unread",             "peer closed",                     at_least_once, "EPOLLIN|EPOLLOUT|EPOLLERR|EPOLLHUP|EPOLLRDHUP",    "R W E RC WC"},
    {"tcp-peer-reset",                    "peer reset",                      at_least_once, "EPOLLIN|EPOLLOUT|EPOLLERR|EPOLLHUP|EPOLLRDHUP",    "R W E RC WC"},
    {"tcp-local-shutdown-read",           "shut down reading",               at_least_once, "EPOLLIN|EPOLLOUT|EPOLLRDHUP",                      "R W RC"},
    {"tcp-local-shutdown-write",          "shut down writing",               at_least_once, "EPOLLOUT",                                         "W"},
    {"tcp-local-shutdown-both",           "shut down both",                  at_least_once, "EPOLLIN|EPOLLOUT|EPOLLHUP|EPOLLRDHUP",             "R W RC WC"},
    {"tcp-urgent-data",                   "urgent byte arrived",             at_least_once, "EPOLLPRI|EPOLLOUT",                                "R W P"},

    {"listener-idle",                     "nobody connects",                 never,         "",                                                 ""},
    {"listener-pending",                  "connection pending",              once,          "EPOLLIN",                                          "R"},
    {"listener-second-pending",           "connection pending",              once,          "EPOLLIN",                                          "R"},
    {"listener-second-pending",           "another one pending",             once,          "EPOLLIN",                                          "R"},
    {"listener-left-pending",             "two connections pending",         at_least_once, "EPOLLIN",                                          "R"},
    {"listener-left-pending",             "one of them accepted",            never,         "",                                                 ""},
    {"listener-accepted-all",             "connection pending",              once,          "EPOLLIN",                                          "R"},
    {"listener-accepted-all",             "another one after accepting all", once,          "EPOLLIN",                                          "R"},

    {"udp-fresh",                         "registered",                      once,          "EPOLLOUT",                                         "W"},
    {"udp-data",                          "datagram arrived",                once,          "EPOLLIN|EPOLLOUT",                                 "R W"},
    {"udp-second-datagram",               "datagram arrived",                once,          "EPOLLIN",                                          "R"},
    {"udp-second-datagram",               "left unread",                     never,         "",                                                 ""},
    {"udp-second-datagram",               "another one arrived",             once,          "EPOLLIN",                                          "R"},
    {"udp-refused",                       "refused",                         at_least_once, "EPOLLOUT|EPOLLERR",                                "R W E WC"},

    {"unix-stream-idle",                  "registered",                      once,          "EPOLLOUT",                                         "W"},
    {"unix-stream-data",                  "data arrived",                    once,          "EPOLLIN|EPOLLOUT",                                 "R W"},
    {"unix-stream-full",                  "full",                            never,         "",                                                 ""},
    {"unix-stream-full",                  "emptied",                         at_least_once, "EPOLLOUT",                                         "W"},
    {"unix-stream-local-shutdown-read",   "shut down reading",               once,          "EPOLLIN|EPOLLOUT|EPOLLRDHUP",                      "R W RC"},
    {"unix-stream-local-shutdown-write",  "shut down writing",               once,          "EPOLLOUT",                                         "W"},
    {"unix-stream-local-shutdown-both",   "shut down both",                  once,          "EPOLLIN|EPOLLOUT|EPOLLHUP|EPOLLRDHUP",             "R W RC WC"},
    {"unix-stream-peer-shutdown-write",   "peer shut down writing",          once,          "EPOLLIN|EPOLLOUT|EPOLLRDHUP",                      "R W RC"},
    {"unix-stream-peer-shutdown-read",    "peer shut down reading",          once,          "EPOLLOUT",                                         "W"},
    {"unix-stream-peer-close",            "peer closed",                     once,          "EPOLLIN|EPOLLOUT|EPOLLHUP|EPOLLRDHUP",             "R W RC WC"},
    {"unix-stream-peer-sends-and-closes", "peer sent and closed",            once,          "EPOLLIN|EPOLLOUT|EPOLLHUP|EPOLLRDHUP",             "R W RC WC"},
    {"unix-stream-peer-close-unread",     "peer closed",                     once,          "EPOLLIN|EPOLLOUT|EPOLLERR|EPOLLHUP|EPOLLRDHUP",    "R W E RC WC"},
    {"unix-listener-pending",             "nobody connects",                 never,         "",                                                 ""},
    {"unix-listener-pending",             "connection pending",              once,          "EPOLLIN",                                          "R"},
    {"unix-datagram-idle",                "registered",                      once,          "EPOLLOUT",                                         "W"},
    {"unix-datagram-data",                "data arrived",                    once,          "EPOLLIN|EPOLLOUT",                                 "R W"},
    {"unix-datagram-local-shutdown",      "shut down reading",               once,          "EPOLLIN|EPOLLOUT|EPOLLRDHUP",                      "R W RC"},
    {"unix-datagram-local-shutdown",      "shut down writing too",           once,          "EPOLLIN|EPOLLOUT|EPOLLHUP|EPOLLRDHUP",             "R W RC WC"},

    {"pipe-sender-fresh",                 "registered",                      once,          "EPOLLOUT",                                         "W"},
    {"pipe-sender-full",                  "full",                            never,         "",                                                 ""},
    {"pipe-sender-full",                  "emptied",                         at_least_once, "EPOLLOUT",                                         "W"},
    {"pipe-receiver-closed",              "receiver closed",                 once,          "EPOLLOUT|EPOLLERR",                                "R W E WC"},
    {"pipe-receiver-closed-full",         "receiver closed",                 once,          "EPOLLERR",                                         "R W E WC"},
    {"pipe-receiver-fresh",               "registered",                      never,         "",                                                 ""},
    {"pipe-data",                         "data arrived",                    once,          "EPOLLIN",                                          "R"},
    {"pipe-data",                         "left unread",                     never,         "",                                                 ""},
    {"pipe-sender-closed",                "sender closed",                   once,          "EPOLLHUP",                                         "R W RC WC"},
    {"pipe-sender-closed",                "reported already",                never,         "",                                                 ""},
    {"pipe-sender-closed-data-left",      "data arrived",                    once,          "EPOLLIN",                                          "R"},
    {"pipe-sender-closed-data-left",      "sender closed",                   once,          "EPOLLIN|EPOLLHUP",                                 "R W RC WC"},

    {"waker-once",                        "not woken",                       never,         "",                                                 ""},
    {"waker-once",                        "woken",                           once,          "EPOLLIN",                                          "R"},
    {"waker-once",                        "reported already",                never,         "",                                                 ""},
    {"waker-coalesced",                   "woken 1000 times",                once,          "EPOLLIN",                                          "R"},
    {"waker-coalesced",                   "woken again",                     once,          "EPOLLIN",                                          "R"},
    {"waker-two",                         "first one woken",                 once,          "EPOLLIN",                                          "R"},
    {"waker-two",                         "second one woken",                once,          "EPOLLIN",                                          "R"},
    {"waker-two",                         "second one woken again",          once,          "EPOLLIN",                                          "R"},
    {"waker-thread",                      "woken by another thread",         once,          "EPOLLIN",                                          "R"},

    {"trigger-edge-no-repeat",            "data arrived",                    once,          "EPOLLIN",                                          "R"},
    {"trigger-edge-no-repeat",            "left unread",                     never,         "",                                                 ""},
    {"trigger-edge-drained",              "data arrived",                    once,          "EPOLLIN",                                          "R"},
    {"trigger-edge-drained",              "all of it read",                  never,         "",                                                 ""},
    {"trigger-edge-drained",              "more arrived",                    once,          "EPOLLIN",                                          "R"},
    {"trigger-edge-partial-read",         "data arrived",                    once,          "EPOLLIN",                                          "R"},
    {"trigger-edge-partial-read",         "half of it read",                 never,         "",                                                 ""},
    {"trigger-edge-partial-read",         "more arrived",                    once,          "EPOLLIN",                                          "R"},
    {"trigger-edge-partial-read-modify",  "data arrived",                    once,          "EPOLLIN",                                          "R"},
    {"trigger-edge-partial-read-modify",  "half of it read, modified",       once,          "EPOLLIN",                                          "R"},
    {"trigger-edge-held-condition",       "added after the data",            once,          "EPOLLIN",                                          "R"},
    {"trigger-edge-modify",               "data arrived",                    once,          "EPOLLIN",                                          "R"},
    {"trigger-edge-modify",               "modified, left unread",           once,          "EPOLLIN",                                          "R"},
    {"trigger-edge-writable",             "registered",                      once,          "EPOLLOUT",                                         "W"},
    {"trigger-edge-writable",             "reported already",                never,         "",                                                 ""},
    {"trigger-edge-writable",             "modified",                        once,          "EPOLLOUT",                                         "W"},
    {"trigger-edge-full",                 "full",                            never,         "",                                                 ""},
    {"trigger-edge-full",                 "emptied",                         at_least_once, "EPOLLOUT",                                         "W"},
    {"trigger-edge-both",                 "registered",                      once,          "EPOLLOUT",                                         "W"},
    {"trigger-edge-both",                 "data arrived",                    once,          "EPOLLIN|EPOLLOUT",                                 "R W"},
    {"trigger-edge-both",                 "all of it read",                  never,         "",                                                 ""},
    {"trigger-edge-both",                 "more arrived",                    once,          "EPOLLIN|EPOLLOUT",                                 "R W"},
    {"trigger-edge-end",                  "peer closed",                     at_least_once, "EPOLLIN|EPOLLRDHUP",                               "R RC"},
    {"trigger-edge-end",                  "reported already",                never,         "",                                                 ""},
    {"trigger-edge-end",                  "modified",                        once,          "EPOLLIN|EPOLLRDHUP",                               "R RC"},

    {"trigger-level-repeats",             "data arrived",                    once,          "EPOLLIN",                                          "R"},
    {"trigger-level-repeats",             "left unread",                     once,          "EPOLLIN",                                          "R"},
    {"trigger-level-repeats",             "half of it read",                 once,          "EPOLLIN",                                          "R"},
    {"trigger-level-repeats",             "all of it read",                  never,         "",                                                 ""},
    {"trigger-level-repeats",             "more arrived",                    once,          "EPOLLIN",                                          "R"},
    {"trigger-level-full",                "registered",                      once,          "EPOLLOUT",                                         "W"},
    {"trigger-level-full",                "still writable",                  once,          "EPOLLOUT",                                         "W"},
    {"trigger-level-full",                "full",                            never,         "",                                                 ""},
    {"trigger-level-full",                "emptied",                         once,          "EPOLLOUT",                                         "W"},
    {"trigger-level-full",                "still writable again",            once,          "EPOLLOUT",                                         "W"},
    {"trigger-level-both",                "registered",                      once,          "EPOLLOUT",                                         "W"},
    {"trigger-level-both",                "data arrived",                    once,          "EPOLLIN|EPOLLOUT",                                 "R W"},
    {"trigger-level-both",                "left unread",                     once,          "EPOLLIN|EPOLLOUT",                                 "R W"},
    {"trigger-level-both",                "all of it read",                  once,          "EPOLLOUT",                                         "W"},
    {"trigger-level-end",                 "peer closed",                     once,          "EPOLLIN|EPOLLRDHUP",                               "R RC"},
    {"trigger-level-end",                 "left unread",                     once,          "EPOLLIN|EPOLLRDHUP",                               "R RC"},
    {"trigger-level-end",                 "the end read",                    once,          "EPOLLIN|EPOLLRDHUP",                               "R RC"},
    {"trigger-level-modify",              "data arrived",                    once,          "EPOLLIN",                                          "R"},
    {"trigger-level-modify",              "modified to writable",            once,          "EPOLLOUT",                                         "W"},
    {"trigger-level-modify",              "modified to readable",            once,          "EPOLLIN",                                          "R"},
    {"trigger-level-from-edge",           "data arrived",                    once,          "EPOLLIN",                                          "R"},
    {"trigger-level-from-edge",           "modified to level",               once,          "EPOLLIN",                                          "R"},
    {"trigger-level-from-edge",           "left unread",                     once,          "EPOLLIN",                                          "R"},
    {"trigger-level-from-edge",           "modified to edge",                once,          "EPOLLIN",                                          "R"},
    {"trigger-level-from-edge",           "reported already",                never,         "",                                                 ""},

    {"trigger-oneshot-once",              "data arrived",                    once,          "EPOLLIN",                                          "R"},
    {"trigger-oneshot-once",              "more arrived",                    never,         "",                                                 ""},
    {"trigger-oneshot-once",              "modified",                        once,          "EPOLLIN",                                          "R"},
    {"trigger-oneshot-once",              "reported already",                never,         "",                                                 ""},
    {"trigger-oneshot-drained",           "data arrived",                    once,          "EPOLLIN",                                          "R"},
    {"trigger-oneshot-drained",           "all of it read, more arrived",    never,         "",                                                 ""},
    {"trigger-oneshot-drained",           "modified",                        once,          "EPOLLIN",                                          "R"},
    {"trigger-oneshot-partial-read",      "data arrived",                    once,          "EPOLLIN",                                          "R"},
    {"trigger-oneshot-partial-read",      "half of it read",                 never,         "",                                                 ""},
    {"trigger-oneshot-partial-read",      "modified",                        once,          "EPOLLIN",                                          "R"},
    {"trigger-oneshot-writable",          "registered",                      once,          "EPOLLOUT",                                         "W"},
    {"trigger-oneshot-writable",          "reported already",                never,         "",                                                 ""},
    {"trigger-oneshot-writable",          "modified",                        once,          "EPOLLOUT",                                         "W"},
    {"trigger-oneshot-full",              "registered",                      once,          "EPOLLOUT",                                         "W"},
    {"trigger-oneshot-full",              "filled and emptied",              never,         "",                                                 ""},
    {"trigger-oneshot-full",              "filled and modified",             never,         "",                                                 ""},
    {"trigger-oneshot-full",              "emptied",                         once,          "EPOLLOUT",                                         "W"},
    {"trigger-oneshot-both",              "registered",                      once,          "EPOLLOUT",                                         "W"},
    {"trigger-oneshot-both",              "data arrived",                    never,         "",                                                 ""},
    {"trigger-oneshot-both",              "modified",                        once,          "EPOLLIN|EPOLLOUT",                                 "R W"},
    {"trigger-oneshot-both",              "reported already",                never,         "",                                                 ""},
    {"trigger-oneshot-end",               "peer closed",                     once,          "EPOLLIN|EPOLLRDHUP",                               "R RC"},
    {"trigger-oneshot-end",               "reported already",                never,         "",                                                 ""},
    {"trigger-oneshot-end",               "modified",                        once,          "EPOLLIN|EPOLLRDHUP",                               "R RC"},
    {"trigger-oneshot-end-after-report",  "data arrived",                    once,          "EPOLLIN",                                          "R"},
    {"trigger-oneshot-end-after-report",  "peer closed",                     never,         "",                                                 ""},
    {"trigger-oneshot-end-after-report",  "modified",                        once,          "EPOLLIN|EPOLLRDHUP",                               "R RC"},
    {"trigger-oneshot-from-level",        "data arrived",                    once,          "EPOLLIN",                                          "R"},
    {"trigger-oneshot-from-level",        "modified to oneshot",             once,          "EPOLLIN",                                          "R"},
    {"trigger-oneshot-from-level",        "reported already",                never,         "",                                                 ""},
    {"trigger-oneshot-from-level",        "modified to level",               once,          "EPOLLIN",                                          "R"},
    {"trigger-oneshot-from-level",        "left unread",                     once,          "EPOLLIN",                                          "R"},

    {"registration-removed",              "removed before the poll",         never,         "",                                                 ""},
    {"registration-closed",               "closed before the poll",          never,         "",                                                 ""},
    {"registration-added-again",          "data arrived",                    once,          "EPOLLIN",                                          "R"},
    {"registration-added-again",          "removed, added again",            once,          "EPOLLIN",                                          "R"},
    {"registration-renamed",              "modified to another token",       once,          "EPOLLIN",                                          "R"},
    {"registration-unsupported",          "add",                             unsupported,   "",                                                 ""},
};
// clang-format on

const Listing listing(backend_of<mio::sys::epoll::Selector>(rows));

} // namespace
} // namespace probe
