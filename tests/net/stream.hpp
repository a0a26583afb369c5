// Helpers shared by the tests of streams. Includes tcp.hpp and therefore comes last.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tcp.hpp"

namespace test {

inline constexpr Token first{0};
inline constexpr Token second{1};
inline constexpr std::string_view hello_world = "Hello world!";
inline constexpr std::string_view hello_mars = "Hello mars!";

inline std::string read_up_to(const TcpStream& stream, std::size_t size) {
    std::vector<std::byte> buffer(size);
    const auto got = must(stream.read(buffer), "read");
    return std::string(text_of(std::span(buffer).first(got)));
}

inline std::string peek_up_to(const TcpStream& stream, std::size_t size) {
    std::vector<std::byte> buffer(size);
    const auto got = must(stream.peek(buffer), "peek");
    return std::string(text_of(std::span(buffer).first(got)));
}

inline bool read_would_block(const TcpStream& stream) {
    std::array<std::byte, 16> buffer;
    return blocks(stream.read(buffer));
}

inline bool peek_would_block(const TcpStream& stream) {
    std::array<std::byte, 16> buffer;
    return blocks(stream.peek(buffer));
}

} // namespace test
