// Escaping of untrusted text for terminals. Used by the examples that print or forward received data.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#if __has_include(<unistd.h>)
#include <unistd.h>
#else
#include <io.h>
#endif

struct Character {
    std::size_t size; // in bytes; 0: invalid UTF-8
    char32_t code;
};

/// The first character of `text`, which must not be empty.
constexpr Character first_character(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text[0]);
    if (lead < 0x80) return {1, lead};
    const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return {0, 0};
    char32_t code = lead & (0x7fu >> size);
    for (const char c : text.substr(1, size - 1)) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte & 0xc0) != 0x80) return {0, 0};
        code = code << 6 | (byte & 0x3f);
    }
    // Overlong forms, surrogates, and values beyond Unicode.
    if (code < (size == 4 ? 0x10000u : size == 3 ? 0x800u : 0x80u) || code > 0x10ffff) return {0, 0};
    if (code >= 0xd800 && code <= 0xdfff) return {0, 0};
    return {size, code};
}

/// Whether the character has no other effect on a terminal than being displayed.
constexpr bool is_printable(char32_t code) {
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return false; // C0, DEL and C1 controls
    if (code >= 0x2028 && code <= 0x202e) return false;             // separators, bidirectional controls
    if (code >= 0x2066 && code <= 0x2069) return false;             // bidirectional controls
    return code != 0x061c && code != 0x200e && code != 0x200f;      // bidirectional marks
}

/// Replaces each byte that could control a terminal or disguise other text, or that is not valid UTF-8, by
/// `\x` and two digits. The control characters in `kept` are not replaced. The result is for display only:
/// backslashes are not escaped, so the original bytes cannot be recovered.
inline std::string printable(std::string_view text, std::string_view kept = {}) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string result;
    while (!text.empty()) {
        const auto [size, code] = first_character(text);
        const auto bytes = text.substr(0, std::max<std::size_t>(size, 1));
        text.remove_prefix(bytes.size());
        if (size != 0 && (is_printable(code) || (size == 1 && kept.contains(bytes[0])))) {
            result += bytes;
            continue;
        }
        for (const char c : bytes) {
            const auto byte = static_cast<unsigned char>(c);
            result += {'\\', 'x', digits[byte >> 4], digits[byte & 0xf]};
        }
    }
    return result;
}

/// Number of bytes at the end of `text` that may be the start of an incomplete character.
constexpr std::size_t size_of_unfinished(std::string_view text) {
    for (std::size_t size = 1; size <= 3 && size <= text.size(); ++size) {
        const auto byte = static_cast<unsigned char>(text[text.size() - size]);
        if ((byte & 0xc0) == 0x80) continue; // a continuation byte
        const std::size_t whole = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
        return size < whole ? size : 0;
    }
    return 0;
}

inline bool is_terminal(std::FILE* file) {
#if __has_include(<unistd.h>)
    return ::isatty(::fileno(file)) == 1;
#else
    return ::_isatty(::_fileno(file)) != 0;
#endif
}
