/// @file
/// Bytes in a form that is safe to print.

module;

#include <cstddef>
#include <span>
#include <string>
#include <vector>

export module probe.watch.dump;

namespace probe {

/// As text, one row for each line of it; what is not printable ASCII is escaped as in C.
export std::vector<std::string> text_rows(std::span<const std::byte> bytes);

/// As a hexadecimal dump: offset, sixteen bytes, and the same as ASCII.
export std::vector<std::string> hex_rows(std::span<const std::byte> bytes);

/// As hexadecimal digits alone, two for each byte.
export std::string hex_digits(std::span<const std::byte> bytes);

/// As they are.
export std::string plain_text(std::span<const std::byte> bytes);

} // namespace probe
