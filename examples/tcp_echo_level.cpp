// tcp_echo_level [ADDRESS]: sends every client its own data back, with level-triggered events.
//
// A level-triggered source is reported as long as its condition holds, so each event takes one step, without a loop.
// In exchange, the interest must follow the state: a connection that waits to write must not be watched for reading,
// or the poll would not sleep. tcp_echo.cpp is the edge-triggered counterpart.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <map>
#include <optional>
#include <span>
#include <utility>

import mio;

using namespace std::chrono_literals;

// The value of a result; an error ends the program.
template <class T> T value(mio::Result<T> result, const char* what) {
    if (!result) {
        std::cerr << "tcp_echo_level: " << what << ": " << result.error().message() << '\n';
        std::exit(EXIT_FAILURE);
    }
    return *std::move(result);
}

using mio::Interest;
constexpr auto level = mio::Trigger::level;

struct Connection {
    mio::net::TcpStream stream;
    std::array<std::byte, 16 * 1024> buffer;
    std::span<const std::byte> unsent; // a part of buffer

    Interest interest() const { return unsent.empty() ? Interest::readable : Interest::writable; }

    // Reads if everything is written back, then writes. Returns false at the end of the stream and on errors.
    bool step() {
        if (unsent.empty()) {
            const auto read = stream.read(buffer);
            if (!read) return mio::would_block(read.error());
            if (*read == 0) return false;
            unsent = std::span(buffer).first(*read);
        }
        const auto written = stream.write(unsent);
        if (!written) return mio::would_block(written.error());
        unsent = unsent.subspan(*written); // possibly a partial write
        return true;
    }
};

int main(int argc, char** argv) {
    constexpr mio::Token new_clients{0};
    const char* name = argc > 1 ? argv[1] : "127.0.0.1:9000";
    auto poll = value(mio::Poll::create(), "cannot make a poll");
    const auto address = value(mio::net::SocketAddress::parse(name), name);
    auto listener = value(mio::net::TcpListener::bind(address), name);
    std::cout << "listening on " << value(listener.local_address(), name) << std::endl;

    const auto& registry = poll.registry();
    const auto listen = [&] { value(registry.add(listener, new_clients, Interest::readable, level), name); };
    // Numbers are not reused: an event of a connection that an earlier event of the batch has closed finds none.
    std::map<std::size_t, Connection> connections;
    std::size_t last_number = new_clients.value;
    listen();
    bool is_paused = false;
    mio::Events events(256);
    while (true) {
        const auto polled = poll.poll(events, is_paused ? std::optional(100ms) : std::nullopt);
        if (!polled && !mio::interrupted(polled.error())) value(polled, "cannot poll");
        if (std::exchange(is_paused, false)) listen();
        for (const auto& event : events) {
            if (event.token() == new_clients) {
                auto client = listener.accept();
                if (!client) {
                    // Out of descriptors: pause, since the listener would be reported at every poll.
                    if (!mio::would_block(client.error())) is_paused = registry.remove(listener).has_value();
                    continue;
                }
                const mio::Token token{++last_number};
                auto& connection =
                    connections.try_emplace(token.value, std::move(client->first)).first->second;
                if (!registry.add(connection.stream, token, connection.interest(), level))
                    connections.erase(token.value);
                continue;
            }
            const auto found = connections.find(event.token().value);
            if (found == connections.end()) continue;
            auto& connection = found->second;
            const auto before = connection.interest();
            bool is_open = connection.step();
            if (const auto after = connection.interest(); is_open && after != before)
                is_open = registry.modify(connection.stream, event.token(), after, level).has_value();
            if (!is_open) connections.erase(found); // closes the stream, which ends its registration
        }
    }
}
