module;

#include <string>
#include <system_error>
#include <utility>

module probe.watch.protocol;

import mio;
import probe.failure;

namespace probe {

Tcp::Listener Tcp::bind(const Address& address) { return must(Listener::bind(address), "bind"); }

Local::Listener Local::bind(const Address& address) {
    auto listener = Listener::bind_replacing(*address.path());
    // Replacing asks for a folder that can be read and locked. A name that is free does not.
    if (!listener && listener.error() != std::errc::address_in_use) listener = Listener::bind(address);
    if (!listener && listener.error() == std::errc::address_in_use) {
        throw Refused{"bind", listener.error(),
                      "somebody listens there, or it is something that must not be replaced"};
    }
    return must(std::move(listener), "bind");
}

std::string Local::caller(const Stream& stream, const Address& peer) {
    const auto credentials = stream.peer_credentials();
    if (!credentials) return peer.to_string();
    const auto user = "user " + std::to_string(credentials->user);
    return credentials->process ? "process " + std::to_string(*credentials->process) + ", " + user : user;
}

} // namespace probe
