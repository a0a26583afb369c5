module;

#include <array>
#include <chrono>
#include <cstddef>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <system_error>

module greeter;

namespace greeter {

mio::Result<std::string> echo(mio::Poll& poll, std::string text) {
    auto listener = mio::net::TcpListener::bind({mio::net::IpAddress::loopback_v4(), 0});
    if (!listener) return std::unexpected(listener.error());
    const auto address = listener->local_address();
    if (!address) return std::unexpected(address.error());
    auto client = mio::net::TcpStream::connect(*address);
    if (!client) return std::unexpected(client.error());

    const auto& registry = poll.registry();
    if (auto r = registry.add(*listener, mio::Token{0}, mio::Interest::readable); !r)
        return std::unexpected(r.error());
    if (auto r = registry.add(*client, mio::Token{1}, mio::Interest::writable); !r)
        return std::unexpected(r.error());

    mio::Events events(8);
    std::optional<mio::net::TcpStream> server;
    std::string heard;
    while (heard.size() < text.size()) {
        if (auto r = poll.poll(events, std::chrono::seconds(10)); !r) return std::unexpected(r.error());
        if (events.empty()) return std::unexpected(make_error_code(std::errc::timed_out));
        for (const auto& event : events) {
            if (event.token() == mio::Token{0}) {
                auto accepted = listener->accept();
                if (!accepted) continue;
                server = std::move(accepted->first);
                if (auto r = registry.add(*server, mio::Token{2}, mio::Interest::readable); !r)
                    return std::unexpected(r.error());
            } else if (event.token() == mio::Token{1}) {
                if (auto r = client->write(std::as_bytes(std::span(text))); !r)
                    return std::unexpected(r.error());
            } else {
                std::array<std::byte, 64> buffer;
                while (const auto count = server->read(buffer)) {
                    if (*count == 0) break;
                    heard.append(reinterpret_cast<const char*>(buffer.data()), *count);
                }
            }
        }
    }
    return heard;
}

} // namespace greeter
