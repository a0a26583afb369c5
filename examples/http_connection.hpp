// A client's HTTP/1.1 connection, with time limits and back-pressure: for async_http and async_files. Include it after
// the imports.
#pragma once

#include "http.hpp"

/// A stream between two fixed buffers: the memory per client is bounded. The functions return false if the client is
/// gone or too slow, or the server ends: then the connection is over.
class Connection {
  public:
    /// A client has `limit` to begin a request, as long again to complete its head, and as long for each further step.
    Connection(mio::async::TcpStream accepted, std::chrono::seconds limit) noexcept
        : stream(std::move(accepted)), limit_(limit) {}

    /// Waits for a request; `nullopt` if there is none.
    mio::async::Task<std::optional<http::Request>> next_request() {
        auto request = http::take_head(input);
        if (!request) {
            // First the limit for an idle client, then the one for the whole head, however slowly it arrives.
            if (input.empty() && !co_await receive(mio::time::after(limit_))) co_return std::nullopt;
            const auto deadline = mio::time::after(limit_);
            while (!(request = http::take_head(input)))
                if (!co_await receive(deadline)) co_return std::nullopt;
        }
        if (output.free_space().size() < http::max_response && !co_await flush()) co_return std::nullopt;
        if (http::waits_for_continue(*request)) output.append(http::continue_line);
        co_return request;
    }

    /// Reads and ignores a body.
    mio::async::Task<bool> skip(std::uint64_t size) {
        while (true) {
            const auto part = std::min<std::uint64_t>(size, input.text().size());
            input.consume(static_cast<std::size_t>(part));
            size -= part;
            if (size == 0) co_return true;
            if (!co_await receive(mio::time::after(limit_))) co_return false;
        }
    }

    /// Sends the output. The end of the server does not cancel this.
    mio::async::Task<bool> flush() {
        if (output.empty()) co_return true;
        const auto bytes = std::as_bytes(std::span(output.text()));
        const auto sent = co_await mio::async::shield(mio::async::timeout(limit_, stream.write_all(bytes)));
        output.clear();
        co_return sent.has_value();
    }

    /// Ends the connection. Closing it with unread data would reset it, and the client could lose the last response.
    /// Therefore this shuts down writing, and reads until the client closes its side.
    mio::async::Task<> finish() {
        if (!co_await flush()) co_return;
        // A statement of its own: in one condition with the `co_await`, GCC 16 shuts down first.
        if (!stream.shutdown(mio::net::Shutdown::write)) co_return;
        const auto deadline = mio::time::after(limit_);
        for (std::size_t excess = 0; excess < 1024 * 1024; excess += input.text().size()) {
            input.clear();
            if (!co_await receive(deadline)) co_return;
        }
    }

    mio::async::TcpStream stream;
    http::Input input;
    http::Output output;

  private:
    /// Receives some input. Nothing is read while output is unsent: this is back-pressure.
    mio::async::Task<bool> receive(mio::time::Instant deadline) {
        if (!co_await flush()) co_return false;
        const auto space = std::as_writable_bytes(input.free_space());
        const auto got = co_await mio::async::timeout_at(deadline, stream.read(space));
        if (!got || *got == 0) co_return false;
        input.filled(*got);
        co_return true;
    }

    std::chrono::seconds limit_;
};
