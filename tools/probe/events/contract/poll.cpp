// The documented events of the poll(2) backend, as seen on Linux 6.18 and described in poll(2), tcp(7), unix(7) and
// pipe(7).
//
// Registered as for epoll. An edge is emulated: what was reported is not asked for again until an operation would have
// blocked in that direction, or `modify`. So POLLOUT, which came with the registering, is not beside POLLIN; what was
// left unread hides what comes after it; and a local shutdown of writing, which changes nothing that is asked for, is
// not told. POLLERR and POLLHUP come unasked.

module;

#include <span>
#include <string>
#include <string_view>

module probe.events.backend;

import mio.sys.poll;

namespace probe {
namespace {

using enum Times;

// clang-format off
constexpr Row rows[] = {
    // scenario                           step                               times          flags                                               predicates
    {"tcp-connected-idle",                "registered",                      at_least_once, "POLLOUT",                                          "W"},
    {"tcp-connect-accepted",              "connected",                       at_least_once, "POLLOUT",                                          "W"},
    {"tcp-connect-refused-read-write",    "refused",                         at_least_once, "POLLIN|POLLOUT|POLLERR|POLLHUP|POLLRDHUP",         "R W E RC WC"},
    {"tcp-connect-refused-write",         "refused",                         at_least_once, "POLLOUT|POLLERR|POLLHUP",                          "W E RC WC"},
    {"tcp-connect-refused-read",          "refused",                         at_least_once, "POLLIN|POLLERR|POLLHUP|POLLRDHUP",                 "R E RC WC"},
    {"tcp-never-connected",               "registered",                      at_least_once, "POLLOUT|POLLHUP",                                  "R W RC WC"},
    {"tcp-peer-sends-data",               "data arrived",                    at_least_once, "POLLIN",                                           "R"},
    {"tcp-peer-half-close",               "peer shut down writing",          at_least_once, "POLLIN|POLLRDHUP",                                 "R RC"},
    {"tcp-peer-close",                    "peer closed",                     at_least_once, "POLLIN|POLLRDHUP",                                 "R RC"},
    {"tcp-peer-sends-and-closes",         "peer sent and closed",            at_least_once, "POLLIN|POLLRDHUP",                                 "R RC"},
    {"tcp-peer-close-unread",             "peer closed",                     at_least_once, "POLLIN|POLLERR|POLLHUP|POLLRDHUP",                 "R W E RC WC"},
    {"tcp-peer-reset",                    "peer reset",                      at_least_once, "POLLIN|POLLERR|POLLHUP|POLLRDHUP",                 "R W E RC WC"},
    {"tcp-local-shutdown-read",           "shut down reading",               at_least_once, "POLLIN|POLLRDHUP",                                 "R RC"},
    {"tcp-local-shutdown-write",          "shut down writing",               never,         "",                                                 ""},
    {"tcp-local-shutdown-both",           "shut down both",                  at_least_once, "POLLIN|POLLHUP|POLLRDHUP",                         "R W RC WC"},
    {"tcp-urgent-data",                   "urgent byte arrived",             at_least_once, "POLLPRI",                                          "R P"},

    {"listener-idle",                     "nobody connects",                 never,         "",                                                 ""},
    {"listener-pending",                  "connection pending",              once,          "POLLIN",                                           "R"},
    {"listener-second-pending",           "connection pending",              once,          "POLLIN",                                           "R"},
    {"listener-second-pending",           "another one pending",             never,         "",                                                 ""},
    {"listener-left-pending",             "two connections pending",         at_least_once, "POLLIN",                                           "R"},
    {"listener-left-pending",             "one of them accepted",            never,         "",                                                 ""},
    {"listener-accepted-all",             "connection pending",              once,          "POLLIN",                                           "R"},
    {"listener-accepted-all",             "another one after accepting all", once,          "POLLIN",                                           "R"},

    {"udp-fresh",                         "registered",                      once,          "POLLOUT",                                          "W"},
    {"udp-data",                          "datagram arrived",                once,          "POLLIN",                                           "R"},
    {"udp-second-datagram",               "datagram arrived",                once,          "POLLIN",                                           "R"},
    {"udp-second-datagram",               "left unread",                     never,         "",                                                 ""},
    {"udp-second-datagram",               "another one arrived",             never,         "",                                                 ""},
    {"udp-refused",                       "refused",                         at_least_once, "POLLERR",                                          "R W E WC"},

    {"unix-stream-idle",                  "registered",                      once,          "POLLOUT",                                          "W"},
    {"unix-stream-data",                  "data arrived",                    once,          "POLLIN",                                           "R"},
    {"unix-stream-full",                  "full",                            never,         "",                                                 ""},
    {"unix-stream-full",                  "emptied",                         at_least_once, "POLLOUT",                                          "W"},
    {"unix-stream-local-shutdown-read",   "shut down reading",               once,          "POLLIN|POLLRDHUP",                                 "R RC"},
    {"unix-stream-local-shutdown-write",  "shut down writing",               never,         "",                                                 ""},
    {"unix-stream-local-shutdown-both",   "shut down both",                  once,          "POLLIN|POLLHUP|POLLRDHUP",                         "R W RC WC"},
    {"unix-stream-peer-shutdown-write",   "peer shut down writing",          once,          "POLLIN|POLLRDHUP",                                 "R RC"},
    {"unix-stream-peer-shutdown-read",    "peer shut down reading",          never,         "",                                                 ""},
    {"unix-stream-peer-close",            "peer closed",                     once,          "POLLIN|POLLHUP|POLLRDHUP",                         "R W RC WC"},
    {"unix-stream-peer-sends-and-closes", "peer sent and closed",            once,          "POLLIN|POLLHUP|POLLRDHUP",                         "R W RC WC"},
    {"unix-stream-peer-close-unread",     "peer closed",                     once,          "POLLIN|POLLERR|POLLHUP|POLLRDHUP",                 "R W E RC WC"},
    {"unix-listener-pending",             "nobody connects",                 never,         "",                                                 ""},
    {"unix-listener-pending",             "connection pending",              once,          "POLLIN",                                           "R"},
    {"unix-datagram-idle",                "registered",                      once,          "POLLOUT",                                          "W"},
    {"unix-datagram-data",                "data arrived",                    once,          "POLLIN",                                           "R"},
    {"unix-datagram-local-shutdown",      "shut down reading",               once,          "POLLIN|POLLRDHUP",                                 "R RC"},
    {"unix-datagram-local-shutdown",      "shut down writing too",           once,          "POLLHUP",                                          "R W RC WC"},

    {"pipe-sender-fresh",                 "registered",                      once,          "POLLOUT",                                          "W"},
    {"pipe-sender-full",                  "full",                            never,         "",                                                 ""},
    {"pipe-sender-full",                  "emptied",                         at_least_once, "POLLOUT",                                          "W"},
    {"pipe-receiver-closed",              "receiver closed",                 once,          "POLLERR",                                          "W E WC"},
    {"pipe-receiver-closed-full",         "receiver closed",                 once,          "POLLERR",                                          "W E WC"},
    {"pipe-receiver-fresh",               "registered",                      never,         "",                                                 ""},
    {"pipe-data",                         "data arrived",                    once,          "POLLIN",                                           "R"},
    {"pipe-data",                         "left unread",                     never,         "",                                                 ""},
    {"pipe-sender-closed",                "sender closed",                   once,          "POLLHUP",                                          "R RC WC"},
    {"pipe-sender-closed",                "reported already",                never,         "",                                                 ""},
    {"pipe-sender-closed-data-left",      "data arrived",                    once,          "POLLIN",                                           "R"},
    {"pipe-sender-closed-data-left",      "sender closed",                   once,          "POLLHUP",                                          "R RC WC"},

    {"waker-once",                        "not woken",                       never,         "",                                                 ""},
    {"waker-once",                        "woken",                           once,          "POLLIN",                                           "R"},
    {"waker-once",                        "reported already",                never,         "",                                                 ""},
    {"waker-coalesced",                   "woken 1000 times",                once,          "POLLIN",                                           "R"},
    {"waker-coalesced",                   "woken again",                     once,          "POLLIN",                                           "R"},
    {"waker-two",                         "first one woken",                 once,          "POLLIN",                                           "R"},
    {"waker-two",                         "second one woken",                once,          "POLLIN",                                           "R"},
    {"waker-two",                         "second one woken again",          once,          "POLLIN",                                           "R"},
    {"waker-thread",                      "woken by another thread",         once,          "POLLIN",                                           "R"},

    {"trigger-edge-no-repeat",            "data arrived",                    once,          "POLLIN",                                           "R"},
    {"trigger-edge-no-repeat",            "left unread",                     never,         "",                                                 ""},
    {"trigger-edge-drained",              "data arrived",                    once,          "POLLIN",                                           "R"},
    {"trigger-edge-drained",              "all of it read",                  never,         "",                                                 ""},
    {"trigger-edge-drained",              "more arrived",                    once,          "POLLIN",                                           "R"},
    {"trigger-edge-partial-read",         "data arrived",                    once,          "POLLIN",                                           "R"},
    {"trigger-edge-partial-read",         "half of it read",                 never,         "",                                                 ""},
    {"trigger-edge-partial-read",         "more arrived",                    never,         "",                                                 ""},
    {"trigger-edge-partial-read-modify",  "data arrived",                    once,          "POLLIN",                                           "R"},
    {"trigger-edge-partial-read-modify",  "half of it read, modified",       once,          "POLLIN",                                           "R"},
    {"trigger-edge-held-condition",       "added after the data",            once,          "POLLIN",                                           "R"},
    {"trigger-edge-modify",               "data arrived",                    once,          "POLLIN",                                           "R"},
    {"trigger-edge-modify",               "modified, left unread",           once,          "POLLIN",                                           "R"},
    {"trigger-edge-writable",             "registered",                      once,          "POLLOUT",                                          "W"},
    {"trigger-edge-writable",             "reported already",                never,         "",                                                 ""},
    {"trigger-edge-writable",             "modified",                        once,          "POLLOUT",                                          "W"},
    {"trigger-edge-full",                 "full",                            never,         "",                                                 ""},
    {"trigger-edge-full",                 "emptied",                         at_least_once, "POLLOUT",                                          "W"},
    {"trigger-edge-both",                 "registered",                      once,          "POLLOUT",                                          "W"},
    {"trigger-edge-both",                 "data arrived",                    once,          "POLLIN",                                           "R"},
    {"trigger-edge-both",                 "all of it read",                  never,         "",                                                 ""},
    {"trigger-edge-both",                 "more arrived",                    once,          "POLLIN",                                           "R"},
    {"trigger-edge-end",                  "peer closed",                     at_least_once, "POLLIN|POLLRDHUP",                                 "R RC"},
    {"trigger-edge-end",                  "reported already",                never,         "",                                                 ""},
    {"trigger-edge-end",                  "modified",                        once,          "POLLIN|POLLRDHUP",                                 "R RC"},

    {"trigger-level-repeats",             "data arrived",                    once,          "POLLIN",                                           "R"},
    {"trigger-level-repeats",             "left unread",                     once,          "POLLIN",                                           "R"},
    {"trigger-level-repeats",             "half of it read",                 once,          "POLLIN",                                           "R"},
    {"trigger-level-repeats",             "all of it read",                  never,         "",                                                 ""},
    {"trigger-level-repeats",             "more arrived",                    once,          "POLLIN",                                           "R"},
    {"trigger-level-full",                "registered",                      once,          "POLLOUT",                                          "W"},
    {"trigger-level-full",                "still writable",                  once,          "POLLOUT",                                          "W"},
    {"trigger-level-full",                "full",                            never,         "",                                                 ""},
    {"trigger-level-full",                "emptied",                         once,          "POLLOUT",                                          "W"},
    {"trigger-level-full",                "still writable again",            once,          "POLLOUT",                                          "W"},
    {"trigger-level-both",                "registered",                      once,          "POLLOUT",                                          "W"},
    {"trigger-level-both",                "data arrived",                    once,          "POLLIN|POLLOUT",                                   "R W"},
    {"trigger-level-both",                "left unread",                     once,          "POLLIN|POLLOUT",                                   "R W"},
    {"trigger-level-both",                "all of it read",                  once,          "POLLOUT",                                          "W"},
    {"trigger-level-end",                 "peer closed",                     once,          "POLLIN|POLLRDHUP",                                 "R RC"},
    {"trigger-level-end",                 "left unread",                     once,          "POLLIN|POLLRDHUP",                                 "R RC"},
    {"trigger-level-end",                 "the end read",                    once,          "POLLIN|POLLRDHUP",                                 "R RC"},
    {"trigger-level-modify",              "data arrived",                    once,          "POLLIN",                                           "R"},
    {"trigger-level-modify",              "modified to writable",            once,          "POLLOUT",                                          "W"},
    {"trigger-level-modify",              "modified to readable",            once,          "POLLIN",                                           "R"},
    {"trigger-level-from-edge",           "data arrived",                    once,          "POLLIN",                                           "R"},
    {"trigger-level-from-edge",           "modified to level",               once,          "POLLIN",                                           "R"},
    {"trigger-level-from-edge",           "left unread",                     once,          "POLLIN",                                           "R"},
    {"trigger-level-from-edge",           "modified to edge",                once,          "POLLIN",                                           "R"},
    {"trigger-level-from-edge",           "reported already",                never,         "",                                                 ""},

    {"trigger-oneshot-once",              "data arrived",                    once,          "POLLIN",                                           "R"},
    {"trigger-oneshot-once",              "more arrived",                    never,         "",                                                 ""},
    {"trigger-oneshot-once",              "modified",                        once,          "POLLIN",                                           "R"},
    {"trigger-oneshot-once",              "reported already",                never,         "",                                                 ""},
    {"trigger-oneshot-drained",           "data arrived",                    once,          "POLLIN",                                           "R"},
    {"trigger-oneshot-drained",           "all of it read, more arrived",    never,         "",                                                 ""},
    {"trigger-oneshot-drained",           "modified",                        once,          "POLLIN",                                           "R"},
    {"trigger-oneshot-partial-read",      "data arrived",                    once,          "POLLIN",                                           "R"},
    {"trigger-oneshot-partial-read",      "half of it read",                 never,         "",                                                 ""},
    {"trigger-oneshot-partial-read",      "modified",                        once,          "POLLIN",                                           "R"},
    {"trigger-oneshot-writable",          "registered",                      once,          "POLLOUT",                                          "W"},
    {"trigger-oneshot-writable",          "reported already",                never,         "",                                                 ""},
    {"trigger-oneshot-writable",          "modified",                        once,          "POLLOUT",                                          "W"},
    {"trigger-oneshot-full",              "registered",                      once,          "POLLOUT",                                          "W"},
    {"trigger-oneshot-full",              "filled and emptied",              never,         "",                                                 ""},
    {"trigger-oneshot-full",              "filled and modified",             never,         "",                                                 ""},
    {"trigger-oneshot-full",              "emptied",                         once,          "POLLOUT",                                          "W"},
    {"trigger-oneshot-both",              "registered",                      once,          "POLLOUT",                                          "W"},
    {"trigger-oneshot-both",              "data arrived",                    never,         "",                                                 ""},
    {"trigger-oneshot-both",              "modified",                        once,          "POLLIN|POLLOUT",                                   "R W"},
    {"trigger-oneshot-both",              "reported already",                never,         "",                                                 ""},
    {"trigger-oneshot-end",               "peer closed",                     once,          "POLLIN|POLLRDHUP",                                 "R RC"},
    {"trigger-oneshot-end",               "reported already",                never,         "",                                                 ""},
    {"trigger-oneshot-end",               "modified",                        once,          "POLLIN|POLLRDHUP",                                 "R RC"},
    {"trigger-oneshot-end-after-report",  "data arrived",                    once,          "POLLIN",                                           "R"},
    {"trigger-oneshot-end-after-report",  "peer closed",                     never,         "",                                                 ""},
    {"trigger-oneshot-end-after-report",  "modified",                        once,          "POLLIN|POLLRDHUP",                                 "R RC"},
    {"trigger-oneshot-from-level",        "data arrived",                    once,          "POLLIN",                                           "R"},
    {"trigger-oneshot-from-level",        "modified to oneshot",             once,          "POLLIN",                                           "R"},
    {"trigger-oneshot-from-level",        "reported already",                never,         "",                                                 ""},
    {"trigger-oneshot-from-level",        "modified to level",               once,          "POLLIN",                                           "R"},
    {"trigger-oneshot-from-level",        "left unread",                     once,          "POLLIN",                                           "R"},

    {"registration-removed",              "removed before the poll",         never,         "",                                                 ""},
    {"registration-closed",               "closed before the poll",          never,         "",                                                 ""},
    {"registration-added-again",          "data arrived",                    once,          "POLLIN",                                           "R"},
    {"registration-added-again",          "removed, added again",            once,          "POLLIN",                                           "R"},
    {"registration-renamed",              "modified to another token",       once,          "POLLIN",                                           "R"},
    {"registration-unsupported",          "add",                             unsupported,   "",                                                 ""},
};
// clang-format on

const Listing listing(backend_of<mio::sys::poll::Selector>(rows));

} // namespace
} // namespace probe
