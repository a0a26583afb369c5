// async_chat PATH: the chat room of chat, with coroutines and channels. Each line that a client sends goes to all other
// clients, with the sender's number.
//
//     async_chat /tmp/room & socat - UNIX-CONNECT:/tmp/room        (or nc -U /tmp/room; any number of clients)
//
// Each client has two coroutines, one that reads and one that writes, and a channel: the others' lines wait there until
// they are written. A channel is bounded. If it is full because the client does not read, further lines are dropped
// until the client has caught up, and the client is informed of their number. The other clients are not delayed. Closing
// the channel ends the writer once it has written everything. Bytes that could control a terminal are forwarded as
// escapes, such as \x1b. Exits on SIGINT and SIGTERM, and removes the path.

#include <algorithm>
#include <array>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <expected>
#include <filesystem>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "printable.hpp"

import mio;
import mio.async;

namespace async = mio::async;
using async::Task;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t max_line = 1000; // in bytes; a longer line is split

/// Whole lines, shared by the channels of the receiving clients.
using Lines = std::shared_ptr<const std::string>;

class Client;

struct Room {
    std::map<std::size_t, Client*> clients; // by number
    std::size_t last_number = 0;

    void broadcast(std::size_t sender, std::string text);
};

/// A client is in the room as long as this exists.
class Client {
  public:
    Client(Room& entered, async::UnixStream accepted)
        : stream(std::move(accepted)), room_(entered), number_(++entered.last_number) {
        send(std::make_shared<const std::string>("* you are " + std::to_string(number_) + "\n"));
        room_.broadcast(number_, "* " + std::to_string(number_) + " has come\n");
        room_.clients.emplace(number_, this);
    }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    ~Client() {
        room_.clients.erase(number_);
        room_.broadcast(number_, "* " + std::to_string(number_) + " has left\n");
    }

    void send(const Lines& lines) {
        if (outbox.is_closed()) return; // it leaves
        // Once lines have been dropped, the notice about them must precede any other line.
        if (dropped_ == 0 && outbox.try_send(lines)) return;
        dropped_ += static_cast<std::uint64_t>(std::ranges::count(*lines, '\n'));
    }

    /// The notice about dropped lines, when everything before it has been taken from the channel; otherwise empty.
    std::string take_notice() {
        if (dropped_ == 0 || outbox.size() != 0) return {};
        return "* you have missed " + std::to_string(std::exchange(dropped_, 0)) + " lines\n";
    }

    /// Takes the whole lines of `input`, or everything if it has ended, and sends them to the others.
    void say(std::string& input, bool has_ended) {
        std::string said;
        std::string_view remaining = input;
        while (!remaining.empty()) {
            const auto feed = remaining.find('\n');
            const bool is_whole = feed != std::string_view::npos;
            if (!is_whole && !has_ended && remaining.size() <= max_line + 1) break;
            auto line = remaining.substr(0, feed);
            if (is_whole && line.ends_with('\r')) line.remove_suffix(1); // Telnet's line ending
            if (line.size() > max_line) {
                line = line.substr(0, max_line);
                line.remove_suffix(size_of_unfinished(line)); // do not split a character
                remaining.remove_prefix(line.size());
            } else {
                remaining.remove_prefix(is_whole ? feed + 1 : remaining.size());
            }
            said.append(std::to_string(number_)).append(": ").append(printable(line, "\t")).append("\n");
        }
        input.erase(0, input.size() - remaining.size());
        if (!said.empty()) room_.broadcast(number_, std::move(said));
    }

    async::UnixStream stream;
    async::Channel<Lines> outbox{600}; // each entry has the lines of one read

  private:
    Room& room_;
    std::size_t number_;
    std::uint64_t dropped_ = 0;
};

void Room::broadcast(std::size_t sender, std::string text) {
    const auto lines = std::make_shared<const std::string>(std::move(text));
    for (const auto& [number, client] : clients)
        if (number != sender) client->send(lines);
}

Task<> read(Client& client) {
    std::array<char, 4 * 1024> buffer;
    std::string input; // an incomplete line
    while (true) {
        const auto got = co_await client.stream.read(std::as_writable_bytes(std::span(buffer)));
        const bool has_ended = !got || *got == 0;
        if (!has_ended) input.append(buffer.data(), *got);
        client.say(input, has_ended);
        if (has_ended) break;
    }
    // The client may still read earlier lines.
    client.outbox.close();
}

Task<> write(Client& client) {
    while (true) {
        std::string text = client.take_notice();
        if (text.empty()) {
            auto lines = co_await client.outbox.receive();
            if (!lines) co_return;
            // One system call also writes the lines that have arrived meanwhile.
            for (; lines && text.size() < 16 * 1024; lines = client.outbox.try_receive()) text += **lines;
            if (lines) text += **lines;
        }
        if (!co_await client.stream.write_all(std::as_bytes(std::span(text)))) co_return;
    }
}

Task<> serve(async::UnixStream stream, Room& room) {
    Client client(room, std::move(stream));
    co_await async::when_all(read(client), write(client));
}

Task<> accept_all(async::UnixListener& listener, async::Group& clients, Room& room) {
    bool has_failed = false;
    while (true) {
        auto client = co_await listener.accept();
        if (client) {
            has_failed = false;
            clients.spawn(serve, std::move(*client), std::ref(room));
            continue;
        }
        if (client.error() == std::errc::operation_canceled) co_return;
        if (!std::exchange(has_failed, true))
            std::cerr << "async_chat: cannot accept for now: " << client.error().message() << '\n';
        // Out of descriptors: existing clients may leave meanwhile.
        if (!co_await async::sleep_for(100ms)) co_return;
    }
}

/// Removes the path of a listener while the listener is still open, so that no other process can have replaced it.
class PathRemover {
  public:
    explicit PathRemover(std::filesystem::path path) : path_(std::move(path)) {}
    ~PathRemover() {
        std::error_code ignored;
        std::filesystem::remove(path_, ignored);
    }
    PathRemover(const PathRemover&) = delete;
    PathRemover& operator=(const PathRemover&) = delete;

  private:
    std::filesystem::path path_;
};

mio::Result<mio::SignalInfo> receive(mio::Signals& signals) { return signals.receive(); }

Task<mio::Result<>> run(std::string_view path) {
    // Before the listener: from then on, a signal must not end the program before the path is removed.
    auto signals = mio::Signals::create({mio::Signal::interrupt, mio::Signal::terminate});
    if (!signals) co_return std::unexpected(signals.error());
    async::Async stop(std::move(*signals), mio::Interest::readable);
    auto listener = async::UnixListener::bind_replacing(path);
    if (!listener) co_return std::unexpected(listener.error());
    const PathRemover name(path);
    std::cout << "listening on " << path << std::endl;

    Room room;
    async::Group clients(co_await async::this_context());
    co_await async::when_any(stop.perform(mio::Interest::readable, receive),
                             accept_all(*listener, clients, room));
    clients.cancel();
    co_return co_await clients.join();
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "usage: async_chat PATH\n";
        return 2;
    }

    auto loop = async::Loop::create();
    if (!loop) {
        std::cerr << "async_chat: cannot make a loop: " << loop.error().message() << '\n';
        return EXIT_FAILURE;
    }
    const auto served = async::run(*loop, run(argv[1]));
    const auto result = served ? *served : std::unexpected(served.error());
    if (!result) std::cerr << "async_chat: " << argv[1] << ": " << result.error().message() << '\n';
    return result ? EXIT_SUCCESS : EXIT_FAILURE;
}
