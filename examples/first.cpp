#include <cstdio>
#include <span>
#include <string_view>

import mio;

// Greets every client: `first 127.0.0.1:9000`, then `nc 127.0.0.1 9000`.
int main(int argc, char** argv) {
    constexpr std::string_view greeting = "Hello from mio\n";
    constexpr mio::Token new_clients{0}; // our name for the listener, to know its events by

    // value() throws where there is an error instead of a value: good enough for a first program.
    auto poll = mio::Poll::create().value();
    const auto address = mio::net::SocketAddress::parse(argc > 1 ? argv[1] : "127.0.0.1:9000").value();
    auto listener = mio::net::TcpListener::bind(address).value();
    poll.registry().add(listener, new_clients, mio::Interest::readable).value();
    std::printf("listening on %s\n", listener.local_address().value().to_string().c_str());
    std::fflush(stdout);

    mio::Events events(64);
    while (true) {
        // Sleeps until there is something to do. A signal ends that early, as Ctrl-Z and fg do, with no events.
        if (auto polled = poll.poll(events); !polled && !mio::interrupted(polled.error())) return 1;
        for (const auto& event : events) {
            if (event.token() != new_clients) continue;
            // One event may stand for many clients: accept until the call would have to wait.
            while (auto client = listener.accept()) {
                auto& [stream, peer] = *client;
                std::printf("greeting %s\n", peer.to_string().c_str());
                if (!stream.write(std::as_bytes(std::span(greeting)))) std::puts("it has left already");
            } // the stream closes itself here
        }
    }
}
