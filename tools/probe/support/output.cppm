/// @file
/// Standard output: colours where a person looks at it, and quiet where nobody does any more.

module;

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

export module probe.output;

namespace probe {

/// How a piece of text looks on a terminal.
export enum class Style { plain, faint, strong, accent, good, caution, bad };

/// Standard output. Every write is seen at once.
export class Output {
  public:
    /// Colours if it is a terminal that has them and the user did not set `NO_COLOR`.
    /// @see https://no-color.org
    Output();

    /// Writes `text`. Once nobody reads any more, does nothing; throws `Refused` on any other error.
    void write(std::string_view text);

    /// True once a write found that nobody reads any more.
    [[nodiscard]] bool closed() const noexcept { return closed_; }

    /// `text` as it looks in `style` here.
    [[nodiscard]] std::string styled(std::string_view text, Style style) const;

  private:
    bool colours_;
    bool closed_ = false;
};

/// `text` filled up with spaces to `width` characters. Longer text stays as it is.
export std::string padded(std::string_view text, std::size_t width);

/// The words with commas between them.
export std::string joined(const std::vector<std::string>& words);

/// A piece of text in a table.
export struct Cell {
    std::string text;
    Style style = Style::plain;
};

/// Rows of cells as lines, two spaces before each and between the columns, each column as wide as its widest cell.
export std::string aligned(const std::vector<std::vector<Cell>>& rows, const Output& output);

} // namespace probe
