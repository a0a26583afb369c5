// The poll(2) backend: how it decodes the flags that it receives.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <system_error>

#include "posix.hpp"
#include "tcp.hpp"

import mio.sys.poll;

using namespace test;
using mio::sys::poll::decode;
using mio::sys::poll::Selector;

namespace {

constexpr int rdhup = mio::sys::poll::read_hang_up;

// The table of predicates in modules/sys/poll.cppm, written independently, flag by flag.
constexpr bool is_decoded_as_tabulated(int flags, Interest interest) {
    const auto readiness = decode(static_cast<short>(flags), interest);
    const auto has = [readiness](Readiness bit) { return (readiness & bit) != Readiness::none; };
    const auto set = [flags](int some) { return (flags & some) == some; };
    const bool failed = set(POLLHUP) || set(POLLERR);
    return has(Readiness::readable)
               == (set(POLLIN) || set(POLLPRI) || (rdhup != 0 && set(rdhup))
                   || (failed && (interest.is_readable() || interest.is_priority())))
           && has(Readiness::writable) == (set(POLLOUT) || (failed && interest.is_writable()))
           && has(Readiness::priority) == set(POLLPRI) && has(Readiness::error) == set(POLLERR)
           && has(Readiness::read_closed) == (set(POLLHUP) || (rdhup != 0 && set(rdhup)))
           && has(Readiness::write_closed) == (set(POLLHUP) || set(POLLOUT | POLLERR) || flags == POLLERR)
           && !has(Readiness::aio) && !has(Readiness::lio);
}
constexpr bool every_combination_is() {
    for (const auto interest : {Interest::readable, Interest::writable, read_write, Interest::priority}) {
        for (unsigned bits = 0; bits < 64; ++bits) {
            int flags = 0;
            int i = 0;
            for (const int flag : {POLLIN, POLLOUT, POLLPRI, POLLERR, POLLHUP, rdhup}) {
                if ((bits >> i++ & 1u) != 0) flags |= flag;
            }
            if (!is_decoded_as_tabulated(flags, interest)) return false;
        }
    }
    return true;
}
static_assert(every_combination_is());

} // namespace

TEST(PollSelector, DescribesTheFlags) {
    const auto text = [](int flags) {
        return Selector::describe(mio::Event(Token{}, Readiness::none, static_cast<unsigned>(flags)));
    };
    EXPECT_EQ(text(0), "(empty)");
    EXPECT_EQ(text(POLLIN), "POLLIN");
    EXPECT_EQ(text(POLLIN | POLLPRI | POLLOUT | POLLERR | POLLHUP | rdhup),
              "POLLIN|POLLPRI|POLLOUT|POLLERR|POLLHUP|POLLRDHUP");
}

TEST(PollSelector, HasNoDescriptor) {
    const Selector selector(must(Selector::open()));
    EXPECT_EQ(selector.raw_fd(), mio::invalid_handle);
}

// The directory is always ready, so it is refused; the old registration does not watch it instead.
TEST(PollSelector, ModifyFailsIfTheNumberOfTheClosedHandleIsReused) {
    for (const bool is_added : {false, true}) {
        Selector selector(must(Selector::open()));
        auto [here, there] = plain::socket_pair();
        const int number = here.fd();
        const auto state = must(selector.add(number, Token{1}, Interest::readable, mio::Trigger::edge));
        const plain::Socket directory(::open("/", O_RDONLY | O_CLOEXEC));
        ASSERT_EQ(::dup2(directory.fd(), number), number);
        if (is_added) {
            EXPECT_TRUE(fails_with(selector.add(number, Token{2}, Interest::readable, mio::Trigger::edge),
                                   std::errc::operation_not_permitted));
        }
        EXPECT_TRUE(
            fails_with(selector.modify(number, state, Token{3}, Interest::readable, mio::Trigger::edge),
                       mio::Errc::not_registered));
        EXPECT_TRUE(ok(selector.remove(number, state)));
    }
}
