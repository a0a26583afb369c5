// The snippets of docs/custom-sources.md do what the page says.

#include "custom-sources_snippets.cpp"

namespace {

using namespace std::chrono_literals;

using namespace docs::custom_sources;
using mio::Interest;
using test::must, test::ok, test::blocks, test::fails_with, test::Token;

/// Arguments that a snippet does not use.
struct Rest {
    mio::net::TcpStream stream = test::tcp_pair().client;
    mio::net::TcpListener listener = must(mio::net::TcpListener::bind(test::local_v4()));
};

} // namespace

TEST(CustomSources, SessionIsRegisteredAsItsSocket) {
    test::Loop loop;
    auto pair = test::plain_pair();
    Session session(std::move(pair.stream));
    must(loop.registry().add(session, Token{1}, Interest::readable));
    test::plain::write_all(pair.peer, "x");
    loop.expect({{Token{1}, Interest::readable}});
    must(loop.registry().modify(session, Token{2}, test::read_write));
    loop.expect({{Token{2}, Interest::writable}});
}

TEST(CustomSources, SessionEndsItsRegistration) {
    test::Loop loop;
    Rest rest;
    auto pair = test::plain_pair();
    EXPECT_EQ(an_object_that_contains_a_socket_2({loop.registry(), Token{1}, pair.stream, rest.listener, -1}),
              std::error_code());
    EXPECT_EQ(test::plain::read_exactly(pair.peer, 1), "") << "the session is still open";
    loop.expect_none();
}

TEST(CustomSources, RawSourceReadsADescriptorAndLeavesItOpen) {
    test::Loop loop;
    Rest rest;
    const auto [here, there] = test::plain::socket_pair();
    here.set_non_blocking();
    test::plain::write_all(there, "abc");
    EXPECT_EQ(
        a_handle_that_other_code_owns({loop.registry(), Token{1}, rest.stream, rest.listener, here.fd()}),
        std::error_code());
    char byte = 0;
    EXPECT_TRUE(blocks(test::plain::receive(here.fd(), &byte, 1))) << "not everything was read";
    test::plain::write_all(there, "d");
    EXPECT_EQ(must(test::plain::receive(here.fd(), &byte, 1)), 1U);
    EXPECT_TRUE(fails_with(loop.registry().remove(here.fd()), mio::Errc::not_registered));
}

TEST(CustomSources, HandleIsNotRegisteredAfterItsRemoval) {
    test::Loop loop;
    Rest rest;
    const auto [here, there] = test::plain::socket_pair();
    EXPECT_EQ(
        a_handle_that_other_code_owns_2({loop.registry(), Token{1}, rest.stream, rest.listener, here.fd()}),
        std::error_code());
    EXPECT_TRUE(fails_with(loop.registry().remove(here.fd()), mio::Errc::not_registered));
}

TEST(CustomSources, CounterAddsUp) {
    test::Loop loop;
    auto counter = must(Counter::create());
    must(loop.registry().add(counter, Token{1}, Interest::readable));
    EXPECT_TRUE(blocks(counter.take()));
    must(counter.add(2));
    must(counter.add(3));
    loop.expect({{Token{1}, Interest::readable}});
    EXPECT_EQ(must(counter.take()), 5U);
    EXPECT_TRUE(blocks(counter.take()));
    must(counter.add(7));
    loop.expect({{Token{1}, Interest::readable}});
    EXPECT_EQ(must(counter.take()), 7U);
}

TEST(CustomSources, BothFamiliesAreOneSource) {
    test::Loop loop;
    auto v4 = must(mio::net::TcpListener::bind(test::local_v4()));
    auto v6 = mio::net::TcpListener::bind(test::local_v6());
    if (!v6) GTEST_SKIP() << "no IPv6: " << v6.error().message();
    const auto address_v4 = must(v4.local_address());
    const auto address_v6 = must(v6->local_address());
    BothFamilies both(std::move(v4), std::move(*v6));
    must(loop.registry().add(both, Token{1}, Interest::readable));
    const auto client_v4 = test::plain::connect(address_v4);
    loop.expect({{Token{1}, Interest::readable}});
    const auto client_v6 = test::plain::connect(address_v6);
    loop.expect({{Token{1}, Interest::readable}});
    must(loop.registry().modify(both, Token{2}, Interest::readable, mio::Trigger::level));
    must(loop.poll.poll(loop.events, 1s));
    ASSERT_EQ(loop.events.size(), 2U); // both, by level, in one batch
    for (const auto& event : loop.events) EXPECT_EQ(event.token(), Token{2});
    must(loop.registry().remove(both));
    loop.expect_none();
}

TEST(CustomSources, BothFamiliesAreRefusedTogether) {
    test::Loop loop, other;
    auto v4 = must(mio::net::TcpListener::bind(test::local_v4()));
    auto second = must(mio::net::TcpListener::bind(test::local_v4()));
    const auto address = must(v4.local_address());
    must(other.registry().add(second, Token{1}, Interest::readable));
    BothFamilies both(std::move(v4), std::move(second));
    EXPECT_TRUE(
        fails_with(loop.registry().add(both, Token{1}, Interest::readable), mio::Errc::already_registered));
    const auto client = test::plain::connect(address);
    loop.expect_none();
}

TEST(CustomSources, InboxDeliversMessagesOfOtherThreads) {
    test::Loop loop;
    auto inbox = must(Inbox::create(loop.registry(), Token{1}));
    std::thread([&] {
        must(inbox.send("first"));
        must(inbox.send("second"));
    }).join();
    loop.expect({{Token{1}, Interest::readable}});
    EXPECT_EQ(inbox.take(), (std::vector<std::string>{"first", "second"}));
    EXPECT_TRUE(inbox.take().empty());
    loop.expect_none();
}

TEST(CustomSources, SourcesOfSeveralTypesAreAddedByOneLoop) {
    test::Loop loop;
    Rest rest;
    auto pair = test::plain_pair();
    EXPECT_EQ(sources_of_several_types({loop.registry(), Token{9}, pair.stream, rest.listener, -1}),
              std::error_code());
    test::plain::write_all(pair.peer, "x");
    const auto client = test::plain::connect(must(rest.listener.local_address()));
    loop.expect({{Token{0}, Interest::readable}, {Token{1}, Interest::readable}});
}
