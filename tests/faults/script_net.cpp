// TCP, UDP and names.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <sys/socket.h>

#include "script.hpp"

namespace faults {
namespace {

using namespace mio::net;

constexpr Token listening{1}, client_token{2}, server_token{3};
constexpr Interest both = Interest::readable | Interest::writable;

SocketAddress any_port() { return {IpAddress::loopback_v4(), 0}; }

struct Connection {
    TcpStream client, server;
};

Connection connection(Loop& loop) {
    auto listener = attempt("TcpListener::bind", [] { return TcpListener::bind(any_port()); });
    const auto address = attempt("local_address", [&] { return listener.local_address(); });
    attempt("add listener", [&] { return loop.registry().add(listener, listening, Interest::readable); });
    auto socket = attempt("TcpSocket::v4", [] { return TcpSocket::v4(); });
    attempt("set_nodelay", [&] { return socket.set_nodelay(true); });
    attempt("set_linger", [&] { return socket.set_linger(0s); });
    attempt("bind", [&] { return socket.bind(any_port()); });
    auto client = attempt("connect", [&] { return std::move(socket).connect(address); });
    attempt("add client", [&] { return loop.registry().add(client, client_token, both); });
    for (int i = 0; !loop.eventually("finish_connect", [&] { return client.finish_connect(); }); ++i) {
        check(i < most_attempts || has_fired(), "finish_connect");
        if (i == most_attempts) throw Abandoned{};
        loop.wait();
    }
    auto [server, peer] = loop.eventually("accept", [&] { return listener.accept(); });
    attempt("add server", [&] { return loop.registry().add(server, server_token, both); });
    attempt("remove listener", [&] { return loop.registry().remove(listener); });
    return {std::move(client), std::move(server)};
}

void tcp_streams() {
    Loop loop;
    auto [client, server] = connection(loop);
    std::array<std::byte, 64> buffer{};
    loop.eventually("write", [&] { return client.write(bytes_of("hello")); });
    loop.expect(server_token, "data");
    check(loop.eventually("peek", [&] { return server.peek(buffer); }) == 5, "peek");
    check(loop.eventually("read", [&] { return server.read(buffer); }) == 5, "read");
    check(text_of(std::span(buffer).first(5)) == "hello", "data");

    const std::array<IoSlice, 2> slices{bytes_of("wor"), bytes_of("ld")};
    loop.eventually("write_vectored", [&] { return server.write_vectored(slices); });
    const std::array<IoSliceMut, 2> rooms{std::span(buffer).first(2), std::span(buffer).subspan(2)};
    check(loop.eventually("read_vectored", [&] { return client.read_vectored(rooms); }) == 5,
          "read_vectored");
    check(text_of(std::span(buffer).first(5)) == "world", "vectored data");

    attempt("modify", [&] { return loop.registry().modify(client, client_token, both, Trigger::oneshot); });
    loop.expect(client_token, "oneshot");
    attempt("renew", [&] { return loop.registry().renew(client); });
    loop.expect(client_token, "renewed");
    attempt("shutdown", [&] { return server.shutdown(Shutdown::write); });
    check(loop.eventually("read", [&] { return client.read(buffer); }) == 0, "end of the stream");
    check(!attempt("take_error", [&] { return client.take_error(); }), "no error");
    attempt("remove", [&] { return loop.registry().remove(client); });
}

void tcp_options() {
    auto socket = attempt("TcpSocket::v4", [] { return TcpSocket::v4(); });
    attempt("set_reuse_address", [&] { return socket.set_reuse_address(true); });
    attempt("set_reuse_port", [&] { return socket.set_reuse_port(true); });
    attempt("set_keepalive", [&] { return socket.set_keepalive(true); });
    attempt("set_keepalive_idle", [&] { return socket.set_keepalive_idle(5s); });
    attempt("set_receive_buffer", [&] { return socket.set_receive_buffer(65536); });
    attempt("set_ttl", [&] { return socket.set_ttl(7); });
    check(attempt("ttl", [&] { return socket.ttl(); }) == 7, "ttl");
    check(attempt("nodelay", [&] { return socket.nodelay(); }) == false, "nodelay");
    attempt("linger", [&] { return socket.linger(); });
    attempt("device", [&] { return socket.device(); });
    attempt("bind", [&] { return socket.bind(any_port()); });
    auto listener = attempt("listen", [&] { return std::move(socket).listen(5); });
    const auto address = attempt("local_address", [&] { return listener.local_address(); });
    auto client = attempt("connect", [&] { return TcpStream::connect(address); });
    for (int i = 0; !attempt("finish_connect", [&] { return client.finish_connect(); }); ++i) {
        check(i < most_attempts || has_fired(), "finish_connect");
        if (i == most_attempts) throw Abandoned{};
    }
    check(attempt("peer_address", [&] { return client.peer_address(); }) == address, "peer_address");
}

void udp_single() {
    Loop loop;
    auto a = attempt("UdpSocket::bind", [] { return UdpSocket::bind(any_port()); });
    auto b = attempt("UdpSocket::bind", [] { return UdpSocket::bind(any_port()); });
    const auto to = attempt("local_address", [&] { return b.local_address(); });
    attempt("add", [&] { return loop.registry().add(b, server_token, both); });
    attempt("set_broadcast", [&] { return a.set_broadcast(true); });
    std::array<std::byte, 64> buffer{};
    loop.eventually("send_to", [&] { return a.send_to(bytes_of("one"), to); });
    loop.expect(server_token, "datagram");
    check(loop.eventually("peek_from", [&] { return b.peek_from(buffer); }).first == 3, "peek_from");
    check(loop.eventually("receive_from", [&] { return b.receive_from(buffer); }).first == 3, "receive_from");
    attempt("connect", [&] { return a.connect(to); });
    loop.eventually("send", [&] { return a.send(bytes_of("second")); });
    check(loop.eventually("receive", [&] { return b.receive(buffer); }) == 6, "receive");
    check(text_of(std::span(buffer).first(6)) == "second", "data");
}

void udp_many() {
    Loop loop;
    auto a = attempt("UdpSocket::bind", [] { return UdpSocket::bind(any_port()); });
    auto b = attempt("UdpSocket::bind", [] { return UdpSocket::bind(any_port()); });
    const auto to = attempt("local_address", [&] { return b.local_address(); });
    attempt("add", [&] { return loop.registry().add(b, server_token, both); });
    attempt("set_receive_info",
            [&] { return b.set_receive_info(DatagramInfo::ttl | DatagramInfo::local_ip); });
    check(attempt("receive_info", [&] { return b.receive_info(); })
              == (DatagramInfo::ttl | DatagramInfo::local_ip),
          "receive_info");
    attempt("supported_info", [&] { return b.supported_info(); });
    const std::array<OutgoingDatagram, 3> out{
        OutgoingDatagram{.bytes = bytes_of("a"), .peer = to},
        OutgoingDatagram{.bytes = bytes_of("bb"), .peer = to, .ttl = std::uint8_t{9}},
        OutgoingDatagram{.bytes = bytes_of("ccc"), .peer = to, .source = IpAddress::loopback_v4()}};
    for (std::size_t sent = 0; sent < out.size();)
        sent += loop.eventually("send_many", [&] { return a.send_many(std::span(out).subspan(sent)); });
    std::array<std::array<std::byte, 16>, 3> rooms{};
    std::array<IncomingDatagram, 3> in{IncomingDatagram{.buffer = rooms[0]},
                                       IncomingDatagram{.buffer = rooms[1]},
                                       IncomingDatagram{.buffer = rooms[2]}};
    for (std::size_t received = 0; received < in.size();)
        received +=
            loop.eventually("receive_many", [&] { return b.receive_many(std::span(in).subspan(received)); });
    check(in[2].size == 3 && in[1].ttl == std::uint8_t{9}, "datagrams");
}

// The port of a socket that was closed.
SocketAddress closed_port() {
    const auto socket = attempt("UdpSocket::bind", [] { return UdpSocket::bind(any_port()); });
    return attempt("local_address", [&] { return socket.local_address(); });
}

void udp_errors() {
    Loop loop;
    const auto to = closed_port();
    auto socket = attempt("UdpSocket::bind", [] { return UdpSocket::bind(any_port()); });
    attempt("set_receive_errors", [&] { return socket.set_receive_errors(true); });
    attempt("add", [&] { return loop.registry().add(socket, server_token, both); });
    loop.eventually("send_to", [&] { return socket.send_to(bytes_of("one"), to); });
    const auto error = loop.eventually("receive_error", [&] { return socket.receive_error(); });
    check(error.destination == to, "the destination");
}

void any_sockets() {
    Loop loop;
    auto listener = attempt("Socket::open", [] { return Socket::open(AF_INET, SOCK_STREAM); });
    attempt("bind", [&] { return listener.bind(any_port()); });
    attempt("listen", [&] { return listener.listen(5); });
    const auto address = attempt("local_address", [&] { return listener.local_address(); });
    attempt("add", [&] { return loop.registry().add(listener, listening, Interest::readable); });
    auto client = attempt("Socket::open", [] { return Socket::open(AF_INET, SOCK_STREAM); });
    const auto connected = client.connect(address);
    if (!connected && !is_the_fault(connected.error())) fail("connect", connected.error());
    if (!connected) throw Abandoned{};
    auto [server, peer] = loop.eventually("accept", [&] { return listener.accept(); });
    auto [a, b] = attempt("pair", [] { return Socket::pair(AF_UNIX, SOCK_STREAM); });
    attempt("add", [&] { return loop.registry().add(b, server_token, both); });
    std::array<std::byte, 16> buffer{};
    loop.eventually("write", [&] { return a.write(bytes_of("abc")); });
    check(loop.eventually("read", [&] { return b.read(buffer); }) == 3, "read");
    check(attempt("option", [&] { return a.option(SOL_SOCKET, SO_TYPE); }) == SOCK_STREAM, "option");
}

void names() {
    const auto numeric = attempt_any([] { return resolve("127.0.0.1", "80"); });
    check(numeric.size() == 1, "a numeric address");
    const auto named = attempt_any([] { return resolve("localhost", "80"); });
    check(!named.empty(), "localhost");
}

} // namespace

const Part net_parts[] = {
    {"tcp streams", &tcp_streams},
    {"tcp options", &tcp_options},
    {"udp", &udp_single},
    {"udp many", &udp_many},
    {"udp errors", &udp_errors},
    {"any sockets", &any_sockets},
    {"names", &names},
    {},
};

} // namespace faults
