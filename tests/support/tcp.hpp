// What tests of TCP share. Includes support.hpp, so it comes last as well.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support.hpp"

namespace test {

using mio::net::IoSlice;
using mio::net::IoSliceMut;
using mio::net::IpAddress;
using mio::net::Shutdown;
using mio::net::SocketAddress;
using mio::net::TcpListener;
using mio::net::TcpSocket;
using mio::net::TcpStream;

/// An established connection, both ends the library's.
struct TcpPair {
    TcpStream client;
    TcpStream server;
};
TcpPair tcp_pair(const SocketAddress& at = local_v4());

/// An established connection, one end the library's, the other a plain blocking socket.
struct PlainPair {
    TcpStream stream;
    plain::Socket peer;
};
PlainPair plain_pair(const SocketAddress& at = local_v4());

/// A port at which connecting is refused, for as long as this lives: it is taken, but nobody listens.
struct RefusingPort {
    plain::Socket holder;
    SocketAddress address;
};
RefusingPort refusing_port(const SocketAddress& at = local_v4());

/// An attempt to connect that was refused, as far as the kernel is concerned; nobody has looked at it yet.
TcpStream refused_stream(const RefusingPort& port);

/// A listener whose queue of connections is full, so that connecting to it takes until there is room.
struct FullListener {
    plain::Socket listener;
    TcpStream first; // what fills the queue
    SocketAddress address;
};
FullListener full_listener();

/// Bytes that depend on their position, so that what is lost, doubled or out of order shows.
std::string pattern(std::size_t count, std::uint32_t seed = 0);

/// Writes `data`, over and over, until it would block. The number of bytes written.
std::size_t fill(const TcpStream& stream, std::string_view data);

/// Reads until it would block or the stream ends.
std::string drain(const TcpStream& stream);

namespace plain {

/// One byte, sent as urgent.
void send_urgent(const Socket& socket, char byte);

} // namespace plain

} // namespace test
