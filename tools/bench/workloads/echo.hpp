// A server that sends back what it receives, 64 bytes each time.

#pragma once

#include "contestants/contestant.hpp"
#include "harness/suite.hpp"
#include "workloads/server.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace bench {

template <class C> struct EchoConnection {
    explicit EchoConnection(typename C::Stream&& opened) : stream(std::move(opened)) {}

    bool serve() {
        std::size_t size = 0;
        do {
            const auto count = stream.read(buffer);
            if (!count) break;
            size = *count;
            if (size == 0) return false;
            stream.write(std::span(buffer).first(size));
        } while (size == buffer.size()); // less means that nothing is left; see epoll(7)
        return true;
    }

    typename C::Stream stream;
    std::array<std::byte, 1024> buffer;
};

template <Contestant C> void enter_echo(Suite& suite) {
    static constexpr std::string_view text =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    suite.enter({"echo", "an echo of 64 bytes, 1 connection", 5'000, 64}, std::string(C::name),
                [](std::uint64_t operations) {
                    return Server<C, EchoConnection>().run(operations, 1, text, text.size());
                });
    suite.enter({"echo-64", "an echo of 64 bytes, 64 connections", 20'000, 256}, std::string(C::name),
                [](std::uint64_t operations) {
                    return Server<C, EchoConnection>().run(operations, 64, text, text.size());
                });
}

} // namespace bench
