/// @file
/// Two connected sockets in one loop, which pass a byte to and fro.

module;

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

export module probe.bench.pingpong;

import mio;
import probe.bench.contestant;
import probe.bench.workload;
import probe.failure;

namespace probe::bench {

export template <Contestant C> class PingPong {
  public:
    static void play(std::uint64_t operations, Measurement& measurement) {
        PingPong(measurement).run(operations);
    }

    void ready(std::size_t token) {
        auto& stream = token == 0 ? pair_.first : pair_.second;
        const auto count = C::read(stream, buffer_);
        if (!count) return;
        C::write(stream, std::span(buffer_).first(*count));
        const auto now = Clock::now();
        if (passes_++ >= rehearsals) measurement_.latencies.record(now - last_);
        if (passes_ == rehearsals) start_ = now;
        last_ = now;
    }
    [[nodiscard]] bool is_done() const { return passes_ >= goal_; }

  private:
    static constexpr std::uint64_t rehearsals = 64; // so that what is done once, is done

    explicit PingPong(Measurement& measurement) : measurement_(measurement) {}

    void run(std::uint64_t operations) {
        loop_.add(pair_.first, 0);
        loop_.add(pair_.second, 1);
        goal_ = rehearsals + operations;
        C::write(pair_.first, std::span(buffer_).first(1));
        loop_.run();
        measurement_.time = last_ - start_;
    }

    Measurement& measurement_;
    typename C::template Loop<PingPong> loop_{*this};
    std::pair<mio::net::UnixStream, mio::net::UnixStream> pair_ =
        must(mio::net::UnixStream::pair(), "socketpair");
    std::array<std::byte, 64> buffer_{};
    std::uint64_t passes_ = 0;
    std::uint64_t goal_ = 0;
    Clock::time_point start_;
    Clock::time_point last_;
};

} // namespace probe::bench
