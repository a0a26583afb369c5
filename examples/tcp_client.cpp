// tcp_client ADDRESS [TEXT]: sends TEXT, or its standard input, and prints the received data.
//
//     tcp_client 127.0.0.1:9000 'Hello!'
//     tcp_client [::1]:9000 < file > copy
//
// Terminal control characters are printed as escapes, such as \x1b. Output to a file or a pipe is not
// changed.
//
// Shows how to establish a non-blocking connection, use both directions at once, and end it: after sending,
// the client shuts down writing, and the server's end of stream ends the program.
//
// Exit status: 0 if both directions ended, 1 on a network error, 2 on wrong usage.

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <expected>
#include <iostream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "printable.hpp"

import mio;

namespace net = mio::net;

namespace {

constexpr mio::Token server{0};
constexpr int exit_usage = 2;

int fail(std::string_view what, const std::error_code& error) {
    std::cerr << "tcp_client: " << what << ": " << error.message() << '\n';
    return EXIT_FAILURE;
}

// Writes until all data is sent or the call would block. The rest stays in `unsent`.
mio::Result<> send(const net::TcpStream& stream, std::span<const std::byte>& unsent) {
    while (!unsent.empty()) {
        const auto written = stream.write(unsent);
        if (written) {
            unsent = unsent.subspan(*written); // possibly a partial write
        } else if (mio::would_block(written.error())) {
            return {};
        } else if (!mio::interrupted(written.error())) {
            return std::unexpected(written.error());
        }
    }
    return {};
}

/// Standard output for received data.
class Output {
  public:
    mio::Result<> write(std::string_view bytes) {
        if (!is_terminal_) return put(bytes);
        // A character may be split between reads. Its first part is kept until the rest arrives.
        unfinished_ += bytes;
        const std::string_view text = unfinished_;
        const auto whole = text.substr(0, text.size() - size_of_unfinished(text));
        const auto done = put(printable(whole, "\n\t"));
        unfinished_.erase(0, whole.size());
        return done;
    }

    mio::Result<> finish() {
        if (const auto done = put(printable(unfinished_)); !done) return done;
        return std::fflush(stdout) == 0 ? mio::Result<>() : failure();
    }

  private:
    static mio::Result<> put(std::string_view bytes) {
        const auto written = std::fwrite(bytes.data(), 1, bytes.size(), stdout);
        return written == bytes.size() ? mio::Result<>() : failure();
    }
    static mio::Result<> failure() { return std::unexpected(std::make_error_code(std::errc::io_error)); }

    bool is_terminal_ = is_terminal(stdout);
    std::string unfinished_;
};

// Reads and prints until the call would block (false) or end of stream (true).
mio::Result<bool> receive(const net::TcpStream& stream, Output& output) {
    std::array<char, 64 * 1024> buffer;
    while (true) {
        const auto read = stream.read(std::as_writable_bytes(std::span(buffer)));
        if (read) {
            if (*read == 0) return true;
            if (const auto written = output.write({buffer.data(), *read}); !written)
                return std::unexpected(written.error());
        } else if (mio::would_block(read.error())) {
            return false;
        } else if (!mio::interrupted(read.error())) {
            return std::unexpected(read.error());
        }
    }
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 2 || argc > 3) {
        std::cerr << "usage: tcp_client ADDRESS [TEXT]\n";
        return exit_usage;
    }
    const std::string_view name = argv[1];
    const auto address = net::SocketAddress::parse(name);
    if (!address) {
        std::cerr << "tcp_client: not an address with a port, like 127.0.0.1:9000 or [::1]:9000: " << name
                  << '\n';
        return exit_usage;
    }

    // Read standard input to its end first: it may be a regular file, which cannot be polled.
    const std::string text =
        argc == 3 ? std::string(argv[2]) : std::string(std::istreambuf_iterator(std::cin), {});
    std::span<const std::byte> unsent = std::as_bytes(std::span(text));

    auto poll = mio::Poll::create();
    if (!poll) return fail("cannot make a poll", poll.error());

    // Starts a connection attempt. A failure may be reported here or later.
    auto stream = net::TcpStream::connect(*address);
    if (!stream) return fail(name, stream.error());

    // Register for both directions: with edge trigger there is no benefit in narrowing the interest later.
    auto added = poll->registry().add(*stream, server, mio::Interest::readable | mio::Interest::writable);
    if (!added) return fail("cannot watch the connection", added.error());

    Output output;
    mio::Events events(16);
    bool connected = false;
    bool shut_down = false;
    while (true) {
        if (const auto polled = poll->poll(events); !polled) {
            if (mio::interrupted(polled.error())) continue; // a signal handler ran
            return fail("cannot poll", polled.error());
        }
        if (events.empty()) continue;

        // There is only one source. The predicates are not needed: an event is a hint, and trying the
        // operation reports it.
        if (!connected) {
            const auto finished = stream->finish_connect();
            if (!finished) return fail(name, finished.error());
            if (!*finished) continue; // in progress
            connected = true;
        }

        if (const auto sent = send(*stream, unsent); !sent) return fail(name, sent.error());
        if (unsent.empty() && !shut_down) {
            // The peer reads end of stream; the other direction stays open for its reply.
            if (const auto shut = stream->shutdown(net::Shutdown::write); !shut)
                return fail(name, shut.error());
            shut_down = true;
        }

        // Receive while sending. A client that first sends everything would deadlock with a server that stops
        // reading while its replies are not read.
        const auto ended = receive(*stream, output);
        if (!ended) return fail(name, ended.error());
        if (*ended) break;
    }

    if (!unsent.empty()) {
        std::cerr << "tcp_client: " << name << ": closed with " << unsent.size()
                  << " bytes still to be sent\n";
        return EXIT_FAILURE;
    }
    if (const auto finished = output.finish(); !finished) return fail("standard output", finished.error());
    return EXIT_SUCCESS;
}
