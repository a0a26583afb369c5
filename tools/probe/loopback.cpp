#include "machine.hpp"
#include "os.hpp"
#include "shared.hpp"

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

bool is_network_error(const std::error_code& error) {
    constexpr std::array all{std::errc::network_unreachable, std::errc::host_unreachable,
                             std::errc::network_down,        std::errc::address_not_available,
                             std::errc::connection_refused,  std::errc::connection_reset,
                             std::errc::connection_aborted,  std::errc::timed_out};
    return std::ranges::any_of(all, [&](const std::errc& each) { return error == each; });
}

} // namespace

std::error_code try_loopback_v4() { return error_of(connect_to_itself(mio::net::IpAddress::loopback_v4())); }

std::error_code try_loopback_v6() { return error_of(connect_to_itself(mio::net::IpAddress::loopback_v6())); }

std::string loopback_explanation(const std::error_code& error, bool is_v4) {
    if (!is_network_error(error)) return {};
    const auto own = is_v4 ? try_loopback_v4() : try_loopback_v6();
    if (!is_network_error(own)) return {};
    return std::string("connections to ") + (is_v4 ? "127.0.0.1" : "::1") + " fail"
           + (own == error ? "" : ": " + error_text(own)) + "; see: mio-probe doctor";
}

} // namespace probe
