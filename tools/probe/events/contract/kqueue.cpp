// The documented events of the kqueue backend: those of FreeBSD 15, as described in kqueue(2), and where that page is
// silent, as its kernel's own tests have them. No kqueue has played them yet: only its double has, see
// kqueue_double.cpp.
//
// Registered as for epoll. Each direction has a filter, an edge and a record of its own: hence two rows for one step.
// EV_EOF belongs to a direction, too. The error of a socket comes with it, in fflags, and is not told without: a
// datagram that was refused makes the socket readable and writable.
//
// Other systems differ. Before FreeBSD 15, and elsewhere, a peer that shuts down reading a Unix socket is not told of.
// Apple's systems reset a connection that is closed with data left unread. Only FreeBSD makes a one-shot of a pipe that
// lost its reader, or has list I/O. The wakers of OpenBSD, NetBSD and DragonFly are pipes, and report EVFILT_READ.

module;

#include <span>
#include <string>
#include <string_view>

module probe.events.backend;

import mio.sys.kqueue;

namespace probe {
namespace {

using enum Times;

// clang-format off
constexpr Row rows[] = {
    // scenario                            step                                times          flags                                               predicates
    {"tcp-connected-idle",                 "registered",                       at_least_once, "EVFILT_WRITE|EV_CLEAR",                            "W"},
    {"tcp-connect-accepted",               "connected",                        at_least_once, "EVFILT_WRITE|EV_CLEAR",                            "W"},
    {"tcp-connect-refused-read-write",     "refused",                          at_least_once, "EVFILT_READ|EV_CLEAR|EV_EOF|fflags=ECONNREFUSED",  "R E RC"},
    {"tcp-connect-refused-read-write",     "refused",                          at_least_once, "EVFILT_WRITE|EV_CLEAR|EV_EOF|fflags=ECONNREFUSED", "W E WC"},
    {"tcp-connect-refused-write",          "refused",                          at_least_once, "EVFILT_WRITE|EV_CLEAR|EV_EOF|fflags=ECONNREFUSED", "W E WC"},
    {"tcp-connect-refused-read",           "refused",                          at_least_once, "EVFILT_READ|EV_CLEAR|EV_EOF|fflags=ECONNREFUSED",  "R E RC"},
    {"tcp-never-connected",                "registered",                       never,         "",                                                 ""},
    {"tcp-peer-sends-data",                "data arrived",                     at_least_once, "EVFILT_READ|EV_CLEAR",                             "R"},
    {"tcp-peer-half-close",                "peer shut down writing",           at_least_once, "EVFILT_READ|EV_CLEAR|EV_EOF",                      "R RC"},
    {"tcp-peer-close",                     "peer closed",                      at_least_once, "EVFILT_READ|EV_CLEAR|EV_EOF",                      "R RC"},
    {"tcp-peer-sends-and-closes",          "peer sent and closed",             at_least_once, "EVFILT_READ|EV_CLEAR|EV_EOF",                      "R RC"},
    {"tcp-peer-close-unread",              "peer closed",                      at_least_once, "EVFILT_READ|EV_CLEAR|EV_EOF",                      "R RC"},
    {"tcp-peer-reset",                     "peer reset",                       at_least_once, "EVFILT_READ|EV_CLEAR|EV_EOF|fflags=ECONNRESET",    "R E RC"},
    {"tcp-peer-reset",                     "peer reset",                       at_least_once, "EVFILT_WRITE|EV_CLEAR|EV_EOF|fflags=ECONNRESET",   "W E WC"},
    {"tcp-local-shutdown-read",            "shut down reading",                at_least_once, "EVFILT_READ|EV_CLEAR|EV_EOF",                      "R RC"},
    {"tcp-local-shutdown-write",           "shut down writing",                at_least_once, "EVFILT_WRITE|EV_CLEAR|EV_EOF",                     "W WC"},
    {"tcp-local-shutdown-both",            "shut down both",                   at_least_once, "EVFILT_READ|EV_CLEAR|EV_EOF",                      "R RC"},
    {"tcp-local-shutdown-both",            "shut down both",                   at_least_once, "EVFILT_WRITE|EV_CLEAR|EV_EOF",                     "W WC"},
    {"tcp-urgent-data",                    "add",                              unsupported,   "",                                                 ""},

    {"listener-idle",                      "nobody connects",                  never,         "",                                                 ""},
    {"listener-pending",                   "connection pending",               once,          "EVFILT_READ|EV_CLEAR",                             "R"},
    {"listener-second-pending",            "connection pending",               once,          "EVFILT_READ|EV_CLEAR",                             "R"},
    {"listener-second-pending",            "another one pending",              once,          "EVFILT_READ|EV_CLEAR",                             "R"},
    {"listener-left-pending",              "two connections pending",          at_least_once, "EVFILT_READ|EV_CLEAR",                             "R"},
    {"listener-left-pending",              "one of them accepted",             never,         "",                                                 ""},
    {"listener-accepted-all",              "connection pending",               once,          "EVFILT_READ|EV_CLEAR",                             "R"},
    {"listener-accepted-all",              "another one after accepting all",  once,          "EVFILT_READ|EV_CLEAR",                             "R"},

    {"udp-fresh",                          "registered",                       once,          "EVFILT_WRITE|EV_CLEAR",                            "W"},
    {"udp-data",                           "datagram arrived",                 once,          "EVFILT_READ|EV_CLEAR",                             "R"},
    {"udp-second-datagram",                "datagram arrived",                 once,          "EVFILT_READ|EV_CLEAR",                             "R"},
    {"udp-second-datagram",                "left unread",                      never,         "",                                                 ""},
    {"udp-second-datagram",                "another one arrived",              once,          "EVFILT_READ|EV_CLEAR",                             "R"},
    {"udp-refused",                        "refused",                          at_least_once, "EVFILT_READ|EV_CLEAR",                             "R"},
    {"udp-refused",                        "refused",                          at_least_once, "EVFILT_WRITE|EV_CLEAR",                            "W"},

    {"unix-stream-idle",                   "registered",                       once,          "EVFILT_WRITE|EV_CLEAR",                            "W"},
    {"unix-stream-data",                   "data arrived",                     once,          "EVFILT_READ|EV_CLEAR",                             "R"},
    {"unix-stream-full",                   "full",                             never,         "",                                                 ""},
    {"unix-stream-full",                   "emptied",                          at_least_once, "EVFILT_WRITE|EV_CLEAR",                            "W"},
    {"unix-stream-local-shutdown-read",    "shut down reading",                once,          "EVFILT_READ|EV_CLEAR|EV_EOF",                      "R RC"},
    {"unix-stream-local-shutdown-write",   "shut down writing",                once,          "EVFILT_WRITE|EV_CLEAR|EV_EOF",                     "W WC"},
    {"unix-stream-local-shutdown-both",    "shut down both",                   once,          "EVFILT_READ|EV_CLEAR|EV_EOF",                      "R RC"},
    {"unix-stream-local-shutdown-both",    "shut down both",                   once,          "EVFILT_WRITE|EV_CLEAR|EV_EOF",                     "W WC"},
    {"unix-stream-peer-shutdown-write",    "peer shut down writing",           once,          "EVFILT_READ|EV_CLEAR|EV_EOF",                      "R RC"},
    {"unix-stream-peer-shutdown-read",     "peer shut down reading",           once,          "EVFILT_WRITE|EV_CLEAR|EV_EOF",                     "W WC"},
    {"unix-stream-peer-close",             "peer closed",                      once,          "EVFILT_READ|EV_CLEAR|EV_EOF",                      "R RC"},
    {"unix-stream-peer-close",             "peer closed",                      once,          "EVFILT_WRITE|EV_CLEAR|EV_EOF",                     "W WC"},
    {"unix-stream-peer-sends-and-closes",  "peer sent and closed",             once,          "EVFILT_READ|EV_CLEAR|EV_EOF",                      "R RC"},
    {"unix-stream-peer-sends-and-closes",  "peer sent and closed",             once,          "EVFILT_WRITE|EV_CLEAR|EV_EOF",                     "W WC"},
    {"unix-stream-peer-close-unread",      "peer closed",                      once,          "EVFILT_READ|EV_CLEAR|EV_EOF",                      "R RC"},
    {"unix-stream-peer-close-unread",      "peer closed",                      once,          "EVFILT_WRITE|EV_CLEAR|EV_EOF",                     "W WC"},
    {"unix-listener-pending",              "nobody connects",                  never,         "",                                                 ""},
    {"unix-listener-pending",              "connection pending",               once,          "EVFILT_READ|EV_CLEAR",                             "R"},
    {"unix-datagram-idle",                 "registered",                       once,          "EVFILT_WRITE|EV_CLEAR",                            "W"},
    {"unix-datagram-data",                 "data arrived",                     once,          "EVFILT_READ|EV_CLEAR",                             "R"},
    {"unix-datagram-local-shutdown",       "shut down reading",                once,          "EVFILT_READ|EV_CLEAR|EV_EOF",                      "R RC"},
    {"unix-datagram-local-shutdown",       "shut down writing too",            once,          "EVFILT_WRITE|EV_CLEAR|EV_EOF",                     "W WC"},

    {"pipe-sender-fresh",                  "registered",                       once,          "EVFILT_WRITE|EV_CLEAR",                            "W"},
    {"pipe-sender-full",                   "full",                             never,         "",                                                 ""},
    {"pipe-sender-full",                   "emptied",                          at_least_once, "EVFILT_WRITE|EV_CLEAR",                            "W"},
    {"pipe-receiver-closed",               "receiver closed",                  once,          "EVFILT_WRITE|EV_CLEAR|EV_ONESHOT|EV_EOF",          "W WC"},
    {"pipe-receiver-closed-full",          "receiver closed",                  once,          "EVFILT_WRITE|EV_CLEAR|EV_ONESHOT|EV_EOF",          "W WC"},
    {"pipe-receiver-fresh",                "registered",                       never,         "",                                                 ""},
    {"pipe-data",                          "data arrived",                     once,          "EVFILT_READ|EV_CLEAR",                             "R"},
    {"pipe-data",                          "left unread",                      never,         "",                                                 ""},
    {"pipe-sender-closed",                 "sender closed",                    once,          "EVFILT_READ|EV_CLEAR|EV_EOF",                      "R RC"},
    {"pipe-sender-closed",                 "reported already",                 never,         "",                                                 ""},
    {"pipe-sender-closed-data-left",       "data arrived",                     once,          "EVFILT_READ|EV_CLEAR",                             "R"},
    {"pipe-sender-closed-data-left",       "sender closed",                    once,          "EVFILT_READ|EV_CLEAR|EV_EOF",                      "R RC"},

    {"waker-once",                         "not woken",                        never,         "",                                                 ""},
    {"waker-once",                         "woken",                            once,          "EVFILT_USER|EV_CLEAR",                             "R"},
    {"waker-once",                         "reported already",                 never,         "",                                                 ""},
    {"waker-coalesced",                    "woken 1000 times",                 once,          "EVFILT_USER|EV_CLEAR",                             "R"},
    {"waker-coalesced",                    "woken again",                      once,          "EVFILT_USER|EV_CLEAR",                             "R"},
    {"waker-two",                          "first one woken",                  once,          "EVFILT_USER|EV_CLEAR",                             "R"},
    {"waker-two",                          "second one woken",                 once,          "EVFILT_USER|EV_CLEAR",                             "R"},
    {"waker-two",                          "second one woken again",           once,          "EVFILT_USER|EV_CLEAR",                             "R"},
    {"waker-thread",                       "woken by another thread",          once,          "EVFILT_USER|EV_CLEAR",                             "R"},

    {"trigger-edge-no-repeat",             "data arrived",                     once,          "EVFILT_READ|EV_CLEAR",                             "R"},
    {"trigger-edge-no-repeat",             "left unread",                      never,         "",                                                 ""},
    {"trigger-edge-drained",               "data arrived",                     once,          "EVFILT_READ|EV_CLEAR",                             "R"},
    {"trigger-edge-drained",               "all of it read",                   never,         "",                                                 ""},
    {"trigger-edge-drained",               "more arrived",                     once,          "EVFILT_READ|EV_CLEAR",                             "R"},
    {"trigger-edge-partial-read",          "data arrived",                     once,          "EVFILT_READ|EV_CLEAR",                             "R"},
    {"trigger-edge-partial-read",          "half of it read",                  never,         "",                                                 ""},
    {"trigger-edge-partial-read",          "more arrived",                     once,          "EVFILT_READ|EV_CLEAR",                             "R"},
    {"trigger-edge-partial-read-modify",   "data arrived",                     once,          "EVFILT_READ|EV_CLEAR",                             "R"},
    {"trigger-edge-partial-read-modify",   "half of it read, modified",        once,          "EVFILT_READ|EV_CLEAR",                             "R"},
    {"trigger-edge-held-condition",        "added after the data",             once,          "EVFILT_READ|EV_CLEAR",                             "R"},
    {"trigger-edge-modify",                "data arrived",                     once,          "EVFILT_READ|EV_CLEAR",                             "R"},
    {"trigger-edge-modify",                "modified, left unread",            once,          "EVFILT_READ|EV_CLEAR",                             "R"},
    {"trigger-edge-writable",              "registered",                       once,          "EVFILT_WRITE|EV_CLEAR",                            "W"},
    {"trigger-edge-writable",              "reported already",                 never,         "",                                                 ""},
    {"trigger-edge-writable",              "modified",                         once,          "EVFILT_WRITE|EV_CLEAR",                            "W"},
    {"trigger-edge-full",                  "full",                             never,         "",                                                 ""},
    {"trigger-edge-full",                  "emptied",                          at_least_once, "EVFILT_WRITE|EV_CLEAR",                            "W"},
    {"trigger-edge-both",                  "registered",                       once,          "EVFILT_WRITE|EV_CLEAR",                            "W"},
    {"trigger-edge-both",                  "data arrived",                     once,          "EVFILT_READ|EV_CLEAR",                             "R"},
    {"trigger-edge-both",                  "all of it read",                   never,         "",                                                 ""},
    {"trigger-edge-both",                  "more arrived",                     once,          "EVFILT_READ|EV_CLEAR",                             "R"},
    {"trigger-edge-end",                   "peer closed",                      at_least_once, "EVFILT_READ|EV_CLEAR|EV_EOF",                      "R RC"},
    {"trigger-edge-end",                   "reported already",                 never,         "",                                                 ""},
    {"trigger-edge-end",                   "modified",                         once,          "EVFILT_READ|EV_CLEAR|EV_EOF",                      "R RC"},

    {"trigger-level-repeats",              "data arrived",                     once,          "EVFILT_READ",                                      "R"},
    {"trigger-level-repeats",              "left unread",                      once,          "EVFILT_READ",                                      "R"},
    {"trigger-level-repeats",              "half of it read",                  once,          "EVFILT_READ",                                      "R"},
    {"trigger-level-repeats",              "all of it read",                   never,         "",                                                 ""},
    {"trigger-level-repeats",              "more arrived",                     once,          "EVFILT_READ",                                      "R"},
    {"trigger-level-full",                 "registered",                       once,          "EVFILT_WRITE",                                     "W"},
    {"trigger-level-full",                 "still writable",                   once,          "EVFILT_WRITE",                                     "W"},
    {"trigger-level-full",                 "full",                             never,         "",                                                 ""},
    {"trigger-level-full",                 "emptied",                          once,          "EVFILT_WRITE",                                     "W"},
    {"trigger-level-full",                 "still writable again",             once,          "EVFILT_WRITE",                                     "W"},
    {"trigger-level-both",                 "registered",                       once,          "EVFILT_WRITE",                                     "W"},
    {"trigger-level-both",                 "data arrived",                     once,          "EVFILT_READ",                                      "R"},
    {"trigger-level-both",                 "data arrived",                     once,          "EVFILT_WRITE",                                     "W"},
    {"trigger-level-both",                 "left unread",                      once,          "EVFILT_READ",                                      "R"},
    {"trigger-level-both",                 "left unread",                      once,          "EVFILT_WRITE",                                     "W"},
    {"trigger-level-both",                 "all of it read",                   once,          "EVFILT_WRITE",                                     "W"},
    {"trigger-level-end",                  "peer closed",                      once,          "EVFILT_READ|EV_EOF",                               "R RC"},
    {"trigger-level-end",                  "left unread",                      once,          "EVFILT_READ|EV_EOF",                               "R RC"},
    {"trigger-level-end",                  "the end read",                     once,          "EVFILT_READ|EV_EOF",                               "R RC"},
    {"trigger-level-modify",               "data arrived",                     once,          "EVFILT_READ",                                      "R"},
    {"trigger-level-modify",               "modified to writable",             once,          "EVFILT_WRITE",                                     "W"},
    {"trigger-level-modify",               "modified to readable",             once,          "EVFILT_READ",                                      "R"},
    {"trigger-level-from-edge",            "data arrived",                     once,          "EVFILT_READ|EV_CLEAR",                             "R"},
    {"trigger-level-from-edge",            "modified to level",                once,          "EVFILT_READ",                                      "R"},
    {"trigger-level-from-edge",            "left unread",                      once,          "EVFILT_READ",                                      "R"},
    {"trigger-level-from-edge",            "modified to edge",                 once,          "EVFILT_READ|EV_CLEAR",                             "R"},
    {"trigger-level-from-edge",            "reported already",                 never,         "",                                                 ""},

    {"trigger-oneshot-once",               "data arrived",                     once,          "EVFILT_READ|EV_ONESHOT",                           "R"},
    {"trigger-oneshot-once",               "more arrived",                     never,         "",                                                 ""},
    {"trigger-oneshot-once",               "modified",                         once,          "EVFILT_READ|EV_ONESHOT",                           "R"},
    {"trigger-oneshot-once",               "reported already",                 never,         "",                                                 ""},
    {"trigger-oneshot-drained",            "data arrived",                     once,          "EVFILT_READ|EV_ONESHOT",                           "R"},
    {"trigger-oneshot-drained",            "all of it read, more arrived",     never,         "",                                                 ""},
    {"trigger-oneshot-drained",            "modified",                         once,          "EVFILT_READ|EV_ONESHOT",                           "R"},
    {"trigger-oneshot-partial-read",       "data arrived",                     once,          "EVFILT_READ|EV_ONESHOT",                           "R"},
    {"trigger-oneshot-partial-read",       "half of it read",                  never,         "",                                                 ""},
    {"trigger-oneshot-partial-read",       "modified",                         once,          "EVFILT_READ|EV_ONESHOT",                           "R"},
    {"trigger-oneshot-writable",           "registered",                       once,          "EVFILT_WRITE|EV_ONESHOT",                          "W"},
    {"trigger-oneshot-writable",           "reported already",                 never,         "",                                                 ""},
    {"trigger-oneshot-writable",           "modified",                         once,          "EVFILT_WRITE|EV_ONESHOT",                          "W"},
    {"trigger-oneshot-full",               "registered",                       once,          "EVFILT_WRITE|EV_ONESHOT",                          "W"},
    {"trigger-oneshot-full",               "filled and emptied",               never,         "",                                                 ""},
    {"trigger-oneshot-full",               "filled and modified",              never,         "",                                                 ""},
    {"trigger-oneshot-full",               "emptied",                          once,          "EVFILT_WRITE|EV_ONESHOT",                          "W"},
    {"trigger-oneshot-both",               "registered",                       once,          "EVFILT_WRITE|EV_ONESHOT",                          "W"},
    {"trigger-oneshot-both",               "data arrived",                     never,         "",                                                 ""},
    {"trigger-oneshot-both",               "modified",                         once,          "EVFILT_READ|EVFILT_WRITE|EV_ONESHOT",              "R W"},
    {"trigger-oneshot-both",               "reported already",                 never,         "",                                                 ""},
    {"trigger-oneshot-end",                "peer closed",                      once,          "EVFILT_READ|EV_ONESHOT|EV_EOF",                    "R RC"},
    {"trigger-oneshot-end",                "reported already",                 never,         "",                                                 ""},
    {"trigger-oneshot-end",                "modified",                         once,          "EVFILT_READ|EV_ONESHOT|EV_EOF",                    "R RC"},
    {"trigger-oneshot-end-after-report",   "data arrived",                     once,          "EVFILT_READ|EV_ONESHOT",                           "R"},
    {"trigger-oneshot-end-after-report",   "peer closed",                      never,         "",                                                 ""},
    {"trigger-oneshot-end-after-report",   "modified",                         once,          "EVFILT_READ|EV_ONESHOT|EV_EOF",                    "R RC"},
    {"trigger-oneshot-from-level",         "data arrived",                     once,          "EVFILT_READ",                                      "R"},
    {"trigger-oneshot-from-level",         "modified to oneshot",              once,          "EVFILT_READ|EV_ONESHOT",                           "R"},
    {"trigger-oneshot-from-level",         "reported already",                 never,         "",                                                 ""},
    {"trigger-oneshot-from-level",         "modified to level",                once,          "EVFILT_READ",                                      "R"},
    {"trigger-oneshot-from-level",         "left unread",                      once,          "EVFILT_READ",                                      "R"},

    {"registration-removed",               "removed before the poll",          never,         "",                                                 ""},
    {"registration-closed",                "closed before the poll",           never,         "",                                                 ""},
    {"registration-added-again",           "data arrived",                     once,          "EVFILT_READ|EV_CLEAR",                             "R"},
    {"registration-added-again",           "removed, added again",             once,          "EVFILT_READ|EV_CLEAR",                             "R"},
    {"registration-renamed",               "modified to another token",        once,          "EVFILT_READ|EV_CLEAR",                             "R"},
    {"registration-unsupported",           "registered",                       never,         "",                                                 ""},
};
// clang-format on

const Listing listing(backend_of<mio::sys::kqueue::Selector>(rows));

} // namespace
} // namespace probe
