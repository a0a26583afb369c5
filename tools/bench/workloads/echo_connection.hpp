// The part of `echo` that every system has.

#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>
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

inline constexpr std::string_view echo_text =
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

} // namespace bench
