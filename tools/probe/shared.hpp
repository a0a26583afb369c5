// Declarations that all subcommands share.

#pragma once

#include "std.hpp"

import mio;

namespace probe {

/// Exit status of mio-probe.
enum class ExitStatus : int {
    done = 0,          ///< done, and everything was as expected
    differs = 1,       ///< something is not as documented, or not as it should be
    usage = 2,         ///< the command line was wrong
    refused = 3,       ///< the OS refused
    interrupted = 130, ///< a signal ended a check before its end, as shells report Ctrl-C
};

/// Thrown when the command line is wrong; `message` is one line that names the argument.
struct WrongUsage {
    std::string message;
};

/// A failed OS call; thrown if it ends the operation.
struct Refused {
    std::string call;        ///< "bind", and its purpose where that is not obvious
    std::error_code error;   ///< none if the call succeeded but its result is unusable
    std::string explanation; ///< what follows, or what to do, if the error does not say it
};

/// The text of an error and its name, for example "Connection refused (ECONNREFUSED)".
std::string error_text(const std::error_code& error);

/// All of it in one line: "bind: Permission denied (EACCES); the explanation".
std::string message_of(const Refused& refused);

/// The value of a result; throws `Refused` with the name of the call when there is none.
template <class T> T must(mio::Result<T> result, std::string_view call) {
    if (!result) throw Refused{std::string(call), result.error(), {}};
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// The library's version, "0.2.0".
std::string_view version();

/// "Clang 19.1.7"
std::string compiler();

/// "libstdc++ 12"
std::string standard_library();

/// Every backend that was built in, the platform's own choice first.
std::vector<std::string> backends();

/// The style of a text on a terminal.
enum class Style { plain, faint, strong, accent, good, caution, bad };

/// When to use colours.
enum class Colours { automatic, always, never };

/// Standard output. Every write is seen at once.
class Output {
  public:
    /// Colours as `set_colours` says: by default if it is a terminal that has them and the user did not set `NO_COLOR`.
    /// @see https://no-color.org
    Output();

    /// For every `Output` that is made later, and for messages.
    static void set_colours(Colours colours) noexcept;

    /// Writes `text`. Does nothing after the reader closed the pipe; throws `Refused` on any other error.
    void write(std::string_view text);

    /// True once a write found that the reader closed the pipe.
    [[nodiscard]] bool closed() const noexcept { return closed_; }

    /// `text` with the escapes of `style`, if colours are used.
    [[nodiscard]] std::string styled(std::string_view text, Style style) const;

    /// Columns of the terminal; `no_limit` if it is not a terminal.
    [[nodiscard]] std::size_t width() const noexcept { return width_; }
    static constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

  private:
    bool colours_;
    bool closed_ = false;
    std::size_t width_;
};

/// Columns that `text` takes: one for each character.
std::size_t width_of(std::string_view text);

/// `text` padded with spaces to `width` columns. Longer text is unchanged.
std::string padded(std::string_view text, std::size_t width);

/// `text` as lines of at most `width` columns, broken between words. A longer word is broken where it has punctuation.
/// At least one line.
std::vector<std::string> wrapped(std::string_view text, std::size_t width);

/// `text` in pieces of at most `width` columns.
std::vector<std::string> chunks(std::string_view text, std::size_t width);

/// The same as `wrapped`, as one text whose lines end in line feeds, each with `indent` spaces before it, as wide as `output`.
std::string paragraph(std::string_view text, const Output& output, std::size_t indent = 0,
                      Style style = Style::plain);

/// Prints "mio-probe: MESSAGE" to standard error, as lines no wider than its terminal.
void print_error(std::string_view message);

/// A title and its description, on one line or two.
std::string heading(std::string_view title, std::string_view explanation, const Output& output);

/// The words, separated by commas.
std::string joined(const std::vector<std::string>& words, std::string_view between = ", ");

/// A piece of text in a table.
struct Cell {
    std::string text;
    Style style = Style::plain;
};

using Rows = std::vector<std::vector<Cell>>;

/// Formats rows of cells as lines. Columns are padded to their widest cell, with two spaces before and between them. What
/// is wider than the terminal is broken: the last column into several lines, beside or below the others.
std::string aligned(const Rows& rows, const Output& output);

/// True if `aligned` need not break a row.
bool fits(const Rows& rows, const Output& output);

/// The columns of `rows` as rows.
Rows transposed(const Rows& rows);

inline constexpr std::size_t predicate_count = 6;

/// Column head for `letter_columns`: the letters of all predicates in their positions.
inline constexpr std::string_view predicate_columns = "R W E RC WC P";

/// Legend of the letters, on one line.
inline constexpr std::string_view predicate_legend =
    "R readable, W writable, E error, RC read closed, WC write closed, P priority";

/// The predicates that hold, each in its column, with dots for the others: "R W . RC .  .".
std::string letter_columns(mio::Readiness readiness);

/// The letters of the predicates that hold: "R W RC". Empty if none does.
std::string letters(mio::Readiness readiness);

/// The names of the predicates that hold: "readable", "read_closed".
std::vector<std::string> names(mio::Readiness readiness);

/// Which predicates hold, in the order of the columns; and the letters and the name of each.
std::array<bool, predicate_count> predicates_of(mio::Readiness readiness);
std::string_view letters_of(std::size_t predicate);
std::string_view name_of_predicate(std::size_t predicate);

/// While it exists, the first SIGINT, SIGTERM or SIGHUP does not end the program but is recorded; the second one ends
/// it. An ignored SIGHUP, as with nohup(1), stays ignored. Only one may exist at a time.
class Interrupt {
  public:
    /// Throws `Refused` when the OS is out of descriptors.
    Interrupt();
    ~Interrupt();
    Interrupt(const Interrupt&) = delete;
    Interrupt& operator=(const Interrupt&) = delete;

    /// True once a signal came.
    [[nodiscard]] bool requested() const noexcept;

    /// Becomes readable when the signal comes. To be registered with one poll.
    [[nodiscard]] mio::RawSource& source() noexcept { return source_; }

    /// Waits for the signal, at most for `limit`.
    void wait(std::chrono::milliseconds limit) const noexcept;

  private:
    mio::OwnedHandle reading_end_;
    mio::OwnedHandle writing_end_;
    mio::RawSource source_;
};

/// The parsed value of an argument, or the reason why it is invalid.
template <class T> using Parsed = std::expected<T, std::string>;

/// The error of an invalid argument: "'ARGUMENT': WHY".
std::unexpected<std::string> wrong(std::string_view argument, std::string_view why);

/// Parses decimal digits alone, up to `largest`.
std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t largest);

/// Parses "250ms", "1.5s", "2m", "1h", or "5" for seconds: from one millisecond, to which it is rounded, to one year.
Parsed<std::chrono::milliseconds> parse_duration(std::string_view text);

/// Parses a number from 1.
Parsed<std::uint64_t> parse_count(std::string_view text);

/// "; did you mean NAME?", if `word` is like one of `names` or the beginning of one; else empty.
std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& names);

/// Whether `pattern` matches all of `text`: `*` matches any characters, `?` one, and others themselves.
bool matches_glob(std::string_view pattern, std::string_view text);

/// `value` in hexadecimal, with exactly `digits` digits.
std::string hex(std::uint64_t value, std::size_t digits);

/// `text` with everything escaped that a terminal does not print as itself: control characters (C0, DEL, C1), bidirectional
/// controls, line and paragraph separators as `\x1b` or `\u202e`, bytes that are not UTF-8 as `\x9b`. Text that comes
/// from a peer or the system is printed only in this form.
std::string visible(std::string_view text);

} // namespace probe
