// Each constant of `mio::backend_traits` states what the backend does. The remaining ones are in unix/backend_traits.cpp,
// windows/backend_traits.cpp and allocation.cpp.
#include <concepts>
#include <cstddef>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "tcp.hpp"

using namespace test;
using mio::Errc;
using mio::Trigger;

namespace {

using Traits = mio::backend_traits;

constexpr Token id1{1}, id2{2};

static_assert(std::same_as<Traits, mio::sys::BackendTraits<mio::sys::native>>);
// They select code at compile time.
static_assert([] {
    if constexpr (Traits::has_priority)
        return mio::sys::native::name == "epoll" || mio::sys::native::name == "poll";
    return mio::sys::native::name != "epoll" && mio::sys::native::name != "poll";
}());

/// Two connected sockets. One is watched.
struct Pair {
    std::pair<plain::Socket, plain::Socket> sockets = plain::socket_pair();
    plain::Socket& here = sockets.first;
    plain::Socket& there = sockets.second;
    mio::RawSource source{here.fd()};

    Pair() { here.set_non_blocking(); }
};

/// The number of open handles: `open_handles` returns a set or a number.
std::size_t handle_count() {
    return [](const auto& handles) -> std::size_t {
        if constexpr (requires { handles.size(); }) {
            return handles.size();
        } else {
            return handles;
        }
    }(open_handles());
}

TEST(BackendTraits, PollHasADescriptor) {
    Loop inner;
    EXPECT_EQ(inner.poll.raw_fd() >= 0, Traits::has_a_descriptor);
    if (!Traits::has_a_descriptor) return;
    Loop outer;
    Pair pair;
    mio::RawSource poll(static_cast<mio::RawHandle>(inner.poll.raw_fd()));
    ASSERT_TRUE(ok(outer.registry().add(poll, id1, Interest::readable)));
    ASSERT_TRUE(ok(inner.registry().add(pair.source, id2, Interest::readable)));
    plain::write_all(pair.there, "x");
    outer.expect({{id1, Interest::readable}});
    inner.expect({{id2, Interest::readable}});
    ASSERT_TRUE(ok(outer.registry().remove(poll)));
}

TEST(BackendTraits, DataBehindDataLeftUnreadIsReported) {
    Loop loop;
    Pair pair;
    ASSERT_TRUE(ok(loop.registry().add(pair.source, id1, Interest::readable)));
    plain::write_all(pair.there, "x");
    loop.expect({{id1, Interest::readable}});
    plain::write_all(pair.there, "y");
    if (Traits::reports_data_behind_data_left_unread) {
        loop.expect({{id1, Interest::readable}});
    } else {
        loop.expect_none();
    }
}

TEST(BackendTraits, OneEventForBothDirections) {
    Loop loop;
    Pair pair;
    plain::write_all(pair.there, "x");
    plain::await_readable(pair.here);
    ASSERT_TRUE(ok(loop.registry().add(pair.source, id1, read_write)));
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, generous_margin)));
    ASSERT_EQ(loop.events.size(), Traits::has_one_event_for_both_directions ? 1u : 2u);
    bool is_readable = false;
    bool is_writable = false;
    for (const auto& event : loop.events) {
        EXPECT_EQ(event.is_readable() && event.is_writable(), Traits::has_one_event_for_both_directions);
        is_readable |= event.is_readable();
        is_writable |= event.is_writable();
    }
    EXPECT_TRUE(is_readable && is_writable);
}

TEST(BackendTraits, ASecondSourceOfAHandleIsRefused) {
    Loop loop;
    Pair pair;
    mio::RawSource twin(pair.here.fd());
    ASSERT_TRUE(ok(loop.registry().add(pair.source, id1, Interest::readable)));
    const auto added = loop.registry().add(twin, id2, Interest::readable);
    if (Traits::refuses_a_second_source) {
        EXPECT_TRUE(fails_with(added, std::errc::file_exists));
    } else {
        EXPECT_TRUE(ok(added));
    }
    // The handle is watched once in either case.
    plain::write_all(pair.there, "x");
    loop.expect({{Traits::refuses_a_second_source ? id1 : id2, Interest::readable}});
    loop.expect_none();
}

TEST(BackendTraits, InterestsThatOnlySomeBackendsWatch) {
    Loop loop;
    Pair pair;
    for (const auto& [interest, is_watched] : {std::pair(Interest::priority, Traits::has_priority),
                                               {Interest::aio, Traits::has_aio},
                                               {Interest::lio, Traits::has_lio}}) {
        const auto added = loop.registry().add(pair.source, id1, Interest::readable | interest);
        if (is_watched) {
            EXPECT_TRUE(ok(added)) << to_string(interest);
            EXPECT_TRUE(ok(loop.registry().remove(pair.source)));
        } else {
            EXPECT_TRUE(fails_with(added, Errc::unsupported)) << to_string(interest);
        }
    }
}

TEST(BackendTraits, WakersHaveDescriptors) {
    Loop loop;
    // The first one may open what all of them share.
    const auto first = must(mio::Waker::create(loop.registry(), id1));
    const auto before = handle_count();
    std::vector<mio::Waker> wakers;
    for (std::size_t i = 0; i < 8; ++i) wakers.push_back(must(mio::Waker::create(loop.registry(), id2)));
    EXPECT_EQ(handle_count() - before, Traits::has_descriptors_for_wakers ? 8u : 0u);
}

TEST(BackendTraits, LastingErrorsAreReported) {
    if (!reports_refused_datagrams()) GTEST_SKIP() << "refused datagrams are not reported";
    const auto nowhere = plain::address_of(plain::datagram_socket()); // closed again
    auto socket = must(mio::net::UdpSocket::bind(local_v4()));
    ASSERT_TRUE(ok(socket.connect(nowhere)));
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(socket, id1, Interest::readable)));
    ASSERT_TRUE(ok(socket.send(bytes_of("x"))));
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, generous_margin)));
    ASSERT_EQ(loop.events.size(), 1u);
    EXPECT_TRUE(loop.events[0].is_readable());
    EXPECT_EQ(loop.events[0].is_error(), Traits::reports_lasting_errors) << describe(loop.events[0]);
}

TEST(BackendTraits, LocalShutdownOfWritingIsReported) {
    auto [client, server] = tcp_pair();
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(client, id1, read_write)));
    loop.expect({{id1, Interest::writable}});
    ASSERT_TRUE(ok(client.shutdown(Shutdown::write)));
    bool is_reported = false;
    do {
        ASSERT_TRUE(ok(loop.poll.poll(loop.events, 50ms)));
        for (const auto& event : loop.events) is_reported |= event.is_write_closed();
    } while (!loop.events.empty());
    EXPECT_EQ(is_reported, Traits::reports_local_shutdown_of_writing);
}

} // namespace
