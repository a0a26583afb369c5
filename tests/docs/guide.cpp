// The snippets of docs/guide.md do what the page says.

#include "guide_snippets.cpp"

namespace {

using namespace docs;
using mio::Interest;
using test::must, test::ok, test::fails_with;
using Words = std::vector<std::string>;

// Only compiled: it connects to the host of a virtual machine.
[[maybe_unused]] constexpr auto not_run = &guide::sockets_of_other_families;

struct End {}; // of a loop that has none

// In a signal handler.
volatile std::sig_atomic_t signals_left = 0;
int connecting = -1;
::sockaddr_in connect_to{};
void connect_at_last_signal(int) {
    const int before = errno;
    signals_left = signals_left - 1;
    if (signals_left == 0)
        ::connect(connecting, reinterpret_cast<const ::sockaddr*>(&connect_to), sizeof connect_to);
    errno = before;
}

} // namespace

TEST(Guide, LoopGoesOnAfterSignalsAndReportsEvents) {
    Assumed page;
    page.reader = [&](std::string_view text) {
        page.reached.emplace_back(text);
        throw End{};
    };
    const auto client = must(mio::net::TcpSocket::v4());
    connecting = client.raw();
    connect_to.sin_family = AF_INET;
    connect_to.sin_port = htons(must(page.listener.local_address()).port());
    connect_to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    signals_left = 5;
    struct ::sigaction action{}, before{};
    action.sa_handler = connect_at_last_signal;
    ::sigaction(SIGALRM, &action, &before);
    const ::itimerval interval{.it_interval = {.tv_sec = 0, .tv_usec = 20'000},
                               .it_value = {.tv_sec = 0, .tv_usec = 20'000}};
    ::setitimer(ITIMER_REAL, &interval, nullptr);
    EXPECT_THROW(static_cast<void>(guide::the_loop(page)), End);
    const ::itimerval none{};
    ::setitimer(ITIMER_REAL, &none, nullptr);
    ::sigaction(SIGALRM, &before, nullptr);
    EXPECT_EQ(page.reached, Words{"event.token() identifies the source"});
    EXPECT_LE(signals_left, 0);
    EXPECT_TRUE(ok(page.listener.accept()));
}

TEST(Guide, ConnectingSucceeds) {
    Assumed page;
    page.address = must(page.listener.local_address());
    page.wait_at("at the event", Interest::writable);
    EXPECT_EQ(guide::connecting(page), std::error_code());
    EXPECT_EQ(page.reached, Words{"connected"});
}

TEST(Guide, ConnectingIsRefusedAtOnceOrAtTheEvent) {
    Assumed page;
    const auto port = test::refusing_port();
    page.address = port.address;
    page.wait_at("at the event", Interest::writable);
    try {
        EXPECT_EQ(guide::connecting(page), std::error_code());
        EXPECT_EQ(page.reached, Words{"failed: connected.error()"});
    } catch (const std::bad_expected_access<std::error_code>& failure) {
        EXPECT_EQ(failure.error(), std::errc::connection_refused);
    }
}

TEST(Guide, ConnectingGoesOnAfterASpuriousEvent) {
    Assumed page;
    const auto full = test::full_listener();
    page.address = full.address;
    EXPECT_EQ(guide::connecting(page), std::error_code());
    EXPECT_EQ(page.reached, (Words{"at the event", "spurious event: wait for the next one"}));
}

TEST(Guide, AddressesAreUnmappedFirst) {
    const auto is_allowed = [](const char* address) {
        Assumed page;
        page.address = {must(mio::net::IpAddress::parse(address)), 80};
        EXPECT_EQ(guide::addresses(page), std::error_code());
        return page.reached == Words{"…"};
    };
    EXPECT_TRUE(is_allowed("192.0.2.7"));
    EXPECT_TRUE(is_allowed("::ffff:192.0.2.7"));
    EXPECT_TRUE(is_allowed("127.1.2.3"));
    EXPECT_TRUE(is_allowed("::1"));
    EXPECT_FALSE(is_allowed("192.0.3.7"));
    EXPECT_FALSE(is_allowed("::ffff:192.0.3.7"));
}

TEST(Guide, RepliesFromTheAddressThatWasAskedAndSeesCongestion) {
    for (const auto ecn : {mio::net::Ecn::ect_1, mio::net::Ecn::ce}) {
        Assumed page;
        page.socket = must(mio::net::UdpSocket::bind({mio::net::IpAddress::any_v4(), 0}));
        const mio::net::SocketAddress asked(must(mio::net::IpAddress::parse("127.0.0.2")),
                                            must(page.socket.local_address()).port());
        const auto peer = must(mio::net::UdpSocket::bind(test::local_v4()));
        must(peer.set_receive_info(mio::net::DatagramInfo::tos));
        std::array<std::byte, 16> buffer{};
        page.reader = [&](std::string_view text) {
            if (text != "after receive_many") return page.reached.emplace_back(text), void();
            const mio::net::OutgoingDatagram question{
                .bytes = test::bytes_of("question"), .peer = asked, .tos = ecn};
            ASSERT_EQ(must(peer.send_many(std::span(&question, 1))), 1U);
            page.datagram.buffer = buffer;
            test::plain::await(page.socket.raw(), POLLIN);
            ASSERT_EQ(must(page.socket.receive_many(std::span(&page.datagram, 1))), 1U);
        };
        page.bytes = test::bytes_of("reply");
        EXPECT_EQ(guide::properties_of_a_datagram(page), std::error_code());
        EXPECT_EQ(page.reached, ecn == mio::net::Ecn::ce ? Words{"congestion: slow down"} : Words{});

        std::array<std::byte, 16> received{};
        mio::net::IncomingDatagram reply{.buffer = received};
        test::plain::await(peer.raw(), POLLIN);
        ASSERT_EQ(must(peer.receive_many(std::span(&reply, 1))), 1U);
        EXPECT_EQ(test::text_of(std::span(received).first(reply.size)), "reply");
        EXPECT_EQ(reply.peer, asked);
        EXPECT_EQ(reply.tos, mio::net::Tos(mio::net::Ecn::ect_0));
    }
}

TEST(Guide, ErrorQueueHasWhatIsTooLongForThePath) {
    Assumed page;
    auto socket = mio::net::UdpSocket::bind(test::local_v6());
    if (!socket) GTEST_SKIP() << "no IPv6: " << socket.error().message();
    page.socket = std::move(*socket);
    const auto receiver = must(mio::net::UdpSocket::bind(test::local_v6()));
    must(page.socket.set_receive_errors(true));
    must(test::plain::set_option(page.socket.raw(), IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO));
    must(page.loop.registry().add(page.socket, page.token, Interest::readable));
    const std::string too_long(65'527, 'x');
    ASSERT_TRUE(fails_with(page.socket.send_to(test::bytes_of(too_long), must(receiver.local_address())),
                           std::errc::message_size));
    must(page.loop.poll.poll(page.loop.events, 1s));
    ASSERT_FALSE(page.loop.events.empty());
    page.event = *page.loop.events.begin();
    if (!page.event.is_error()) GTEST_SKIP() << "a test double";
    EXPECT_EQ(guide::the_error_queue(page), std::error_code());
    EXPECT_EQ(page.reached, Words{"the path to entry->destination has entry->mtu"});
    EXPECT_TRUE(test::blocks(page.socket.receive_error()));
}

TEST(Guide, SignalsAreReportedAndNoHandlerRuns) {
    Assumed page;
    std::vector<mio::Signal> seen;
    page.shut_down = [&](mio::Signal signal) { seen.push_back(signal); };
    page.reader = [&](std::string_view text) {
        ASSERT_EQ(text, "after its event");
        ::kill(::getpid(), SIGTERM);
        page.loop.expect({{page.token, Interest::readable}});
    };
    EXPECT_EQ(guide::signals_and_child_processes(page), std::error_code());
    EXPECT_EQ(seen, std::vector{mio::Signal::terminate});
}

TEST(Guide, EndOfAChildIsReportedAndReaped) {
    Assumed page;
    page.pid = ::fork();
    if (page.pid == 0) ::_exit(3);
    page.wait_at("after its event", Interest::readable);
    EXPECT_EQ(guide::signals_and_child_processes_2(page), std::error_code());
    EXPECT_EQ(::waitpid(static_cast<::pid_t>(page.pid), nullptr, 0), -1);
    EXPECT_EQ(errno, ECHILD) << "a zombie remains";
}

TEST(Guide, RawSourceTriesAnOperation) {
    Assumed page;
    const auto [here, there] = test::plain::socket_pair();
    here.set_non_blocking();
    test::plain::write_all(there, "abc");
    page.fd = here.fd();
    std::string got;
    page.read_some = [&](int fd) {
        char buffer[16];
        auto count = test::plain::receive(fd, buffer, sizeof buffer);
        if (count) got.assign(buffer, *count);
        return count;
    };
    EXPECT_EQ(guide::your_own_handles(page), std::error_code());
    EXPECT_EQ(got, "abc");
    EXPECT_TRUE(fails_with(page.registry.remove(page.fd), mio::Errc::not_registered));
}

TEST(Guide, HandleOfAnotherLibraryIsReportedByLevel) {
    Assumed page;
    const auto [here, there] = test::plain::socket_pair();
    page.fd = here.fd();
    EXPECT_EQ(guide::your_own_handles_2(page), std::error_code());
    test::plain::write_all(there, "a");
    page.loop.expect({{page.token, Interest::readable}});
    page.loop.expect({{page.token, Interest::readable}});
    EXPECT_TRUE(ok(page.registry.remove(page.fd)));
}

TEST(Guide, ErrorsCompareWithStandardOnes) {
    const auto reached_with = [](mio::Result<std::size_t> result) {
        Assumed page;
        page.result = std::move(result);
        EXPECT_EQ(guide::errors(page), std::error_code());
        return page.reached;
    };
    const auto port = test::refusing_port();
    const auto refused = test::refused_stream(port);
    EXPECT_EQ(reached_with(std::unexpected(refused.finish_connect().error())),
              Words{"nothing listens there"});
    const auto socket = must(mio::net::UdpSocket::bind(test::local_v4()));
    std::array<std::byte, 1> byte{};
    EXPECT_EQ(reached_with(std::unexpected(socket.receive(byte).error())), Words{"wait for the next event"});
    EXPECT_EQ(reached_with(1), Words{});
}
