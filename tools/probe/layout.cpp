// Text and tables that fit the terminal.

#include "os.hpp"
#include "shared.hpp"

namespace probe {

namespace {

// Below this many columns, the last cell of a row is printed under the others.
constexpr std::size_t least_beside = 16;
constexpr std::size_t indent_below = 6;

bool continues_character(char c) { return (c & 0xc0) == 0x80; }

// Bytes of the first `width` characters of `text`.
std::size_t bytes_of(std::string_view text, std::size_t width) {
    std::size_t at = 0;
    for (; at < text.size(); ++at) {
        if (!continues_character(text[at]) && width-- == 0) break;
    }
    return at;
}

// Where to break a word that has more than `width` characters: behind the last punctuation, if there is any.
std::size_t place_to_break(std::string_view word, std::size_t width) {
    const auto most = bytes_of(word, width);
    const auto mark = word.substr(0, most).find_last_of("|,/:;=-_");
    return mark == word.npos || mark == 0 ? most : mark + 1;
}

std::size_t longest_word(std::string_view text) {
    std::size_t longest = 0;
    for (const auto word : std::views::split(text, ' '))
        longest = std::max(longest, width_of(std::string_view(word.begin(), word.end())));
    return longest;
}

std::vector<std::size_t> widths_of(const Rows& rows) {
    std::vector<std::size_t> widths;
    for (const auto& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i].text));
    }
    return widths;
}

// With two spaces before each column.
std::size_t sum_of(std::span<const std::size_t> widths) {
    std::size_t sum = 0;
    for (const auto width : widths) sum += width + 2;
    return sum;
}

// Without spaces after the last text.
std::string line_of(std::span<const Cell> cells, const std::vector<std::size_t>& widths,
                    const Output& output) {
    while (!cells.empty() && cells.back().text.empty()) cells = cells.first(cells.size() - 1);
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const bool is_last = i + 1 == cells.size();
        line +=
            "  " + output.styled(is_last ? cells[i].text : padded(cells[i].text, widths[i]), cells[i].style);
    }
    return line;
}

std::string line_of_unaligned(std::span<const Cell> cells, const Output& output) {
    std::string text;
    for (const auto& cell : cells) {
        if (!cell.text.empty()) text += (text.empty() ? "" : "  ") + cell.text;
    }
    return text.empty() ? text : paragraph(text, output, 2);
}

// Some cells of one row, which end in a line feed; empty if none has text.
std::string leading_line(std::span<const Cell> cells, const std::vector<std::size_t>& widths,
                         const Output& output) {
    const auto count = std::min(cells.size(), widths.size());
    if (sum_of(std::span(widths).first(count)) > output.width()) return line_of_unaligned(cells, output);
    auto line = line_of(cells, widths, output);
    return line.empty() ? line : line + '\n';
}

Rows visible_rows(Rows rows) {
    for (auto& row : rows) {
        for (auto& cell : row) cell.text = visible(cell.text);
    }
    return rows;
}

// The words of a text. A unit belongs to the number before it, and an option to the command.
std::vector<std::string> words_of(std::string_view text) {
    static constexpr std::string_view units[]{"ns", "µs", "ms", "s", "%", "k/s", "bytes"};
    std::vector<std::string> words;
    for (const auto piece : std::views::split(text, ' ')) {
        const std::string word(piece.begin(), piece.end());
        if (word.empty()) continue;
        const auto bare = std::string_view(word).substr(0, word.find_last_not_of(",;:.") + 1);
        const char before = words.empty() ? ' ' : words.back().back();
        const bool is_unit =
            before >= '0' && before <= '9' && std::ranges::find(units, bare) != std::end(units);
        if (is_unit || (word.size() > 1 && word[0] == '-' && !words.empty()))
            words.back() += ' ' + word;
        else
            words.push_back(word);
    }
    return words;
}

} // namespace

std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, std::not_fn(continues_character)));
}

std::string padded(std::string_view text, std::size_t width) {
    const auto used = width_of(text);
    return std::string(text) + std::string(width > used ? width - used : 0, ' ');
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
    if (width_of(text) <= width) return {std::string(text)};
    width = std::max<std::size_t>(width, 1);
    std::vector<std::string> lines(1);
    for (std::string_view word : words_of(text)) {
        if (!lines.back().empty() && width_of(lines.back()) + 1 + width_of(word) > width)
            lines.emplace_back();
        while (width_of(word) > width) {
            const auto size = place_to_break(word, width);
            lines.back() = word.substr(0, size);
            lines.emplace_back();
            word.remove_prefix(size);
        }
        if (!lines.back().empty()) lines.back() += ' ';
        lines.back() += word;
    }
    if (lines.size() > 1 && lines.back().empty()) lines.pop_back();
    return lines;
}

std::vector<std::string> chunks(std::string_view text, std::size_t width) {
    std::vector<std::string> pieces;
    do {
        const auto size = bytes_of(text, std::max<std::size_t>(width, 1));
        pieces.emplace_back(text.substr(0, size));
        text.remove_prefix(size);
    } while (!text.empty());
    return pieces;
}

std::string paragraph(std::string_view text, const Output& output, std::size_t indent, Style style) {
    const auto width = output.width() > indent ? output.width() - indent : 1;
    std::string lines;
    for (const auto& line : wrapped(text, width))
        lines += std::string(indent, ' ') + output.styled(line, style) + '\n';
    return lines;
}

void print_error(std::string_view message) {
    const auto text = "mio-probe: " + visible(message);
    const auto width = os::columns(os::standard_error);
    for (const auto& line : width ? wrapped(text, *width) : std::vector{text}) std::cerr << line << '\n';
}

std::string heading(std::string_view title, std::string_view explanation, const Output& output) {
    if (explanation.empty()) return output.styled(title, Style::strong) + '\n';
    if (width_of(title) + 2 + width_of(explanation) <= output.width()) {
        return output.styled(title, Style::strong)
               + output.styled(", " + std::string(explanation), Style::faint) + '\n';
    }
    return output.styled(std::string(title) + ',', Style::strong) + '\n'
           + paragraph(explanation, output, 2, Style::faint);
}

bool fits(const Rows& rows, const Output& output) {
    return sum_of(widths_of(visible_rows(rows))) <= output.width();
}

Rows transposed(const Rows& rows) {
    Rows columns;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        columns.resize(std::max(columns.size(), rows[i].size()));
        for (std::size_t j = 0; j < rows[i].size(); ++j) {
            columns[j].resize(rows.size());
            columns[j][i] = rows[i][j];
        }
    }
    return columns;
}

std::string aligned(const Rows& all, const Output& output) {
    const auto rows = visible_rows(all);
    const auto widths = widths_of(rows);
    std::string lines;
    if (widths.empty() || sum_of(widths) <= output.width()) {
        for (const auto& row : rows) lines += line_of(row, widths, output) + '\n';
        return lines;
    }

    const auto last = widths.size() - 1;
    const auto lead = sum_of(std::span(widths).first(last));
    const auto room = output.width() > lead + 2 ? output.width() - lead - 2 : 0;
    std::size_t longest = 0;
    for (const auto& row : rows) {
        if (row.size() > last) longest = std::max(longest, longest_word(row[last].text));
    }
    const auto below = output.width() > indent_below ? output.width() - indent_below : 1;
    const bool is_beside = room >= std::max(least_beside, std::min(longest, below));
    for (const auto& row : rows) {
        const auto leading = std::span(row).first(std::min(last, row.size()));
        if (row.size() <= last) {
            lines += leading_line(leading, widths, output);
        } else if (is_beside) {
            const auto parts = wrapped(row[last].text, room);
            auto first = row;
            first[last].text = parts.front();
            lines += line_of(first, widths, output) + '\n';
            for (const auto& part : std::span(parts).subspan(1))
                lines += std::string(lead + 2, ' ') + output.styled(part, row[last].style) + '\n';
        } else {
            lines += leading_line(leading, widths, output);
            if (!row[last].text.empty())
                lines += paragraph(row[last].text, output, indent_below, row[last].style);
        }
    }
    return lines;
}

namespace os {

std::optional<std::size_t> columns_of_environment() noexcept {
    const char* text = std::getenv("COLUMNS");
    if (text == nullptr) return std::nullopt;
    const auto number = parse_number(text, 100'000);
    if (!number || *number == 0) return std::nullopt;
    return static_cast<std::size_t>(*number);
}

} // namespace os
} // namespace probe
