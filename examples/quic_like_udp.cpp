// quic_like_udp [ADDRESS]: a UDP server structured like a QUIC endpoint. ADDRESS is 127.0.0.1:9000 by default;
// with port 0 the system chooses a port, and the first line of output contains it. [::]:9000 serves IPv4 and
// IPv6 at every address of the machine.
//
// A request is a datagram that begins with an identifier of 8 bytes and the number of packets wanted, 4 bytes.
// The reply consists of packets of 1,200 bytes: the identifier, the packet's number, and how many datagrams
// the server has received with the ECN marks ECT(0), ECT(1) and CE, 4 bytes each. All numbers are big-endian.
// As in QUIC, the reply has at most three times the bytes of the request, so that a forged sender's address
// does not multiply an attack: a request for more than one packet is padded.
//
// Shows batches, receive and segmentation offload, ECN, replies from the address that the request was sent to, and the
// error queue. Where the system lacks one of them, the server does without. On SIGINT or SIGTERM it prints
// statistics and exits.

#include <algorithm>
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
using net::DatagramInfo;

namespace {

constexpr mio::Token socket_token{0};
constexpr mio::Token stop_token{1};

constexpr std::size_t batch_size = 64;
constexpr std::size_t longest_datagram = 64 * 1024; // coalesced datagrams have no more either
constexpr std::size_t request_size = 12;
constexpr std::size_t amplification_limit = 3;

using Packet = std::array<std::byte, 1'200>; // fits every path that QUIC works on

std::uint32_t read_number(std::span<const std::byte, 4> bytes) {
    std::uint32_t number = 0;
    for (const auto byte : bytes) number = number << 8 | std::to_integer<std::uint32_t>(byte);
    return number;
}

void write_number(std::span<std::byte, 4> bytes, std::uint32_t number) {
    for (std::size_t i = 4; i-- > 0; number >>= 8) bytes[i] = static_cast<std::byte>(number & 0xff);
}

/// Whether the system has a feature; any other error is one.
mio::Result<bool> is_supported(const mio::Result<>& enabled) {
    if (enabled) return true;
    if (enabled.error() == mio::Errc::unsupported) return false;
    return std::unexpected(enabled.error());
}

/// The socket, a batch of received datagrams, and the replies that have not been sent.
class Server {
  public:
    explicit Server(net::UdpSocket bound) : socket(std::move(bound)), bytes_(batch_size * longest_datagram) {
        for (std::size_t i = 0; i < batch_size; ++i)
            incoming_[i].buffer = std::span(bytes_).subspan(i * longest_datagram, longest_datagram);
    }

    /// Turns on what the system has.
    mio::Result<> set_up() {
        const auto supported = socket.supported_info();
        if (!supported) return std::unexpected(supported.error());
        const auto info = *supported & (DatagramInfo::local_ip | DatagramInfo::tos);
        if (info != DatagramInfo::none) {
            if (auto set = socket.set_receive_info(info); !set) return set;
        }
        // A system that does not report the mark cannot send it either.
        marks_ = (info & DatagramInfo::tos) != DatagramInfo::none;
        const auto offloads = is_supported(socket.set_receive_offload(true));
        if (!offloads) return std::unexpected(offloads.error());
        offloads_ = *offloads;
        const auto queues = is_supported(socket.set_receive_errors(true));
        if (!queues) return std::unexpected(queues.error());
        return {};
    }

    /// Sends the rest of the replies, then receives a batch and replies to it. Returns false if a call would
    /// block.
    bool go_on() { return send() && receive() && send(); }

    /// Takes the errors that the error queue holds. QUIC would close a path, or lower its MTU.
    void take_errors() {
        while (socket.receive_error()) ++counts_.errors;
    }

    net::UdpSocket socket;

    struct Counts {
        std::uint64_t received = 0, buffers = 0, requests = 0, packets = 0, datagrams = 0, errors = 0;
    };
    [[nodiscard]] const Counts& counts() const { return counts_; }

  private:
    /// A reply of one or more packets, to be sent as one datagram with segmentation offload.
    struct Reply {
        std::size_t first_packet, packet_count;
        const net::IncomingDatagram* request;
    };

    /// Receives the next batch and prepares its replies; false if the call would block.
    bool receive() {
        const auto received = socket.receive_many(incoming_);
        // Any other error is one of an earlier reply, which the error queue has in detail: continue.
        if (!received) return !mio::would_block(received.error());
        replies_.clear();
        packets_.clear();
        outgoing_.clear();
        for (const auto& datagram : std::span(incoming_).first(*received)) {
            ++counts_.buffers;
            // With receive offload, a buffer holds several datagrams of one sender and with one mark.
            auto rest = datagram.buffer.first(datagram.size);
            const std::size_t size = datagram.segment_size != 0 ? datagram.segment_size : rest.size();
            do {
                const auto bytes = rest.first(std::min(size, rest.size()));
                rest = rest.subspan(bytes.size());
                ++counts_.received;
                if (datagram.tos) ++marks_received_[static_cast<std::size_t>(datagram.tos->ecn())];
                if (!datagram.truncated) handle(bytes, datagram);
            } while (!rest.empty());
        }
        for (const auto& reply : replies_) prepare(reply);
        unsent_ = outgoing_;
        return true;
    }

    void handle(std::span<const std::byte> bytes, const net::IncomingDatagram& datagram) {
        if (bytes.size() < request_size) return;
        const auto id = bytes.first<8>();
        const auto wanted = read_number(bytes.subspan<8, 4>());
        const auto most = amplification_limit * bytes.size() / sizeof(Packet);
        const auto count = std::min<std::size_t>(wanted, most);
        if (count == 0) return;
        ++counts_.requests;
        replies_.push_back({packets_.size(), count, &datagram});
        for (std::size_t i = 0; i < count; ++i) {
            auto& packet = packets_.emplace_back();
            const auto place = std::span(packet);
            std::ranges::copy(id, place.begin());
            write_number(place.subspan<8, 4>(), static_cast<std::uint32_t>(i));
            write_number(place.subspan<12, 4>(), received_with(net::Ecn::ect_0));
            write_number(place.subspan<16, 4>(), received_with(net::Ecn::ect_1));
            write_number(place.subspan<20, 4>(), received_with(net::Ecn::ce));
        }
    }

    [[nodiscard]] std::uint32_t received_with(net::Ecn mark) const {
        return marks_received_[static_cast<std::size_t>(mark)];
    }

    /// Appends the datagrams of a reply.
    void prepare(const Reply& reply) {
        const auto packets =
            std::as_bytes(std::span(packets_))
                .subspan(reply.first_packet * sizeof(Packet), reply.packet_count * sizeof(Packet));
        const std::size_t step = offloads_ ? packets.size() : sizeof(Packet);
        for (std::size_t at = 0; at < packets.size(); at += step) {
            net::OutgoingDatagram datagram{.bytes = packets.subspan(at, step), .peer = reply.request->peer};
            // The client accepts a reply only from the address that it asked. A multicast address is no source.
            const auto& asked = reply.request->local_ip;
            if (asked && !asked->is_multicast()) datagram.source = asked;
            if (marks_) datagram.tos = net::Ecn::ect_0;
            if (offloads_ && reply.packet_count > 1) datagram.segment_size = sizeof(Packet);
            outgoing_.push_back(datagram);
        }
    }

    /// Sends the replies; false if the call would block.
    bool send() {
        bool is_retry = false;
        while (!unsent_.empty()) {
            const auto sent = socket.send_many(unsent_);
            if (sent) {
                for (const auto& datagram : unsent_.first(*sent))
                    counts_.packets += datagram.bytes.size() / sizeof(Packet);
                counts_.datagrams += *sent;
                unsent_ = unsent_.subspan(*sent);
                is_retry = false;
            } else if (mio::would_block(sent.error())) {
                return false;
            } else if (!mio::interrupted(sent.error())) {
                // The error of an earlier datagram, reported once; or this one cannot be sent.
                if (is_retry) unsent_ = unsent_.subspan(1);
                is_retry = !is_retry;
            }
        }
        return true;
    }

    std::vector<std::byte> bytes_; // buffers of `incoming_`
    std::array<net::IncomingDatagram, batch_size> incoming_;
    std::vector<Packet> packets_;
    std::vector<Reply> replies_;                    // in terms of `packets_` and `incoming_`
    std::vector<net::OutgoingDatagram> outgoing_;   // refers to `packets_`
    std::span<const net::OutgoingDatagram> unsent_; // a part of `outgoing_`
    std::array<std::uint32_t, 4> marks_received_{}; // by codepoint
    bool marks_ = false;
    bool offloads_ = false;
    Counts counts_;
};

/// Serves until an event with the stop token.
mio::Result<> run(mio::Poll& poll, Server& server) {
    mio::Events events(16);
    bool more = false;
    while (true) {
        // As in udp_echo: while there is more, poll without blocking, to see the stop request.
        const auto timeout = more ? std::optional<std::chrono::nanoseconds>(0ns) : std::nullopt;
        if (const auto polled = poll.poll(events, timeout); !polled && !mio::interrupted(polled.error()))
            return polled;
        for (const auto& event : events) {
            if (event.token() == stop_token) return {};
            if (event.is_error()) server.take_errors();
        }
        more = server.go_on();
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
    std::cerr << "quic_like_udp: " << what << ": " << error.message() << '\n';
    return EXIT_FAILURE;
}

} // namespace

int main(int argc, char** argv) {
    const std::string_view name = argc > 1 ? argv[1] : "127.0.0.1:9000";
    const auto address = net::SocketAddress::parse(name);
    if (argc > 2 || !address) {
        std::cerr << "usage: quic_like_udp [ADDRESS]   (an address with a port, like 127.0.0.1:9000 or "
                     "[::]:9000)\n";
        return 2;
    }

    // The poll is created first and destroyed last, after its sources.
    auto poll = mio::Poll::create();
    if (!poll) return fail("cannot make a poll", poll.error());
    auto bound = net::UdpSocket::bind(*address);
    if (!bound) return fail(name, bound.error());
    Server server(std::move(*bound));
    if (const auto ready = server.set_up(); !ready) return fail("cannot set up the socket", ready.error());
    auto added =
        poll->registry().add(server.socket, socket_token, mio::Interest::readable | mio::Interest::writable);
    if (!added) return fail("cannot watch the socket", added.error());
    const auto stop = mio::Waker::create(poll->registry(), stop_token);
    if (!stop) return fail("cannot make a waker", stop.error());

    stop_waker = &*stop;
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);

    const auto local = server.socket.local_address();
    if (!local) return fail(name, local.error());
    std::cout << "listening on " << local->to_string()
              << std::endl; // flushed: another program may wait for it

    const auto ran = run(*poll, server);

    // The waker is about to be destroyed.
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    if (!ran) return fail("cannot poll", ran.error());
    const auto& counts = server.counts();
    std::cout << "received " << counts.received << " datagrams in " << counts.buffers << " buffers, served "
              << counts.requests << " requests with " << counts.packets << " packets in " << counts.datagrams
              << " datagrams, took " << counts.errors << " errors\n";
    return EXIT_SUCCESS;
}
