#include "std.hpp"

#include "workloads/chain.hpp"
#include "workloads/churn.hpp"
#include "workloads/timeout.hpp"
#include "workloads/wake.hpp"

#include "contestants/mio.hpp"

#include "bench_rounds.hpp"
#include "echo_client.hpp"
#include "os.hpp"

namespace bench {

void fail(const char* call, int error) {
    throw probe::Refused{call, std::error_code(error, mio::os_category()), {}};
}

namespace {

// Windows has no socketpair: pairs are TCP connections.
struct MioOverTcp : BasicMio<mio::Trigger::level> {
    class LocalStream : public BasicStream<mio::net::TcpStream> {
      public:
        static LocalStream from_raw(int handle) {
            return LocalStream(TcpStream::from_raw(static_cast<mio::RawHandle>(handle)));
        }
        static std::pair<LocalStream, LocalStream> pair() {
            const auto listener =
                must(mio::net::TcpListener::bind({mio::net::IpAddress::loopback_v4(), 0}), "bind");
            auto client = must(TcpStream::connect(must(listener.local_address(), "getsockname")), "connect");
            probe::must(probe::os::await(client.raw(), probe::os::State::writable), "connect");
            must(client.finish_connect(), "connect");
            probe::must(probe::os::await(listener.raw(), probe::os::State::readable), "accept");
            auto accepted = must(listener.accept(), "accept");
            must(client.set_nodelay(true), "setsockopt");
            must(accepted.first.set_nodelay(true), "setsockopt");
            return {LocalStream(std::move(client)), LocalStream(std::move(accepted.first))};
        }

      private:
        using BasicStream::BasicStream;
    };
};

} // namespace
} // namespace bench

namespace probe::bench {

namespace {

// Sends back what one client sends, until the client closes the connection or ends.
class EchoServer {
  public:
    using Contestant = ::bench::MioOverTcp;

    explicit EchoServer(Latencies latencies) : latencies_(latencies) {}

    ::bench::Sample run(std::uint64_t operations) {
        loop_.add(listener_, listener_token);
        EchoClient client(listener_.port(), operations);
        loop_.add(client.process(), end_token);
        latencies_.begin(1);
        const ::bench::Stopwatch stopwatch;
        loop_.run();
        const auto sample = stopwatch.per(operations);
        client.join();
        return sample;
    }

    void ready(std::size_t token) {
        if (token == stream_token) {
            serve();
        } else if (token == end_token) {
            is_done_ = true; // also if it failed before it connected
        } else if (auto stream = listener_.accept()) {
            ::bench::must(stream->set_nodelay(true), "setsockopt");
            stream_.emplace(std::move(*stream));
            loop_.add(*stream_, stream_token);
        }
    }
    [[nodiscard]] bool done() const { return is_done_; }

  private:
    static constexpr std::size_t listener_token = 0;
    static constexpr std::size_t stream_token = 1;
    static constexpr std::size_t end_token = 2;

    void serve() {
        const auto count = stream_->read(buffer_);
        if (!count) return;
        if (*count == 0) {
            is_done_ = true;
            return;
        }
        stream_->write(std::span(buffer_).first(*count));
        latencies_.lap();
    }

    Latencies latencies_;
    Contestant::Loop<EchoServer> loop_{*this};
    Contestant::Listener listener_ = Contestant::Listener::bind();
    std::optional<Contestant::Stream> stream_;
    std::array<std::byte, 1024> buffer_{};
    bool is_done_ = false;
};

} // namespace

Rounds library_rounds() {
    return {.wake = wake_round<::bench::MioOverTcp>,
            .pingpong = pingpong_round<::bench::MioOverTcp>,
            .chain = chain_round<::bench::MioOverTcp>,
            .churn = churn_round<::bench::MioOverTcp>,
            .echo =
                [](std::uint64_t operations) {
                    return measured(
                        [&](Latencies latencies) { return EchoServer(latencies).run(operations); });
                },
            .timeout = timeout_round<::bench::MioOverTcp>};
}

Round alarm_round() { return nullptr; } // there is no alarm

} // namespace probe::bench
