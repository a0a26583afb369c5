module;

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>

module probe.bench.client;

import mio;
import probe.bench.workload;
import probe.failure;

namespace probe::bench {
namespace {

class Client {
  public:
    explicit Client(const mio::net::SocketAddress& server)
        : stream_(must(mio::net::TcpStream::connect(server), "connect")) {
        must(stream_.set_nodelay(true), "setsockopt");
        must(poll_.registry().add(stream_, mio::Token{0}, mio::Interest::readable | mio::Interest::writable),
             "Registry::add");
        while (!must(stream_.finish_connect(), "connect")) wait();
    }

    void exchange() {
        if (must(stream_.write(message_), "send") != message_.size()) {
            throw Refused{"send", {}, "a message did not fit into an empty connection"};
        }
        for (std::size_t received = 0; received < message_.size();) received += receive();
    }

  private:
    std::size_t receive() {
        while (true) {
            const auto count = stream_.read(message_);
            if (!count && mio::would_block(count.error())) {
                wait();
                continue;
            }
            const auto received = must(count, "recv");
            if (received == 0) throw Refused{"recv", {}, "the server closed the connection"};
            return received;
        }
    }

    void wait() {
        const auto polled = poll_.poll(events_);
        if (!polled && !mio::interrupted(polled.error())) must(polled, "Poll::poll");
    }

    mio::Poll poll_ = must(mio::Poll::create(), "Poll::create");
    mio::net::TcpStream stream_;
    mio::Events events_{8};
    std::array<std::byte, 64> message_{};
};

} // namespace

void exchange_with(const mio::net::SocketAddress& server, std::uint64_t operations,
                   Measurement& measurement) {
    Client client(server);
    for (int i = 0; i < 8; ++i) client.exchange(); // what is done once, is done
    const auto start = Clock::now();
    auto last = start;
    for (std::uint64_t i = 0; i < operations; ++i) {
        client.exchange();
        const auto now = Clock::now();
        measurement.latencies.record(now - last);
        last = now;
    }
    measurement.time = last - start;
}

} // namespace probe::bench
