// The epoll backend: the flags that it requests and how it decodes the flags that it receives.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <utility>

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

constexpr Interest all = Interest::readable | Interest::writable | Interest::priority;

struct Encoding {
    Interest interest;
    Trigger trigger;
    std::uint32_t flags;
};

} // namespace

TEST(Epoll, ReportsTheKernelsFlagsAndTheTokenOfAnEventfd) {
    const plain::Socket source(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
    Selector selector(must(Selector::open()));
    auto events = events_for<Selector>(4);
    const auto state = must(selector.add(source.fd(), Token{7}, Interest::readable, Trigger::edge));
    ASSERT_TRUE(ok(selector.select(events, 500ms)));
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].token(), Token{7});
    EXPECT_EQ(events[0].raw_flags(), in);
    EXPECT_EQ(events[0].readiness(), Readiness::readable);
    EXPECT_TRUE(ok(selector.remove(source.fd(), state)));
}

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
