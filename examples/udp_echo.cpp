// udp_echo [ADDRESS]: sends every datagram back to where it came from. ADDRESS is 127.0.0.1:9000 unless given; with
// port 0 the system chooses one, and the first line of output tells which.
//
//     udp_echo & nc -u 127.0.0.1 9000
//
// Shows datagrams in batches: up to 64 of them are received with one system call and answered with another. At the end,
// on SIGINT or SIGTERM, it says how many there were.
//
// Not for the open internet: a sender's address is easily forged, and two of these, told that the other one asked,
// would answer each other for ever.

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <expected>
#include <iostream>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

import mio;

namespace net = mio::net;
using namespace std::chrono_literals;

namespace {

constexpr mio::Token socket_token{0};
constexpr mio::Token stop_token{1};

constexpr std::size_t batch_size = 64;
constexpr std::size_t longest_datagram = 64 * 1024; // more than any is, so none is ever cut

/// The socket, a batch of datagrams that were received, and those of them that are not answered yet.
class Echo {
  public:
    explicit Echo(net::UdpSocket bound) : socket(std::move(bound)), bytes_(batch_size * longest_datagram) {
        for (std::size_t i = 0; i < batch_size; ++i)
            incoming_[i].buffer = std::span(bytes_).subspan(i * longest_datagram, longest_datagram);
    }

    /// Receives a batch and answers it, after what is left of the one before. False if there is no more to do for now.
    bool go_on() {
        // What does not fit now waits for the writable event. Meanwhile nothing is received: the kernel keeps what comes
        // as far as it has room, and drops the rest. With datagrams that is all there is to back-pressure.
        return send() && receive() && send();
    }

    net::UdpSocket socket;

    struct Counts {
        std::uint64_t received = 0, batches = 0, answered = 0, bytes = 0;
    };
    [[nodiscard]] const Counts& counts() const { return counts_; }

  private:
    /// Answers what was received; false if the socket takes no more for now.
    bool send() {
        while (!unsent_.empty()) {
            const auto sent = socket.send_many(unsent_);
            if (sent) {
                for (const auto& datagram : unsent_.first(*sent)) counts_.bytes += datagram.bytes.size();
                counts_.answered += *sent;
                // What is left had no room, or is preceded by one that cannot be sent: the next call will tell.
                unsent_ = unsent_.subspan(*sent);
            } else if (mio::would_block(sent.error())) {
                return false;
            } else if (!mio::interrupted(sent.error())) {
                // This one cannot be answered: there is no way to its sender any more, or its port is 0. That says
                // nothing about the others.
                unsent_ = unsent_.subspan(1);
            }
        }
        return true;
    }

    /// Receives the next batch; false if there is none for now.
    bool receive() {
        const auto received = socket.receive_many(incoming_);
        // Any other error is about one datagram, like one that we sent and nobody took: go on.
        if (!received) return !mio::would_block(received.error());
        for (std::size_t i = 0; i < *received; ++i)
            outgoing_[i] = {incoming_[i].buffer.first(incoming_[i].size), incoming_[i].peer};
        unsent_ = std::span(outgoing_).first(*received);
        counts_.received += *received;
        ++counts_.batches;
        return true;
    }

    std::vector<std::byte> bytes_; // what the two arrays below point into
    std::array<net::IncomingDatagram, batch_size> incoming_;
    std::array<net::OutgoingDatagram, batch_size> outgoing_;
    std::span<const net::OutgoingDatagram> unsent_; // a part of outgoing_
    Counts counts_;
};

/// Echoes until the stop token is seen.
mio::Result<> run(mio::Poll& poll, Echo& echo) {
    mio::Events events(16);
    bool more = false;
    while (true) {
        // With edge trigger no event tells of datagrams that have been there before. So while there are more, this is
        // only a look at what else has happened, without waiting: like the wish to stop, which no flood may drown.
        const auto timeout = more ? std::optional<std::chrono::nanoseconds>(0ns) : std::nullopt;
        if (const auto polled = poll.poll(events, timeout); !polled && !mio::interrupted(polled.error()))
            return polled;
        for (const auto& event : events) {
            if (event.token() == stop_token) return {};
        }
        more = echo.go_on(); // trying is harmless, so it does not matter what the event was
    }
}

// As in tcp_echo: a wake is never lost, and a signal handler may make one.
const mio::Waker* stop_waker = nullptr;

extern "C" void on_signal(int) {
    const int before = errno; // belongs to the code that was interrupted
    [[maybe_unused]] const auto woken = stop_waker->wake();
    errno = before;
}

int fail(std::string_view what, const std::error_code& error) {
    std::cerr << "udp_echo: " << what << ": " << error.message() << '\n';
    return EXIT_FAILURE;
}

} // namespace

int main(int argc, char** argv) {
    const std::string_view name = argc > 1 ? argv[1] : "127.0.0.1:9000";
    const auto address = net::SocketAddress::parse(name);
    if (argc > 2 || !address) {
        std::cerr
            << "usage: udp_echo [ADDRESS]   (an address with a port, like 127.0.0.1:9000 or [::1]:9000)\n";
        return 2;
    }

    // The poll comes first, and so is destroyed last: it has to outlive its sources.
    auto poll = mio::Poll::create();
    if (!poll) return fail("cannot make a poll", poll.error());
    auto bound = net::UdpSocket::bind(*address);
    if (!bound) return fail(name, bound.error());
    Echo echo(std::move(*bound));
    auto added =
        poll->registry().add(echo.socket, socket_token, mio::Interest::readable | mio::Interest::writable);
    if (!added) return fail("cannot watch the socket", added.error());
    const auto stop = mio::Waker::create(poll->registry(), stop_token);
    if (!stop) return fail("cannot make a waker", stop.error());

    stop_waker = &*stop;
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);

    const auto local = echo.socket.local_address();
    if (!local) return fail(name, local.error());
    std::cout << "listening on " << local->to_string() << std::endl; // flushed: somebody may wait for it

    const auto ran = run(*poll, echo);

    // The waker is about to go.
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    if (!ran) return fail("cannot poll", ran.error());
    const auto& counts = echo.counts();
    std::cout << "received " << counts.received << " datagrams in " << counts.batches << " batches, answered "
              << counts.answered << " with " << counts.bytes << " bytes\n";
    return EXIT_SUCCESS;
}
