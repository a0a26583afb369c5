/// @file
/// A TCP server that sends back what it receives, and a client in another thread, the same for every contestant.

module;

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

export module probe.bench.echo;

import mio;
import probe.bench.client;
import probe.bench.companion;
import probe.bench.contestant;
import probe.bench.workload;
import probe.failure;

namespace probe::bench {

/// For one connection.
template <Contestant C> class EchoServer {
  public:
    EchoServer() { loop_.add(*listener_, listening); }

    [[nodiscard]] mio::net::SocketAddress address() const {
        return must(listener_->local_address(), "getsockname");
    }
    void run() { loop_.run(); }
    /// Ends it early, from any thread.
    void stop() {
        is_over_ = true;
        waker_.wake();
    }
    /// Makes the client's calls fail.
    void close() {
        stream_.reset();
        listener_.reset();
    }

    void ready(std::size_t token) {
        if (token == connected) [[likely]] {
            serve();
        } else if (token == listening) {
            accept();
        }
    }
    [[nodiscard]] bool is_done() const { return is_over_.load(std::memory_order_relaxed); }

  private:
    enum : std::size_t { listening, connected, woken };

    void serve() {
        const auto count = C::read(*stream_, buffer_);
        if (!count) return;
        if (*count == 0) {
            is_over_ = true;
        } else {
            C::write(*stream_, std::span(buffer_).first(*count));
        }
    }

    void accept() {
        auto accepted = listener_->accept();
        if (!accepted && mio::would_block(accepted.error())) return;
        stream_ = must(std::move(accepted), "accept").first;
        loop_.add(*stream_, connected);
    }

    typename C::template Loop<EchoServer> loop_{*this};
    typename C::template Waker<EchoServer> waker_{loop_, woken};
    std::optional<mio::net::TcpListener> listener_ =
        must(mio::net::TcpListener::bind({mio::net::IpAddress::loopback_v4(), 0}), "bind");
    std::optional<mio::net::TcpStream> stream_;
    std::array<std::byte, 1024> buffer_{};
    std::atomic<bool> is_over_ = false;
};

export template <Contestant C> class Echo {
  public:
    static void play(std::uint64_t operations, Measurement& measurement) {
        EchoServer<C> server;
        Companion client([&, address = server.address()] { exchange_with(address, operations, measurement); },
                         [&server] { server.stop(); });
        try {
            server.run();
        } catch (...) {
            server.close();
            throw;
        }
        client.join();
    }
};

} // namespace probe::bench
