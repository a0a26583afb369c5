#include "sockets.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "tcp.hpp"

namespace test {

TcpPair tcp_pair(const SocketAddress& at) {
    const auto listener = plain::listen(at);
    auto client = must(TcpStream::connect(plain::address_of(listener)), "connect");
    auto server = plain::accept(listener);
    server.set_non_blocking();
    plain::await(client.raw(), POLLOUT);
    return {std::move(client), TcpStream::from_raw(server.release())};
}

PlainPair plain_pair(const SocketAddress& at) {
    const auto listener = plain::listen(at);
    auto stream = must(TcpStream::connect(plain::address_of(listener)), "connect");
    auto peer = plain::accept(listener);
    plain::await(stream.raw(), POLLOUT);
    return {std::move(stream), std::move(peer)};
}

RefusingPort refusing_port(const SocketAddress& at) {
    auto socket = must(at.ip().is_v4() ? TcpSocket::v4() : TcpSocket::v6(), "socket");
    must(socket.bind(at), "bind");
    const auto address = must(socket.local_address(), "local_address");
    return {plain::Socket(socket.release()), address};
}

TcpStream refused_stream(const RefusingPort& port) {
    auto stream = must(TcpStream::connect(port.address), "connect");
    plain::await(stream.raw(), POLLOUT);
    return stream;
}

FullListener full_listener() {
    auto socket = must(TcpSocket::v4(), "socket");
    must(socket.bind(local_v4()), "bind");
    const auto address = must(socket.local_address(), "local_address");
    // Linux queues one connection more than the backlog.
    plain::Socket listener(must(std::move(socket).listen(0), "listen").release());
    auto first = must(TcpStream::connect(address), "connect");
    plain::await(listener.fd(), POLLIN);
    return {std::move(listener), std::move(first), address};
}

std::string pattern(std::size_t count, std::uint32_t seed) {
    std::mt19937 random(seed);
    std::string text(count, '\0');
    for (char& byte : text) byte = static_cast<char>(random() >> 24);
    return text;
}

std::size_t fill(const TcpStream& stream, std::string_view data) {
    std::size_t total = 0;
    while (true) {
        const auto written = stream.write(bytes_of(data.substr(total % data.size())));
        if (!written) {
            EXPECT_TRUE(mio::would_block(written.error())) << written.error().message();
            return total;
        }
        total += *written;
    }
}

std::string drain(const TcpStream& stream) {
    std::string text;
    std::array<std::byte, 64 * 1024> buffer;
    while (true) {
        const auto got = stream.read(buffer);
        if (!got) {
            EXPECT_TRUE(mio::would_block(got.error())) << got.error().message();
            return text;
        }
        if (*got == 0) return text;
        text += text_of(std::span(buffer).first(*got));
    }
}

namespace plain {

void send_urgent(const Socket& socket, char byte) {
    EXPECT_EQ(must(plain::send(socket.fd(), &byte, 1, MSG_OOB)), 1u);
}

} // namespace plain

} // namespace test
