module;

#include <string_view>
#include <utility>

module probe.events.triggers;

import mio;
import probe.events.sources;
import probe.events.stage;
import probe.os;

namespace probe {

WatchedTcpPair readable_pair(Stage& stage, mio::Trigger trigger) {
    return watch(stage, tcp_pair(), {mio::Interest::readable, trigger});
}

void send_and_await(const WatchedTcpPair& pair, std::string_view text) {
    send(pair.peer, text);
    await(pair.local, os::State::readable);
}

void close_and_await(WatchedTcpPair& pair) {
    close(std::move(pair.peer));
    await(pair.local, os::State::read_closed);
}

} // namespace probe
