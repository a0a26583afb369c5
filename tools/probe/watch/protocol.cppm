/// @file
/// What the stream sockets of the Internet and those of one machine do differently.
///
/// `Connection` and `Listener` are written once, for a protocol: a class with these members:
///
///     Address, Stream, Listener                           // the types of mio::net
///     Residue                                             // what a listener leaves behind; destroying removes it
///     bool connects_at_once                               // a connection is made by `connect`, or not at all
///     string_view listen_scheme                           // what the name of a listener begins with
///     Listener bind(const Address&)                       // throws `Refused`
///     Residue residue_of(const Address&)                  // of the listener that was just bound there
///     string caller(const Stream&, const Address&)        // who connected

module;

#include <string>
#include <string_view>

export module probe.watch.protocol;

import mio;
import probe.os;

namespace probe {

/// Over IP.
export struct Tcp {
    using Address = mio::net::SocketAddress;
    using Stream = mio::net::TcpStream;
    using Listener = mio::net::TcpListener;
    struct Residue {};

    static constexpr bool connects_at_once = false;
    static constexpr std::string_view listen_scheme = "listen://";

    static Listener bind(const Address& address);
    static Residue residue_of(const Address&) { return {}; }
    static std::string caller(const Stream&, const Address& peer) { return peer.to_string(); }
};

/// Unix domain sockets with a path.
export struct Local {
    using Address = mio::net::UnixAddress;
    using Stream = mio::net::UnixStream;
    using Listener = mio::net::UnixListener;
    using Residue = os::SocketFile;

    static constexpr bool connects_at_once = true;
    static constexpr std::string_view listen_scheme = "unix-listen://";

    /// Replaces a socket that nobody listens at any more.
    static Listener bind(const Address& address);
    static Residue residue_of(const Address& address) { return Residue(std::string(*address.path())); }
    /// The process and its user: clients have no name, as a rule.
    static std::string caller(const Stream& stream, const Address& peer);
};

} // namespace probe
