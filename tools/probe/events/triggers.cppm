/// @file
/// What the scenarios of each trigger mode begin with.

module;

#include <string_view>

export module probe.events.triggers;

import mio;
import probe.events.sources;
import probe.events.stage;

namespace probe {

export using WatchedTcpPair = WatchedPair<mio::net::TcpStream>;

/// A connection that is watched for being readable, and nothing else: what is writable would be reported beside it.
export WatchedTcpPair readable_pair(Stage& stage, mio::Trigger trigger);

/// Sends `text` to the end that is watched, and waits until it is there.
export void send_and_await(const WatchedTcpPair& pair, std::string_view text);

/// Closes the peer's end, and waits until the end that is watched knows.
export void close_and_await(WatchedTcpPair& pair);

} // namespace probe
