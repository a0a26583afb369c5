// The epoll backend: the flags that it requests and how it decodes the flags that it receives.
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <functional>
#include <map>
#include <ostream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "posix.hpp"

import mio.sys.epoll;

using namespace test;
using mio::Trigger;
using mio::sys::epoll::decode;
using mio::sys::epoll::Selector;

namespace {

constexpr std::uint32_t in = EPOLLIN, out = EPOLLOUT, pri = EPOLLPRI, err = EPOLLERR, hup = EPOLLHUP,
                        rdhup = EPOLLRDHUP;

// The table of predicates in modules/sys/epoll.cppm, written independently, flag by flag.
constexpr bool is_decoded_as_tabulated(std::uint32_t e) {
    const auto has = [e](Readiness bit) { return (decode(e) & bit) != Readiness::none; };
    const auto set = [e](std::uint32_t flags) { return (e & flags) == flags; };
    return has(Readiness::readable) == (set(in) || set(pri) || set(rdhup) || set(err) || set(hup))
           && has(Readiness::writable) == (set(out) || set(err) || set(hup))
           && has(Readiness::priority) == set(pri) && has(Readiness::error) == set(err)
           && has(Readiness::read_closed) == (set(hup) || set(rdhup))
           && has(Readiness::write_closed) == (set(hup) || set(out | err) || e == err) && !has(Readiness::aio)
           && !has(Readiness::lio);
}
constexpr bool every_combination_is() {
    for (unsigned bits = 0; bits < 64; ++bits) {
        std::uint32_t e = 0;
        int i = 0;
        for (const auto flag : {in, out, pri, err, hup, rdhup}) {
            if (bits >> i++ & 1u) e |= flag;
        }
        if (!is_decoded_as_tabulated(e)) return false;
    }
    return true;
}
static_assert(every_combination_is());
// Other flags that the kernel may set are excluded.
static_assert(decode(in | EPOLLRDNORM) == Readiness::readable);

/// The `events` and `data` words of a descriptor's registration, from the epoll instance's fdinfo.
/// @see proc_pid_fdinfo(5)
struct Watched {
    std::uint32_t events;
    std::uint64_t data;
};
std::map<int, Watched> watched_by(int epoll) {
    std::ifstream info("/proc/self/fdinfo/" + std::to_string(epoll));
    std::map<int, Watched> watched;
    for (std::string line; std::getline(info, line);) {
        std::istringstream words(line);
        std::string label;
        int fd = -1;
        Watched w{};
        if (words >> label && label == "tfd:"
            && words >> fd >> label >> std::hex >> w.events >> label >> w.data) {
            watched[fd] = w;
        }
    }
    return watched;
}

/// A descriptor in some state, and the objects that keep it there.
struct Scene {
    int fd;
    std::vector<plain::Socket> keep;
};
struct Situation {
    const char* name;
    std::function<Scene()> make;
    Interest interest;
    std::uint32_t flags; // exactly the flags reported by the kernel
    Readiness readiness;
};
void PrintTo(const Situation& s, std::ostream* os) { *os << s.name; }

constexpr auto R = Readiness::readable, W = Readiness::writable, P = Readiness::priority,
               E = Readiness::error, RC = Readiness::read_closed, WC = Readiness::write_closed;

constexpr Interest all = Interest::readable | Interest::writable | Interest::priority;

/// Waits without the library until the kernel reports all of `flags` (poll(2) names).
void await(int fd, short flags) {
    const auto deadline = std::chrono::steady_clock::now() + generous_margin;
    while (std::chrono::steady_clock::now() < deadline) {
        ::pollfd record{.fd = fd, .events = static_cast<short>(flags | POLLRDHUP), .revents = 0};
        ASSERT_NE(::poll(&record, 1, 100), -1);
        if ((record.revents & flags) == flags) return;
    }
    FAIL() << "the state was not reached";
}

Scene scene(plain::Socket watched, std::vector<plain::Socket> keep = {}) {
    const int fd = watched.fd();
    keep.push_back(std::move(watched));
    return {fd, std::move(keep)};
}

std::pair<plain::Socket, plain::Socket> tcp() {
    const auto listener = plain::listen(local_v4());
    auto there = plain::connect(plain::address_of(listener));
    auto here = plain::accept(listener);
    here.set_non_blocking();
    return {std::move(here), std::move(there)};
}

Scene with(std::pair<plain::Socket, plain::Socket> ends) {
    std::vector<plain::Socket> keep;
    keep.push_back(std::move(ends.second));
    return scene(std::move(ends.first), std::move(keep));
}

Scene refused_tcp() {
    // A port that is bound but not listening.
    plain::Socket bound(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ::sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(bound.fd(), reinterpret_cast<::sockaddr*>(&address), sizeof address), 0);
    ::socklen_t length = sizeof address;
    EXPECT_EQ(::getsockname(bound.fd(), reinterpret_cast<::sockaddr*>(&address), &length), 0);
    plain::Socket client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    EXPECT_EQ(::connect(client.fd(), reinterpret_cast<::sockaddr*>(&address), length), -1);
    await(client.fd(), POLLERR | POLLHUP);
    std::vector<plain::Socket> keep;
    keep.push_back(std::move(bound));
    return scene(std::move(client), std::move(keep));
}

Scene refused_udp() {
    // A port of a socket connected to itself, which refuses datagrams from others.
    const auto udp = [] { return plain::Socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)); };
    plain::Socket bound = udp();
    ::sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* generic = reinterpret_cast<::sockaddr*>(&address);
    EXPECT_EQ(::bind(bound.fd(), generic, sizeof address), 0);
    ::socklen_t length = sizeof address;
    EXPECT_EQ(::getsockname(bound.fd(), generic, &length), 0);
    EXPECT_EQ(::connect(bound.fd(), generic, length), 0);
    plain::Socket client = udp();
    EXPECT_EQ(::connect(client.fd(), generic, length), 0);
    EXPECT_EQ(::send(client.fd(), "x", 1, 0), 1);
    await(client.fd(), POLLERR);
    std::vector<plain::Socket> keep;
    keep.push_back(std::move(bound));
    return scene(std::move(client), std::move(keep));
}

const Situation situations[] = {
    {"TcpIdle", [] { return with(tcp()); }, all, out, W},
    {"TcpData",
     [] {
         auto ends = tcp();
         plain::write_all(ends.second, "x");
         await(ends.first.fd(), POLLIN);
         return with(std::move(ends));
     },
     all, in | out, R | W},
    {"TcpPeerShutDownWriting",
     [] {
         auto ends = tcp();
         ::shutdown(ends.second.fd(), SHUT_WR);
         await(ends.first.fd(), POLLRDHUP);
         return with(std::move(ends));
     },
     all, in | out | rdhup, R | W | RC},
    {"TcpPeerClosed",
     [] {
         auto ends = tcp();
         ends.second.close();
         await(ends.first.fd(), POLLRDHUP);
         return with(std::move(ends));
     },
     all, in | out | rdhup, R | W | RC},
    {"TcpPeerReset",
     [] {
         auto ends = tcp();
         set_linger_zero(ends.second.fd());
         ends.second.close();
         await(ends.first.fd(), POLLHUP | POLLERR);
         return with(std::move(ends));
     },
     all, in | out | err | hup | rdhup, R | W | E | RC | WC},
    {"TcpPeerClosedWithoutReadingOurs",
     [] {
         auto ends = tcp();
         plain::write_all(ends.first, "x");
         await(ends.second.fd(), POLLIN);
         ends.second.close();
         await(ends.first.fd(), POLLHUP | POLLERR);
         return with(std::move(ends));
     },
     all, in | out | err | hup | rdhup, R | W | E | RC | WC},
    {"TcpShutDownReading",
     [] {
         auto ends = tcp();
         ::shutdown(ends.first.fd(), SHUT_RD);
         return with(std::move(ends));
     },
     all, in | out | rdhup, R | W | RC},
    {"TcpShutDownWriting",
     [] {
         auto ends = tcp();
         ::shutdown(ends.first.fd(), SHUT_WR);
         return with(std::move(ends));
     },
     all, out, W},
    {"TcpShutDownBoth",
     [] {
         auto ends = tcp();
         ::shutdown(ends.first.fd(), SHUT_RDWR);
         return with(std::move(ends));
     },
     all, in | out | hup | rdhup, R | W | RC | WC},
    {"TcpUrgentByte",
     [] {
         auto ends = tcp();
         ::send(ends.second.fd(), "!", 1, MSG_OOB);
         await(ends.first.fd(), POLLPRI);
         return with(std::move(ends));
     },
     all, pri | out, R | W | P},
    {"TcpRefused", refused_tcp, read_write, in | out | err | hup | rdhup, R | W | E | RC | WC},
    {"TcpRefusedForAWriter", refused_tcp, Interest::writable, out | err | hup, R | W | E | RC | WC},
    {"TcpRefusedForAReader", refused_tcp, Interest::readable, in | err | hup | rdhup, R | W | E | RC | WC},
    {"TcpNeverConnected",
     [] { return scene(plain::Socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))); }, all, out | hup,
     R | W | RC | WC},
    {"TcpListenerWithAConnection",
     [] {
         auto listener = plain::listen(local_v4());
         std::vector<plain::Socket> keep;
         keep.push_back(plain::connect(plain::address_of(listener)));
         plain::await_readable(listener);
         return scene(std::move(listener), std::move(keep));
     },
     read_write, in, R},
    {"PipeForAWriter",
     [] {
         auto [reader, writer] = plain::pipe();
         return with({std::move(writer), std::move(reader)});
     },
     Interest::writable, out, W},
    {"PipeWithData",
     [] {
         auto ends = plain::pipe();
         EXPECT_EQ(::write(ends.second.fd(), "x", 1), 1);
         return with(std::move(ends));
     },
     Interest::readable, in, R},
    {"PipeWithDataAndClosedWriter",
     [] {
         auto ends = plain::pipe();
         EXPECT_EQ(::write(ends.second.fd(), "x", 1), 1);
         ends.second.close();
         return with(std::move(ends));
     },
     Interest::readable, in | hup, R | W | RC | WC},
    {"PipeWithClosedWriter",
     [] {
         auto ends = plain::pipe();
         ends.second.close();
         return with(std::move(ends));
     },
     Interest::readable, hup, R | W | RC | WC},
    {"PipeWithClosedReader",
     [] {
         auto [reader, writer] = plain::pipe();
         reader.close();
         return with({std::move(writer), std::move(reader)});
     },
     Interest::writable, out | err, R | W | E | WC},
    {"FullPipeWithClosedReader",
     [] {
         auto [reader, writer] = plain::pipe();
         writer.set_non_blocking();
         const std::string page(4096, 'x');
         while (::write(writer.fd(), page.data(), page.size()) > 0) {
         }
         reader.close();
         return with({std::move(writer), std::move(reader)});
     },
     Interest::writable, err, R | W | E | WC},
    {"LocalIdle", [] { return with(plain::socket_pair()); }, read_write, out, W},
    {"LocalShutDownReading",
     [] {
         auto ends = plain::socket_pair();
         ::shutdown(ends.first.fd(), SHUT_RD);
         return with(std::move(ends));
     },
     read_write, in | out | rdhup, R | W | RC},
    {"LocalShutDownWriting",
     [] {
         auto ends = plain::socket_pair();
         ::shutdown(ends.first.fd(), SHUT_WR);
         return with(std::move(ends));
     },
     read_write, out, W},
    {"LocalPeerShutDownWriting",
     [] {
         auto ends = plain::socket_pair();
         ::shutdown(ends.second.fd(), SHUT_WR);
         return with(std::move(ends));
     },
     read_write, in | out | rdhup, R | W | RC},
    {"LocalPeerClosed",
     [] {
         auto ends = plain::socket_pair();
         ends.second.close();
         return with(std::move(ends));
     },
     read_write, in | out | hup | rdhup, R | W | RC | WC},
    {"UdpFresh", [] { return scene(plain::Socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0))); },
     read_write, out, W},
    {"UdpRefused", refused_udp, read_write, out | err, R | W | E | WC},
    {"Eventfd", [] { return scene(plain::Socket(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK))); },
     Interest::readable, in, R},
};

class EpollReports : public testing::TestWithParam<Situation> {};

struct Encoding {
    Interest interest;
    Trigger trigger;
    std::uint32_t flags;
};

} // namespace

TEST_P(EpollReports, FlagsAndPredicatesOfEachState) {
    const auto& situation = GetParam();
    const auto [fd, keep] = situation.make();
    Selector selector(must(Selector::open()));
    auto events = events_for<Selector>(4);
    const auto state = must(selector.add(fd, Token{7}, situation.interest, Trigger::edge));
    ASSERT_TRUE(ok(selector.select(events, 500ms)));
    ASSERT_EQ(events.size(), 1u);
    const auto& event = events[0];
    EXPECT_EQ(event.token(), Token{7});
    EXPECT_EQ(event.raw_flags(), situation.flags) << describe(event);
    EXPECT_EQ(event.readiness(), situation.readiness) << to_string(event);
    EXPECT_EQ(event.readiness(), decode(event.raw_flags()));
    EXPECT_TRUE(ok(selector.remove(fd, state)));
}

INSTANTIATE_TEST_SUITE_P(Golden, EpollReports, testing::ValuesIn(situations),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(Epoll, RequestsExactlyTheFlagsOfTheInterest) {
    // The kernel adds EPOLLERR and EPOLLHUP.
    const Encoding encodings[] = {
        {Interest::readable, Trigger::edge, in | rdhup | EPOLLET},
        {Interest::writable, Trigger::edge, out | EPOLLET},
        {Interest::priority, Trigger::edge, pri | EPOLLET},
        {all, Trigger::edge, in | rdhup | out | pri | EPOLLET},
        {read_write, Trigger::level, in | rdhup | out},
        {Interest::readable, Trigger::oneshot, in | rdhup | EPOLLONESHOT},
        {Interest::writable, Trigger::oneshot, out | EPOLLONESHOT},
    };
    Selector selector(must(Selector::open()));
    const auto [here, there] = plain::socket_pair();
    std::uint64_t state = 0;
    for (const auto& [interest, trigger, flags] : encodings) {
        const auto token = Token{0xfedc'ba98'7654'3210u};
        if (state == 0) {
            state = must(selector.add(here.fd(), token, interest, trigger));
        } else {
            ASSERT_TRUE(ok(selector.modify(here.fd(), state, token, interest, trigger)));
        }
        const auto watched = watched_by(selector.raw_fd());
        ASSERT_TRUE(watched.contains(here.fd()));
        EXPECT_EQ(watched.at(here.fd()).events, flags | err | hup) << to_string(interest);
        EXPECT_EQ(watched.at(here.fd()).data, token.value);
    }
    ASSERT_TRUE(ok(selector.remove(here.fd(), state)));
    EXPECT_TRUE(watched_by(selector.raw_fd()).empty());
}

TEST(Epoll, UnsupportedInterestFailsWithoutASystemCall) {
    Selector selector(must(Selector::open()));
    // Even for a handle that the kernel would reject for another reason.
    EXPECT_TRUE(fails_with(selector.add(-1, Token{1}, Interest::aio, Trigger::edge), mio::Errc::unsupported));
    EXPECT_TRUE(fails_with(selector.add(-1, Token{1}, Interest::readable, Trigger::edge),
                           std::errc::bad_file_descriptor));
}

TEST(Epoll, DescribesTheFlagsByName) {
    const auto describe = [](std::uint32_t flags) {
        return Selector::describe(mio::Event(Token{1}, decode(flags), flags));
    };
    EXPECT_EQ(describe(0), "(empty)");
    EXPECT_EQ(describe(in), "EPOLLIN");
    EXPECT_EQ(describe(pri), "EPOLLPRI");
    EXPECT_EQ(describe(out), "EPOLLOUT");
    EXPECT_EQ(describe(err), "EPOLLERR");
    EXPECT_EQ(describe(hup), "EPOLLHUP");
    EXPECT_EQ(describe(rdhup), "EPOLLRDHUP");
    EXPECT_EQ(describe(in | rdhup), "EPOLLIN|EPOLLRDHUP");
    EXPECT_EQ(describe(in | out | pri | err | hup | rdhup),
              "EPOLLIN|EPOLLPRI|EPOLLOUT|EPOLLERR|EPOLLHUP|EPOLLRDHUP");
}

TEST(Epoll, SelectorIsCloseOnExecAndClosedOnDestruction) {
    DescriptorGuard guard;
    int fd = -1;
    {
        const Selector selector(must(Selector::open()));
        fd = selector.raw_fd();
        EXPECT_TRUE(is_close_on_exec(fd));
    }
    EXPECT_EQ(::fcntl(fd, F_GETFD), -1);
    // An opened but unused descriptor is closed too.
    {
        const auto parts = must(Selector::open());
    }
}

TEST(Epoll, ChildEndsAnInheritedRegistrationByRemoveOnly) {
    Selector selector(must(Selector::open()));
    const auto [here, there] = plain::socket_pair();
    const auto fd = here.fd();
    const auto state = must(selector.add(fd, Token{1}, Interest::readable, Trigger::level));
    ASSERT_TRUE(holds_in_child([&] { Selector::forget(state); }));
    EXPECT_TRUE(watched_by(selector.raw_fd()).contains(fd));
    ASSERT_TRUE(holds_in_child([&] { EXPECT_TRUE(ok(selector.remove(fd, state))); }));
    EXPECT_FALSE(watched_by(selector.raw_fd()).contains(fd));
    EXPECT_TRUE(ok(selector.remove(fd, state)));
}

TEST(Epoll, ChildEndsItsOwnRegistrationWithAnInheritedSelector) {
    Selector selector(must(Selector::open()));
    const auto [here, there] = plain::socket_pair();
    const auto fd = here.fd();
    ASSERT_TRUE(holds_in_child([&] {
        const auto state = must(selector.add(fd, Token{1}, Interest::readable, Trigger::level));
        EXPECT_TRUE(watched_by(selector.raw_fd()).contains(fd));
        Selector::forget(state);
    }));
    EXPECT_FALSE(watched_by(selector.raw_fd()).contains(fd));
}
