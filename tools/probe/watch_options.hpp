// Options of `mio-probe watch`, and the parsing of its arguments.

#pragma once

#include "shared.hpp"

namespace probe {

/// `tcp://HOST:PORT`: a connection to make.
struct TcpTarget {
    std::string host;
    std::uint16_t port;
};

/// `listen://HOST:PORT`: a listener, and every connection that it accepts. No host: all addresses.
struct ListenTarget {
    std::string host;
    std::uint16_t port;
};

/// `udp://HOST:PORT`: a socket for datagrams. No host: all addresses.
struct UdpTarget {
    std::string host;
    std::uint16_t port;
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

/// `timer://DURATION`: waits of the poll with a deadline, one after the other; or, as `alarm://DURATION`, a
/// `mio::time::Alarm`.
struct TimerTarget {
    std::chrono::milliseconds period;
    bool is_alarm;
};

/// A target to watch, and its text on the command line.
struct Target {
    std::string name;
    std::variant<TcpTarget, ListenTarget, UdpTarget, UnixTarget, UnixListenTarget, FifoTarget,
                 DescriptorTarget, TimerTarget>
        kind;
};

/// The time at the start of each line.
enum class TimeStyle {
    elapsed,  ///< since the start
    absolute, ///< of the day, here
    delta,    ///< since the line before
};

struct WatchOptions {
    std::vector<Target> targets;
    std::optional<mio::Interest> interest; ///< none: what suits the target
    mio::Trigger trigger = mio::Trigger::edge;
    bool read = false;                  ///< drain what arrives
    bool hex = false;                   ///< show what was read as a hexadecimal dump
    std::optional<std::uint64_t> shown; ///< show at most so many bytes of what was read; none: the default
    std::string send;                   ///< what to send on every connection; empty: nothing
    bool echo = false;                  ///< send back what was read
    TimeStyle time_style = TimeStyle::elapsed;
    std::optional<std::uint64_t> count;            ///< end after so many events
    std::optional<std::chrono::milliseconds> time; ///< end after so long
    bool counters = false;                         ///< show what the loop did, at the end
    bool json = false;
};

/// Reads a target as the help describes them.
Parsed<Target> parse_target(std::string_view text);

/// Reads letters of "rwp".
Parsed<mio::Interest> parse_interest(std::string_view text);

/// The argument of `--send`: a text with the escapes \\n, \\r, \\t, \\0, \\\\ and \\xHH, or `@` and the name of a file.
Parsed<std::string> parse_data(std::string_view text);

/// True for a target with connections.
bool has_connections(const Target& target);

/// Reads "edge", "level" or "oneshot".
Parsed<mio::Trigger> parse_trigger(std::string_view text);

} // namespace probe
