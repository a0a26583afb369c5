// Helpers for TCP tests. Includes support.hpp, so include it last.
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

/// An established connection; both ends are library streams.
struct TcpPair {
    TcpStream client;
    TcpStream server;
};
TcpPair tcp_pair(const SocketAddress& at = local_v4());

/// An established connection; one end is a library stream, the other a plain blocking socket.
struct PlainPair {
    TcpStream stream;
    plain::Socket peer;
};
PlainPair plain_pair(const SocketAddress& at = local_v4());

/// A port that refuses connections during its lifetime: it is bound but not listening.
struct RefusingPort {
    plain::Socket holder;
    SocketAddress address;
};
RefusingPort refusing_port(const SocketAddress& at = local_v4());

/// A connect that the kernel has already refused; its error is still pending.
TcpStream refused_stream(const RefusingPort& port);

/// A listener with a full queue: connecting to it blocks until there is space.
struct FullListener {
    plain::Socket listener;
    TcpStream first; // fills the queue
    SocketAddress address;
};
FullListener full_listener();

/// Bytes that depend on their position, so that lost, duplicated or reordered data is detected.
std::string pattern(std::size_t count, std::uint32_t seed = 0);

/// Writes `data` repeatedly until it would block. Returns the number of bytes written.
std::size_t fill(const TcpStream& stream, std::string_view data);

/// Reads until it would block or the stream ends.
std::string drain(const TcpStream& stream);

namespace plain {

/// Sends one byte as urgent data.
void send_urgent(const Socket& socket, char byte);

} // namespace plain

} // namespace test
