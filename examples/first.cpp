#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>
#include <utility>

import mio;

// Functions that can fail return a value or an error; they do not throw. Here an error ends the program.
template <class T> T value(mio::Result<T> result, const char* what) {
    if (!result) {
        std::fprintf(stderr, "first: %s: %s\n", what, result.error().message().c_str());
        std::exit(EXIT_FAILURE);
    }
    return *std::move(result);
}

// Greets every client: `first 127.0.0.1:9000`, then `nc 127.0.0.1 9000`.
int main(int argc, char** argv) {
    constexpr std::string_view greeting = "Hello from mio\n";
    constexpr mio::Token new_clients{0}; // identifies the listener's events

    const char* name = argc > 1 ? argv[1] : "127.0.0.1:9000";
    const auto address = mio::net::SocketAddress::parse(name);
    if (!address) {
        std::fprintf(stderr, "first: '%s' is not an address with a port, such as 127.0.0.1:9000\n", name);
        return EXIT_FAILURE;
    }
    auto poll = value(mio::Poll::create(), "cannot make a poll");
    auto listener = value(mio::net::TcpListener::bind(*address), name);
    value(poll.registry().add(listener, new_clients, mio::Interest::readable), "cannot watch the listener");
    std::printf("listening on %s\n", value(listener.local_address(), name).to_string().c_str());
    std::fflush(stdout);

    mio::Events events(64);
    while (true) {
        // Sleeps until there are events. A signal, such as Ctrl-Z and fg, ends the wait without events.
        const auto polled = poll.poll(events);
        if (!polled && !mio::interrupted(polled.error())) value(polled, "cannot poll");
        for (const auto& event : events) {
            if (event.token() != new_clients) continue;
            // One event may announce several clients: accept until the call would block.
            while (auto client = listener.accept()) {
                auto& [stream, peer] = *client;
                std::printf("greeting %s\n", peer.to_string().c_str());
                if (!stream.write(std::as_bytes(std::span(greeting)))) std::puts("the client has left");
            } // the stream's destructor closes it
        }
    }
}
