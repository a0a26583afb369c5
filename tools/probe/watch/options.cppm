/// @file
/// What `mio-probe watch` was asked for, and how its arguments are read.

module;

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

export module probe.watch.options;

import mio;

namespace probe {

/// `tcp://HOST:PORT`: a connection to make.
export struct TcpTarget {
    std::string host;
    std::uint16_t port;
};

/// `listen://ADDR:PORT`: a listener, and every connection that it accepts.
export struct ListenTarget {
    mio::net::SocketAddress address;
};

/// `udp://ADDR:PORT`: a socket for datagrams.
export struct UdpTarget {
    mio::net::SocketAddress address;
};

/// `unix://PATH`: a connection to make on this machine.
export struct UnixTarget {
    mio::net::UnixAddress address;
};

/// `unix-listen://PATH`: as `listen://`, on this machine.
export struct UnixListenTarget {
    mio::net::UnixAddress address;
};

/// `pipe://FIFO`: the reading end of a FIFO.
export struct FifoTarget {
    std::string path;
};

/// `fd://N` or `stdin`: a descriptor that whoever started the program left open.
export struct DescriptorTarget {
    mio::RawHandle handle;
};

/// A thing to watch, and how the user called it.
export struct Target {
    std::string name;
    std::variant<TcpTarget, ListenTarget, UdpTarget, UnixTarget, UnixListenTarget, FifoTarget,
                 DescriptorTarget>
        kind;
};

export struct WatchOptions {
    std::vector<Target> targets;
    std::optional<mio::Interest> interest; ///< none: what suits the target
    mio::Trigger trigger = mio::Trigger::edge;
    bool read = false;                             ///< drain what arrives
    bool hex = false;                              ///< show what was read as a hexadecimal dump
    std::optional<std::uint64_t> count;            ///< end after so many events
    std::optional<std::chrono::milliseconds> time; ///< end after so long
    bool json = false;
};

/// What an argument means, or why it means nothing.
export template <class T> using Parsed = std::expected<T, std::string>;

/// Reads a target as the help describes them.
export Parsed<Target> parse_target(std::string_view text);

/// Reads "250ms", "5s", "2m" or "1h"; at least one millisecond, at most a year.
export Parsed<std::chrono::milliseconds> parse_duration(std::string_view text);

/// Reads a number that is not 0.
export Parsed<std::uint64_t> parse_count(std::string_view text);

/// Reads letters of "rwp".
export Parsed<mio::Interest> parse_interest(std::string_view text);

/// Reads "edge", "level" or "oneshot".
export Parsed<mio::Trigger> parse_trigger(std::string_view text);

} // namespace probe
