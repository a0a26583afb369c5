#include "shared.hpp"
#include "os.hpp"

namespace probe {

std::string error_text(const std::error_code& error) {
    const auto name = os::error_name(error);
    return name.empty() ? error.message() : error.message() + " (" + name + ")";
}

std::string message_of(const Refused& refused) {
    auto message = refused.call;
    if (refused.error) message += ": " + error_text(refused.error);
    if (!refused.explanation.empty()) message += (refused.error ? "; " : ": ") + refused.explanation;
    return message;
}

std::string_view version() { return MIO_PROBE_VERSION; }

std::string compiler() {
#if defined(__clang__)
    return "Clang " + std::to_string(__clang_major__) + '.' + std::to_string(__clang_minor__) + '.'
           + std::to_string(__clang_patchlevel__);
#elif defined(__GNUC__)
    return "GCC " + std::to_string(__GNUC__) + '.' + std::to_string(__GNUC_MINOR__) + '.'
           + std::to_string(__GNUC_PATCHLEVEL__);
#elif defined(_MSC_VER)
    return "MSVC " + std::to_string(_MSC_VER / 100) + '.' + std::to_string(_MSC_VER % 100);
#else
    return "unknown";
#endif
}

std::string standard_library() {
#if defined(_LIBCPP_VERSION)
    return "libc++ " + std::to_string(_LIBCPP_VERSION / 10000) + '.'
           + std::to_string(_LIBCPP_VERSION / 100 % 100);
#elif defined(_GLIBCXX_RELEASE)
    return "libstdc++ " + std::to_string(_GLIBCXX_RELEASE);
#elif defined(_MSVC_STL_VERSION)
    return "MSVC STL " + std::to_string(_MSVC_STL_VERSION);
#else
    return "unknown";
#endif
}

std::vector<std::string> backends() {
    std::vector<std::string> list;
    for (const auto name : std::views::split(std::string_view(MIO_PROBE_BACKENDS), ',')) {
        list.emplace_back(name.begin(), name.end());
    }
    return list;
}

namespace {

Colours wanted_colours = Colours::automatic;

bool wants_colours() {
    if (wanted_colours != Colours::automatic) return wanted_colours == Colours::always;
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

} // namespace

Output::Output() : colours_(wants_colours()), width_(os::columns(os::standard_output).value_or(no_limit)) {}

void Output::set_colours(Colours colours) noexcept { wanted_colours = colours; }

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

std::string joined(const std::vector<std::string>& words, std::string_view between) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : std::string(between)) + word;
    return text;
}

namespace {

struct Predicate {
    mio::Readiness bit;
    std::string_view letters;
    std::string_view name;
};

constexpr Predicate predicates[] = {
    {mio::Readiness::readable, "R", "readable"},
    {mio::Readiness::writable, "W", "writable"},
    {mio::Readiness::error, "E", "error"},
    {mio::Readiness::read_closed, "RC", "read_closed"},
    {mio::Readiness::write_closed, "WC", "write_closed"},
    {mio::Readiness::priority, "P", "priority"},
};

static_assert(std::size(predicates) == predicate_count);

bool holds(mio::Readiness readiness, const Predicate& predicate) {
    return (readiness & predicate.bit) != mio::Readiness::none;
}

} // namespace

std::string letter_columns(mio::Readiness readiness) {
    std::string text;
    for (const auto& predicate : predicates) {
        if (!text.empty()) text += ' ';
        const auto place = text.size();
        text += holds(readiness, predicate) ? predicate.letters : ".";
        text.resize(place + predicate.letters.size(), ' ');
    }
    return text;
}

std::array<bool, predicate_count> predicates_of(mio::Readiness readiness) {
    std::array<bool, predicate_count> all{};
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = holds(readiness, predicates[i]);
    return all;
}

std::string_view letters_of(std::size_t predicate) { return predicates[predicate].letters; }
std::string_view name_of_predicate(std::size_t predicate) { return predicates[predicate].name; }

std::string letters(mio::Readiness readiness) {
    std::string text;
    for (const auto& predicate : predicates) {
        if (!holds(readiness, predicate)) continue;
        if (!text.empty()) text += ' ';
        text += predicate.letters;
    }
    return text;
}

std::vector<std::string> names(mio::Readiness readiness) {
    std::vector<std::string> list;
    for (const auto& predicate : predicates) {
        if (holds(readiness, predicate)) list.emplace_back(predicate.name);
    }
    return list;
}

namespace {

constexpr std::pair<std::string_view, std::chrono::milliseconds> units[] = {
    {"ms", std::chrono::milliseconds(1)},
    {"s", std::chrono::seconds(1)},
    {"m", std::chrono::minutes(1)},
    {"h", std::chrono::hours(1)},
};

} // namespace

std::unexpected<std::string> wrong(std::string_view argument, std::string_view why) {
    return std::unexpected("'" + std::string(argument) + "': " + std::string(why));
}

std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t largest) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value > largest) return std::nullopt;
    return value;
}

Parsed<std::chrono::milliseconds> parse_duration(std::string_view text) {
    constexpr auto what = "not a duration, like 250ms, 1.5s, 2m or 1h";
    constexpr std::chrono::milliseconds longest = std::chrono::years(1);
    const auto digits = std::min(text.find_first_not_of("0123456789."), text.size());
    const auto name = digits == text.size() ? std::string_view("s") : text.substr(digits);
    const auto unit =
        std::ranges::find(units, name, &std::pair<std::string_view, std::chrono::milliseconds>::first);
    if (unit == std::end(units)) return wrong(text, what);
    const auto point = std::min(text.find('.'), digits);
    const auto number = parse_number(text.substr(0, point), std::numeric_limits<std::uint64_t>::max());
    double fraction = 0;
    double place = 1;
    for (const char digit : text.substr(std::min(point + 1, digits), digits - std::min(point + 1, digits))) {
        if (digit == '.') return wrong(text, what);
        fraction += (place /= 10) * (digit - '0');
    }
    if (point + 1 == digits || point == 0 || digits == 0) return wrong(text, what);
    const auto one = static_cast<double>(unit->second.count());
    const double time = number ? (static_cast<double>(*number) + fraction) * one : 0;
    if (time < 0.5 || time > static_cast<double>(longest.count()))
        return wrong(text, "not a duration between 1ms and a year");
    return std::chrono::milliseconds(std::llround(time));
}

Parsed<std::uint64_t> parse_count(std::string_view text) {
    const auto number = parse_number(text, std::numeric_limits<std::uint64_t>::max());
    if (!number || *number == 0) return wrong(text, "not a number from 1 on");
    return *number;
}

namespace {

// The length of the UTF-8 sequence at the start of `text` and its code point; length 0 if it is invalid.
// @see The Unicode Standard, table 3-7
std::pair<std::size_t, char32_t> decode(std::string_view text) {
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned first = at(0);
    if (first < 0x80) return {1, first};
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < length) return {0, 0};
    char32_t point = first & (0x7fU >> length);
    for (std::size_t i = 1; i < length; ++i) {
        if ((at(i) & 0xc0U) != 0x80) return {0, 0};
        point = point << 6 | (at(i) & 0x3fU);
    }
    const bool is_overlong = (length == 3 && point < 0x800) || (length == 4 && point < 0x1'0000);
    const bool is_surrogate = point >= 0xd800 && point <= 0xdfff;
    if (is_overlong || is_surrogate || point > 0x10'ffff) return {0, 0};
    return {length, point};
}

// Characters that control a terminal, and those that reorder or break lines of text.
bool is_control(char32_t point) {
    return point < 0x20 || (point >= 0x7f && point <= 0x9f) || point == 0x061c || point == 0x200e
           || point == 0x200f || point == 0x2028 || point == 0x2029 || (point >= 0x202a && point <= 0x202e)
           || (point >= 0x2066 && point <= 0x2069);
}

} // namespace

namespace {

// Insertions, removals, replacements and swaps of neighbours that turn `a` into `b`.
std::size_t distance_of(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) {
        for (std::size_t j = 0; j <= b.size(); ++j) {
            if (i == 0 || j == 0) {
                cost[i][j] = i + j;
                continue;
            }
            const bool is_same = a[i - 1] == b[j - 1];
            cost[i][j] =
                std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + (is_same ? 0 : 1)});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
        }
    }
    return cost[a.size()][b.size()];
}

} // namespace

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& names) {
    constexpr std::size_t longest_word = 100;
    if (word.empty() || word.size() > longest_word) return {};
    std::string_view best;
    auto least = word.size() / 3 + 2;
    for (const auto name : names) {
        // Short words are not similar merely because they have the same length.
        const auto most = std::max<std::size_t>(std::min(word.size(), name.size()) / 2, 1);
        const auto distance = word.size() > 2 && name.starts_with(word) ? 1 : distance_of(word, name);
        if (distance >= least || distance > most) continue;
        least = distance;
        best = name;
    }
    return best.empty() ? "" : "; did you mean " + std::string(best) + "?";
}

bool matches_glob(std::string_view pattern, std::string_view text) {
    if (pattern.empty()) return text.empty();
    if (pattern.front() == '*') {
        return matches_glob(pattern.substr(1), text)
               || (!text.empty() && matches_glob(pattern, text.substr(1)));
    }
    if (text.empty() || (pattern.front() != '?' && pattern.front() != text.front())) return false;
    return matches_glob(pattern.substr(1), text.substr(1));
}

std::string hex(std::uint64_t value, std::size_t digits) {
    std::string text(digits, '0');
    for (auto digit = text.rbegin(); digit != text.rend(); ++digit, value >>= 4) {
        *digit = "0123456789abcdef"[value & 0xf];
    }
    return text;
}

std::string visible(std::string_view text) {
    std::string safe;
    while (!text.empty()) {
        const auto [length, point] = decode(text);
        if (length == 0 || (length == 1 && is_control(point))) {
            safe += "\\x" + hex(static_cast<unsigned char>(text.front()), 2);
        } else if (is_control(point)) {
            safe += "\\u" + hex(point, 4);
        } else {
            safe += text.substr(0, length);
        }
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return safe;
}

} // namespace probe
