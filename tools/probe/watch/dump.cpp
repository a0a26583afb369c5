module;

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

module probe.watch.dump;

namespace probe {
namespace {

// ASCII alone: other bytes may mean something to a terminal.
bool is_printable(char c) { return c >= ' ' && c <= '~'; }

std::string hex(std::uint64_t value, std::size_t digits) {
    std::string text(digits, '0');
    for (auto digit = text.rbegin(); digit != text.rend(); ++digit, value >>= 4) {
        *digit = "0123456789abcdef"[value & 0xf];
    }
    return text;
}

std::string escaped(char c) {
    switch (c) {
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    case '\\': return "\\\\";
    default: return is_printable(c) ? std::string(1, c) : "\\x" + hex(static_cast<unsigned char>(c), 2);
    }
}

std::string hex_row(std::size_t offset, std::string_view bytes, std::size_t width) {
    std::string row = hex(offset, 8);
    for (std::size_t i = 0; i < width; ++i) {
        row += i % 8 == 0 ? "  " : " ";
        row += i < bytes.size() ? hex(static_cast<unsigned char>(bytes[i]), 2) : "  ";
    }
    row += "  |";
    for (const char c : bytes) row += is_printable(c) ? c : '.';
    return row + '|';
}

} // namespace

std::string plain_text(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::vector<std::string> text_rows(std::span<const std::byte> bytes) {
    std::vector<std::string> rows;
    bool starts_row = true;
    for (const char c : plain_text(bytes)) {
        if (starts_row) rows.emplace_back();
        rows.back() += escaped(c);
        starts_row = c == '\n';
    }
    return rows;
}

std::vector<std::string> hex_rows(std::span<const std::byte> bytes) {
    constexpr std::size_t width = 16;
    const auto text = plain_text(bytes);
    std::vector<std::string> rows;
    for (std::size_t offset = 0; offset < text.size(); offset += width) {
        rows.push_back(hex_row(offset, std::string_view(text).substr(offset, width), width));
    }
    return rows;
}

std::string hex_digits(std::span<const std::byte> bytes) {
    std::string digits;
    for (const auto byte : bytes) digits += hex(std::to_integer<std::uint64_t>(byte), 2);
    return digits;
}

} // namespace probe
