// Options of `mio-probe watch`, and the parsing of its arguments.

#pragma once

#include "shared.hpp"

namespace probe {

/// `tcp://HOST:PORT`: a connection to make.
struct TcpTarget {
    std::string host;
    std::uint16_t port;
};

/// `listen://ADDR:PORT`: a listener, and every connection that it accepts.
struct ListenTarget {
    mio::net::SocketAddress address;
};

/// `udp://ADDR:PORT`: a socket for datagrams.
struct UdpTarget {
    mio::net::SocketAddress address;
};

/// `unix://PATH`: a connection to make on this machine.
struct UnixTarget {
    mio::net::UnixAddress address;
};

/// `unix-listen://PATH`: as `listen://`, on this machine.
struct UnixListenTarget {
    mio::net::UnixAddress address;
};

/// `pipe://FIFO`: the reading end of a FIFO.
struct FifoTarget {
    std::string path;
};

/// `fd://N` or `stdin`: a descriptor that the parent process left open.
struct DescriptorTarget {
    mio::RawHandle handle;
};

/// A thing to watch, and how the user called it.
struct Target {
    std::string name;
    std::variant<TcpTarget, ListenTarget, UdpTarget, UnixTarget, UnixListenTarget, FifoTarget,
                 DescriptorTarget>
        kind;
};

struct WatchOptions {
    std::vector<Target> targets;
    std::optional<mio::Interest> interest; ///< none: what suits the target
    mio::Trigger trigger = mio::Trigger::edge;
    bool read = false;                             ///< drain what arrives
    bool hex = false;                              ///< show what was read as a hexadecimal dump
    std::optional<std::uint64_t> count;            ///< end after so many events
    std::optional<std::chrono::milliseconds> time; ///< end after so long
    bool counters = false;                         ///< show what the loop did, at the end
    bool json = false;
};

/// Reads a target as the help describes them.
Parsed<Target> parse_target(std::string_view text);

/// Reads letters of "rwp".
Parsed<mio::Interest> parse_interest(std::string_view text);

/// Reads "edge", "level" or "oneshot".
Parsed<mio::Trigger> parse_trigger(std::string_view text);

} // namespace probe
