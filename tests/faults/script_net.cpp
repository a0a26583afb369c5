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
        if (i == most_attempts) give_up("finish_connect");
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
    attempt("set_ttl", [&] { return socket.set_ttl(7); });
    check(attempt("ttl", [&] { return socket.ttl(); }) == 7, "ttl");
    check(attempt("nodelay", [&] { return socket.nodelay(); }) == false, "nodelay");
    attempt_each(
        "keepalive", [&] { return socket.keepalive(); }, [&] { return socket.keepalive_idle(); },
        [&] { return socket.set_keepalive_interval(5s); }, [&] { return socket.keepalive_interval(); },
        [&] { return socket.set_keepalive_count(3); }, [&] { return socket.keepalive_count(); });
    attempt_each(
        "options of TCP", [&] { return socket.linger(); }, [&] { return socket.set_user_timeout(5s); },
        [&] { return socket.user_timeout(); }, [&] { return socket.set_fastopen(5); },
        [&] { return socket.fastopen(); }, [&] { return socket.set_fastopen_connect(false); },
        [&] { return socket.fastopen_connect(); }, [&] { return socket.set_quickack(true); },
        [&] { return socket.quickack(); }, [&] { return socket.reuse_address(); },
        [&] { return socket.reuse_port(); });
    attempt_each(
        "options of IP", [&] { return socket.set_tos(8); }, [&] { return socket.tos(); },
        [&] { return socket.set_dscp(8); }, [&] { return socket.dscp(); },
        [&] { return socket.bind_device(""); }, [&] { return socket.device(); },
        [&] { return socket.set_transparent(false); }, [&] { return socket.transparent(); },
        [&] { return socket.set_incoming_cpu(0); }, [&] { return socket.incoming_cpu(); });
    attempt_each(
        "options of a socket", [&] { return socket.set_receive_buffer(65536); },
        [&] { return socket.receive_buffer(); }, [&] { return socket.set_send_buffer(65536); },
        [&] { return socket.send_buffer(); },
        [&] { return socket.set_option(SOL_SOCKET, SO_KEEPALIVE, true); },
        [&] { return socket.option<bool>(SOL_SOCKET, SO_KEEPALIVE); });
    attempt("bind", [&] { return socket.bind(any_port()); });
    auto listener = attempt("listen", [&] { return std::move(socket).listen(5); });
    const auto address = attempt("local_address", [&] { return listener.local_address(); });
    auto client = attempt("connect", [&] { return TcpStream::connect(address); });
    for (int i = 0; !attempt("finish_connect", [&] { return client.finish_connect(); }); ++i) {
        if (i == most_attempts) give_up("finish_connect");
    }
    check(attempt("peer_address", [&] { return client.peer_address(); }) == address, "peer_address");
    attempt("local_address", [&] { return client.local_address(); });

    const auto v6 = attempt_if_possible("TcpSocket::v6", [] { return TcpSocket::v6(); });
    if (!v6) return;
    attempt_each(
        "options of IPv6", [&] { return v6->set_only_v6(true); }, [&] { return v6->only_v6(); },
        [&] { return v6->bind({IpAddress::loopback_v6(), 0}); }, [&] { return v6->local_address(); });
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
    loop.eventually("send", [&] { return a.send(bytes_of("third")); });
    check(loop.eventually("peek", [&] { return b.peek(buffer); }) == 5, "peek");
    check(attempt("peer_address", [&] { return a.peer_address(); }) == to, "peer_address");
    attempt("disconnect", [&] { return a.disconnect(); });
}

void udp_options() {
    const auto v4 = attempt("UdpSocket::v4", [] { return UdpSocket::v4(); });
    const auto group_v4 = IpAddress::v4(239, 255, 0, 1), here = IpAddress::loopback_v4();
    attempt_each(
        "options of UDP", [&] { return v4.set_reuse_address(true); }, [&] { return v4.reuse_address(); },
        [&] { return v4.set_reuse_port(true); }, [&] { return v4.reuse_port(); },
        [&] { return v4.broadcast(); }, [&] { return v4.set_segment_size(1000); },
        [&] { return v4.segment_size(); }, [&] { return v4.set_receive_offload(true); },
        [&] { return v4.receive_offload(); }, [&] { return v4.bind_to(any_port()); });
    attempt_each(
        "IPv4 multicast", [&] { return v4.set_multicast_loop_v4(true); },
        [&] { return v4.multicast_loop_v4(); }, [&] { return v4.set_multicast_ttl_v4(1); },
        [&] { return v4.multicast_ttl_v4(); }, [&] { return v4.set_multicast_interface_v4(here); },
        [&] { return v4.multicast_interface_v4(); }, [&] { return v4.join_multicast_v4(group_v4, here); },
        [&] { return v4.leave_multicast_v4(group_v4, here); });

    const auto v6 = attempt_if_possible("UdpSocket::v6", [] { return UdpSocket::v6(); });
    const auto group_v6 = IpAddress::parse("ff01::1");
    if (!v6 || !group_v6) return;
    attempt_each(
        "IPv6 multicast", [&] { return v6->set_only_v6(true); }, [&] { return v6->only_v6(); },
        [&] { return v6->set_multicast_loop_v6(true); }, [&] { return v6->multicast_loop_v6(); },
        [&] { return v6->set_multicast_interface_v6(1); }, [&] { return v6->multicast_interface_v6(); },
        [&] { return v6->join_multicast_v6(*group_v6, 1); },
        [&] { return v6->leave_multicast_v6(*group_v6, 1); });
}

void udp_zero_copy() {
    Loop loop;
    auto a = attempt("UdpSocket::bind", [] { return UdpSocket::bind(any_port()); });
    auto b = attempt("UdpSocket::bind", [] { return UdpSocket::bind(any_port()); });
    const auto to = attempt("local_address", [&] { return b.local_address(); });
    attempt("add", [&] { return loop.registry().add(a, client_token, both); });
    if (!attempt_if_possible("set_zero_copy", [&] { return a.set_zero_copy(true); })) return;
    check(attempt("zero_copy", [&] { return a.zero_copy(); }), "zero_copy");
    const std::array<OutgoingDatagram, 1> out{OutgoingDatagram{.bytes = bytes_of("abc"), .peer = to}};
    loop.eventually("send_many_zero_copy", [&] { return a.send_many_zero_copy(out); });
    const auto sent = loop.eventually("receive_error", [&] { return a.receive_error(); });
    check(sent.origin == ErrorOrigin::zero_copy, "the completion");
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
    check(attempt("receive_errors", [&] { return socket.receive_errors(); }), "receive_errors");
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
    attempt("connect", [&] { return client.connect(address); });
    for (int i = 0; !attempt("finish_connect", [&] { return client.finish_connect(); }); ++i) {
        if (i == most_attempts) give_up("finish_connect");
    }
    auto [server, peer] = loop.eventually("accept", [&] { return listener.accept(); });
    check(attempt("peer_address", [&] { return client.peer_address(); }) == address, "peer_address");
    attempt("shutdown", [&] { return client.shutdown(Shutdown::write); });
    auto [a, b] = attempt("pair", [] { return Socket::pair(AF_UNIX, SOCK_STREAM); });
    attempt("add", [&] { return loop.registry().add(b, server_token, both); });
    std::array<std::byte, 16> buffer{};
    loop.eventually("write", [&] { return a.write(bytes_of("abc")); });
    check(loop.eventually("read", [&] { return b.read(buffer); }) == 3, "read");
    check(attempt("option", [&] { return a.option(SOL_SOCKET, SO_TYPE); }) == SOCK_STREAM, "option");
    const std::array<IoSlice, 2> slices{bytes_of("d"), bytes_of("ef")};
    loop.eventually("write_vectored", [&] { return a.write_vectored(slices); });
    check(loop.eventually("peek", [&] { return b.peek(buffer); }) == 3, "peek");
    const std::array<IoSliceMut, 1> rooms{std::span<std::byte>(buffer)};
    check(loop.eventually("read_vectored", [&] { return b.read_vectored(rooms); }) == 3, "read_vectored");

    auto c = attempt("Socket::open", [] { return Socket::open(AF_INET, SOCK_DGRAM); });
    attempt("bind", [&] { return c.bind(any_port()); });
    attempt("add", [&] { return loop.registry().add(c, client_token, both); });
    const auto self = attempt("local_address", [&] { return c.local_address(); });
    loop.eventually("send_to", [&] { return c.send_to(bytes_of("four"), self); });
    check(loop.eventually("peek_from", [&] { return c.peek_from(buffer); }).second == self, "peek_from");
    check(loop.eventually("receive_from", [&] { return c.receive_from(buffer); }).first == 4, "receive_from");
}

void names() {
    const auto numeric = attempt_any([] { return resolve("127.0.0.1", "80"); });
    check(numeric.size() == 1, "a numeric address");
    const auto named = attempt_any([] { return resolve("localhost", "80"); });
    check(!named.empty(), "localhost");
    const auto is_text = [](const auto& address) {
        check(!construct([&] { return address.to_string(); }).empty(), "to_string");
    };
    is_text(any_port());
    is_text(IpAddress::loopback_v6());
    is_text(*IpPrefix::parse("fd12:3456:789a:bcde::/64"));
    is_text(*UnixAddress::from_path("/a/path/that/is/longer/than/a/small/string"));
}

} // namespace

const Part net_parts[] = {
    {"tcp streams", &tcp_streams},
    {"tcp options", &tcp_options},
    {"udp", &udp_single},
    {"udp options", &udp_options},
    {"udp many", &udp_many},
    {"udp zero copy", &udp_zero_copy},
    {"udp errors", &udp_errors},
    {"any sockets", &any_sockets},
    {"names", &names},
    {},
};

} // namespace faults
