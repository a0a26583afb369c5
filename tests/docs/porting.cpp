// The snippets of docs/porting.md do what the page says.

#include "porting_snippets.cpp"

#include "client.hpp"

namespace {

using namespace docs;
using test::must, test::ok;

} // namespace

TEST(PortingFromMio, AcceptsAllClients) {
    test::Loop loop;
    // Reserves a port: another socket can be bound to it, and listen.
    const auto holder = must(mio::net::TcpSocket::v4());
    must(holder.set_reuse_address(true));
    must(holder.bind(test::local_v4()));
    const auto address = must(holder.local_address());
    Clients clients;
    bool running = true;
    std::vector<mio::net::TcpStream> peers;
    std::thread connecting([&] {
        for (int i = 0; i < 3; ++i) peers.push_back(connected_to(address));
    });
    EXPECT_THROW(porting::from_mio({loop.poll,
                                    loop.registry(),
                                    loop.events,
                                    test::Token{1},
                                    address,
                                    clients,
                                    -1,
                                    running,
                                    {},
                                    {},
                                    {}}),
                 Clients::Full);
    connecting.join();
    ASSERT_EQ(clients.streams.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i)
        EXPECT_EQ(must(clients.streams[i].peer_address()), must(peers[i].local_address()));
}

TEST(PortingFromAsio, CoroutinesEchoUntilTheServerIsCancelled) {
    auto loop = must(mio::async::Loop::create());
    must(mio::async::run(loop, []() -> mio::async::Task<> {
        auto listener = must(mio::async::TcpListener::bind(test::local_v4()));
        const auto address = must(listener.local_address());
        std::vector<mio::async::TcpStream> clients;
        const auto use = [&]() -> mio::async::Task<> {
            for (int i = 0; i < 3; ++i)
                clients.push_back(must(co_await mio::async::TcpStream::connect(address)));
            EXPECT_EQ(co_await echo_of(clients[2], "third"), "third");
            EXPECT_EQ(co_await echo_of(clients[0], "first"), "first");
            EXPECT_EQ(co_await echo_of(clients[2], "again"), "again");
            // A client that has sent everything is disconnected.
            must(clients[2].shutdown(mio::net::Shutdown::write));
            EXPECT_TRUE(co_await at_end(clients[2]));
        };
        const auto [first, results] = co_await mio::async::when_any(porting::serve(listener), use());
        EXPECT_EQ(first, 1U) << "serve ended before it was cancelled";
        // The others end with `serve`.
        EXPECT_TRUE(co_await at_end(clients[0]));
        EXPECT_TRUE(co_await at_end(clients[1]));
    }()));
}

TEST(PortingFromAsio, SessionEchoesWithBackPressureUntilTheEnd) {
    test::Loop loop;
    auto [peer, server] = test::tcp_pair();
    for (const auto handle : {peer.raw(), server.raw()}) {
        must(test::plain::set_option(handle, SOL_SOCKET, SO_SNDBUF, 64 * 1024));
        must(test::plain::set_option(handle, SOL_SOCKET, SO_RCVBUF, 128 * 1024));
    }
    porting::Session session(std::move(server));
    must(loop.registry().add(session, test::Token{1}, test::read_write));
    bool is_over = false;
    const auto turn = [&] { // returns whether there were events
        must(loop.poll.poll(loop.events, 50ms));
        if (loop.events.empty()) return false;
        is_over = !session.advance();
        return true;
    };
    const auto data = test::pattern(2'000'000);
    auto unsent = test::bytes_of(data);
    const auto send = [&] {
        const auto count = peer.write(unsent);
        if (count) unsent = unsent.subspan(*count);
        return count && *count > 0;
    };

    // The session reads nothing while the peer does not take what was written.
    while ((!unsent.empty() && send()) || turn());
    EXPECT_GT(unsent.size(), data.size() / 2);
    EXPECT_FALSE(is_over);

    // All of it returns when the peer reads.
    std::string received;
    const auto end = std::chrono::steady_clock::now() + test::generous_margin;
    while (received.size() < data.size() && std::chrono::steady_clock::now() < end) {
        received += test::drain(peer);
        if (!unsent.empty()) send();
        turn();
    }
    EXPECT_TRUE(received == data);
    EXPECT_FALSE(is_over);

    // The peer's end ends the session.
    must(peer.shutdown(mio::net::Shutdown::write));
    while (!is_over && turn());
    EXPECT_TRUE(is_over);
}

TEST(PortingFromLibuv, HandlesADescriptorByLevelAndWakeUps) {
    test::Loop loop;
    const auto [here, there] = test::plain::socket_pair();
    test::plain::write_all(there, "abc");
    Clients clients;
    bool running = true;
    std::string received;
    std::promise<void> all_received;
    std::thread worker;
    int drained = 0;
    const auto receive = [&](int fd) { // one byte at an event, so that the next poll reports the rest
        char byte = 0;
        must(test::plain::receive(fd, &byte, 1));
        received += byte;
        if (received.size() == 3) all_received.set_value();
    };
    const auto start_worker = [&](mio::Waker& waker) {
        worker = std::thread([&] {
            all_received.get_future().wait();
            must(waker.wake());
        });
    };
    const auto drain_queue = [&] {
        ++drained;
        worker.join(); // before the snippet destroys the waker
        running = false;
    };
    EXPECT_EQ(porting::from_libuv({loop.poll,
                                   loop.registry(),
                                   loop.events,
                                   test::Token{9},
                                   {},
                                   clients,
                                   here.fd(),
                                   running,
                                   receive,
                                   drain_queue,
                                   start_worker}),
              std::error_code());
    EXPECT_EQ(received, "abc");
    EXPECT_EQ(drained, 1);
    EXPECT_TRUE(ok(loop.registry().remove(here.fd())));
}
