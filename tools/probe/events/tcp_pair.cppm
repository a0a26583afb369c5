/// @file
/// A TCP connection to play scenarios with.

module;

#include <cstddef>
#include <string_view>

export module probe.events.tcp_pair;

import mio;
import probe.os;

namespace probe {

/// The smallest name of a source, for scenarios with a single one.
export inline constexpr mio::Token only{};

/// What a connection is registered with, unless the scenario is about the interest.
export inline constexpr auto everything =
    mio::Interest::readable | mio::Interest::writable | mio::Interest::priority;

/// Two ends of one connection over loopback.
export struct TcpPair {
    mio::net::TcpStream local; ///< the one that is watched
    mio::net::TcpStream peer;
};

/// 127.0.0.1 and a port for the OS to choose.
export mio::net::SocketAddress loopback() noexcept;

/// A listener on loopback.
export mio::net::TcpListener listen_on_loopback();

/// A connection that is established at both ends.
export TcpPair connected_pair();

/// Writes `text`, which has to fit into the send buffer.
export void send(const mio::net::TcpStream& stream, std::string_view text);

/// Reads until nothing is left, or once up to `count` bytes.
export void read_everything(const mio::net::TcpStream& stream);
export void read_some(const mio::net::TcpStream& stream, std::size_t count);

/// Waits until the kernel shows `state`, so that what follows finds it so.
export void await(const mio::net::Socket& socket, os::State state);

} // namespace probe
