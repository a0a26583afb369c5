// A server that closes each connection as soon as it has accepted it.

#pragma once

#include "contestants/contestant.hpp"
#include "harness/processors.hpp"
#include "harness/stopwatch.hpp"
#include "harness/suite.hpp"
#include "workloads/load.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace bench {

template <Contestant C> class Accept {
  public:
    Sample run(std::uint64_t operations) {
        goal_ = operations;
        loop_.add(listener_, 0);
        LoadProcess load([&, port = listener_.port()] { connect_and_wait(port, operations); });
        const Pinned pinned(processors().front());
        const Stopwatch stopwatch;
        loop_.run();
        const auto sample = stopwatch.per(operations);
        load.join();
        return sample;
    }

    void ready(std::size_t) {
        while (listener_.accept()) ++accepted_;
    }
    [[nodiscard]] bool done() const { return accepted_ == goal_; }

  private:
    typename C::template Loop<Accept> loop_{*this};
    typename C::Listener listener_ = C::Listener::bind();
    std::uint64_t accepted_ = 0;
    std::uint64_t goal_ = 0;
};

template <Contestant C> void enter_accept(Suite& suite) {
    suite.enter({"accept", "accepting and closing a connection", 3'000, 128}, std::string(C::name),
                [](std::uint64_t operations) { return Accept<C>().run(operations); });
}

} // namespace bench
