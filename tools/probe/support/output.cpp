module;

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

module probe.output;

import mio;
import probe.failure;
import probe.os;

namespace probe {
namespace {

bool wants_colours() {
    const char* no_colour = std::getenv("NO_COLOR");
    if (no_colour != nullptr && *no_colour != '\0') return false;
    const char* terminal = std::getenv("TERM");
    if (terminal == nullptr || std::string_view(terminal) == "dumb") return false;
    return os::is_terminal(os::standard_output);
}

std::string_view escape_sequence(Style style) {
    switch (style) {
    case Style::plain: return "";
    case Style::faint: return "\033[2m";
    case Style::strong: return "\033[1m";
    case Style::accent: return "\033[36m";
    case Style::good: return "\033[32m";
    case Style::caution: return "\033[33m";
    case Style::bad: return "\033[31m";
    }
    return "";
}

// Characters, not bytes: a byte that continues a UTF-8 sequence takes no room.
std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

} // namespace

Output::Output() : colours_(wants_colours()) {}

void Output::write(std::string_view text) {
    if (closed_) return;
    const auto written = os::write_all(os::standard_output, text);
    if (written) return;
    closed_ = true;
    if (written.error() != std::errc::broken_pipe)
        throw Refused{"standard output: write", written.error(), {}};
}

std::string Output::styled(std::string_view text, Style style) const {
    if (!colours_ || style == Style::plain || text.empty()) return std::string(text);
    return std::string(escape_sequence(style)) + std::string(text) + "\033[0m";
}

std::string padded(std::string_view text, std::size_t width) {
    const auto used = width_of(text);
    return std::string(text) + std::string(width > used ? width - used : 0, ' ');
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

std::string aligned(const std::vector<std::vector<Cell>>& rows, const Output& output) {
    std::vector<std::size_t> widths;
    for (const auto& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i].text));
    }
    std::string lines;
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            // No spaces after the last text of a line.
            const bool last = std::ranges::all_of(row.begin() + static_cast<std::ptrdiff_t>(i) + 1, row.end(),
                                                  [](const Cell& cell) { return cell.text.empty(); });
            line += "  " + output.styled(last ? row[i].text : padded(row[i].text, widths[i]), row[i].style);
            if (last) break;
        }
        lines += line + '\n';
    }
    return lines;
}

} // namespace probe
