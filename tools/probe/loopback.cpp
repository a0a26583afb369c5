#include "machine.hpp"
#include "os.hpp"

namespace probe {

namespace {

mio::Result<> connect_to_itself(const mio::net::IpAddress& address) {
    const auto listener = mio::net::TcpListener::bind({address, 0});
    if (!listener) return std::unexpected(listener.error());
    const auto local = listener->local_address();
    if (!local) return std::unexpected(local.error());
    auto client = mio::net::TcpStream::connect(*local);
    if (!client) return std::unexpected(client.error());
    if (const auto ready = os::await(client->raw(), os::State::writable); !ready) return ready;
    if (const auto connected = client->finish_connect(); !connected)
        return std::unexpected(connected.error());
    return {}; // the kernel accepts for the listener
}

std::error_code error_of(const mio::Result<>& result) { return result ? std::error_code() : result.error(); }

} // namespace

std::error_code try_loopback_v4() { return error_of(connect_to_itself(mio::net::IpAddress::loopback_v4())); }

std::error_code try_loopback_v6() { return error_of(connect_to_itself(mio::net::IpAddress::loopback_v6())); }

} // namespace probe
