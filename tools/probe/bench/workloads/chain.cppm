/// @file
/// Many pairs of sockets, of which a byte makes some readable; each that is read has a byte written to the next one,
/// until a number of writes is reached. Many events come with each wait, from all over a large set of sources.

module;

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

export module probe.bench.chain;

import mio;
import probe.bench.contestant;
import probe.bench.workload;
import probe.failure;

namespace probe::bench {

export template <Contestant C> class Chain {
  public:
    static void play(std::uint64_t operations, Measurement& measurement) {
        Chain(measurement).run(operations);
    }

    void ready(std::size_t token) {
        const auto count = C::read(pairs_[token].first, buffer_);
        if (!count) return;
        const auto now = Clock::now();
        read_ += *count;
        if (is_measured_) measurement_.latencies.record(now - written_at_[token]);
        if (written_ >= goal_) return;
        write(token + 1 == pairs ? 0 : token + 1, *count, now);
    }
    [[nodiscard]] bool is_done() const { return read_ == written_; }

  private:
    static constexpr std::size_t pairs = 100;
    static constexpr std::size_t active = 10;

    explicit Chain(Measurement& measurement) : measurement_(measurement) {
        for (std::size_t i = 0; i < pairs; ++i) {
            pairs_.push_back(must(mio::net::UnixStream::pair(), "socketpair"));
        }
        for (std::size_t i = 0; i < pairs; ++i) loop_.add(pairs_[i].first, i);
    }

    void run(std::uint64_t operations) {
        pass_on(5 * pairs); // what is done once, is done
        is_measured_ = true;
        const auto start = Clock::now();
        pass_on(operations);
        measurement_.time = Clock::now() - start;
    }

    void pass_on(std::uint64_t bytes) {
        read_ = 0;
        written_ = 0;
        goal_ = bytes;
        for (std::size_t i = 0; i < active; ++i) write(i * (pairs / active), 1, Clock::now());
        loop_.run();
    }

    void write(std::size_t token, std::size_t count, Clock::time_point now) {
        written_at_[token] = now;
        written_ += count;
        C::write(pairs_[token].second, std::span(buffer_).first(count));
    }

    Measurement& measurement_;
    typename C::template Loop<Chain> loop_{*this};
    std::vector<std::pair<mio::net::UnixStream, mio::net::UnixStream>> pairs_; // receivers and senders
    std::array<Clock::time_point, pairs> written_at_;
    std::array<std::byte, 64> buffer_{};
    std::uint64_t read_ = 0;
    std::uint64_t written_ = 0;
    std::uint64_t goal_ = 0;
    bool is_measured_ = false;
};

} // namespace probe::bench
