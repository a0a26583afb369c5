// udp_echo [ADDRESS]: sends every datagram back to its sender. ADDRESS is 127.0.0.1:9000 by default; with
// port 0 the system chooses a port, and the first line of output contains it.
//
//     udp_echo & nc -u 127.0.0.1 9000
//
// Shows batches of datagrams: up to 64 are received with one system call and sent with another. On SIGINT or
// SIGTERM it prints statistics and exits.
//
// Not for the open internet: a sender's address is easily forged, and two such servers could be made to
// reply to each other endlessly.

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
constexpr std::size_t longest_datagram = 64 * 1024; // above the maximum, so none is truncated

/// The socket, a batch of received datagrams, and those of them without a reply yet.
class Echo {
  public:
    explicit Echo(net::UdpSocket bound) : socket(std::move(bound)), bytes_(batch_size * longest_datagram) {
        for (std::size_t i = 0; i < batch_size; ++i)
            incoming_[i].buffer = std::span(bytes_).subspan(i * longest_datagram, longest_datagram);
    }

    /// Sends the rest of the previous batch, then receives a batch and replies to it. Returns false if a call
    /// would block.
    bool go_on() {
        // Unsent datagrams wait for a writable event. Nothing is received until then: the kernel queues
        // datagrams up to its limit and drops the rest. This is back-pressure for datagrams.
        return send() && receive() && send();
    }

    net::UdpSocket socket;

    struct Counts {
        std::uint64_t received = 0, batches = 0, replies = 0, bytes = 0;
    };
    [[nodiscard]] const Counts& counts() const { return counts_; }

  private:
    /// Sends the replies; false if the call would block.
    bool send() {
        while (!unsent_.empty()) {
            const auto sent = socket.send_many(unsent_);
            if (sent) {
                for (const auto& datagram : unsent_.first(*sent)) counts_.bytes += datagram.bytes.size();
                counts_.replies += *sent;
                // The rest had no room, or the next datagram cannot be sent: the next call reports it.
                unsent_ = unsent_.subspan(*sent);
            } else if (mio::would_block(sent.error())) {
                return false;
            } else if (!mio::interrupted(sent.error())) {
                // No reply is possible: there is no route to its sender, or the port is 0.
                // Continue with the others.
                unsent_ = unsent_.subspan(1);
            }
        }
        return true;
    }

    /// Receives the next batch; false if the call would block.
    bool receive() {
        const auto received = socket.receive_many(incoming_);
        // Any other error concerns one datagram, such as an ICMP error for a sent one: continue.
        if (!received) return !mio::would_block(received.error());
        for (std::size_t i = 0; i < *received; ++i)
            outgoing_[i] = {incoming_[i].buffer.first(incoming_[i].size), incoming_[i].peer};
        unsent_ = std::span(outgoing_).first(*received);
        counts_.received += *received;
        ++counts_.batches;
        return true;
    }

    std::vector<std::byte> bytes_; // buffers of the two arrays below
    std::array<net::IncomingDatagram, batch_size> incoming_;
    std::array<net::OutgoingDatagram, batch_size> outgoing_;
    std::span<const net::OutgoingDatagram> unsent_; // a part of outgoing_
    Counts counts_;
};

/// Echoes until an event with the stop token.
mio::Result<> run(mio::Poll& poll, Echo& echo) {
    mio::Events events(16);
    bool more = false;
    while (true) {
        // With edge trigger, datagrams that are already pending cause no event. While there are more, poll
        // without blocking, to see other events: a flood of datagrams must not delay the stop request.
        const auto timeout = more ? std::optional<std::chrono::nanoseconds>(0ns) : std::nullopt;
        if (const auto polled = poll.poll(events, timeout); !polled && !mio::interrupted(polled.error()))
            return polled;
        for (const auto& event : events) {
            if (event.token() == stop_token) return {};
        }
        more = echo.go_on(); // trying is harmless, whatever the event was
    }
}

// As in tcp_echo: a wake-up is never lost, and a signal handler may call `wake`.
const mio::Waker* stop_waker = nullptr;

extern "C" void on_signal(int) {
    const int before = errno; // used by the interrupted code
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

    // The poll is created first and destroyed last, after its sources.
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
    std::cout << "listening on " << local->to_string()
              << std::endl; // flushed: another program may wait for it

    const auto ran = run(*poll, echo);

    // The waker is about to be destroyed.
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    if (!ran) return fail("cannot poll", ran.error());
    const auto& counts = echo.counts();
    std::cout << "received " << counts.received << " datagrams in " << counts.batches << " batches, answered "
              << counts.replies << " with " << counts.bytes << " bytes\n";
    return EXIT_SUCCESS;
}
