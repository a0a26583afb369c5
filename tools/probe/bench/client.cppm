/// @file
/// The client of an echo server.

module;

#include <cstdint>

export module probe.bench.client;

import mio;
import probe.bench.workload;

namespace probe::bench {

/// Connects to `server`, sends it 64 bytes and waits for them to come back, `operations` times. Throws `Refused`.
export void exchange_with(const mio::net::SocketAddress& server, std::uint64_t operations, Measurement&);

} // namespace probe::bench
