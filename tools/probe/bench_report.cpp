#include "bench.hpp"
#include "os.hpp"

namespace probe::bench {

namespace {

bool can_redraw() {
    const char* terminal = std::getenv("TERM");
    return terminal != nullptr && std::string_view(terminal) != "dumb" && os::is_terminal(os::standard_error);
}

} // namespace

Progress::Progress() : is_shown_(can_redraw()), width_(os::columns(os::standard_error).value_or(80)) {}

Progress::~Progress() { clear(); }

void Progress::show(std::string_view name, double part) {
    if (!is_shown_) return;
    constexpr std::size_t name_width = 10;
    constexpr std::size_t widest = 40;
    constexpr std::size_t rest = name_width + std::string_view("[] 100 % ").size();
    const auto width = std::min(widest, width_ > rest ? width_ - rest : 0);
    const double done = std::clamp(part, 0.0, 1.0);
    const auto full = static_cast<std::size_t>(done * static_cast<double>(width));
    const auto percent = std::to_string(static_cast<int>(done * 100)) + " %";
    auto line = width == 0 ? std::string(name) + ' ' + percent
                           : padded(name, name_width) + '[' + std::string(full, '#')
                                 + std::string(width - full, '.') + "] " + percent;
    if (line.size() >= width_) line.resize(width_ - 1); // a full line would wrap
    if (line == drawn_) return;
    clear();
    drawn_ = std::move(line);
    std::cerr << drawn_ << std::flush;
}

void Progress::clear() {
    if (!drawn_.empty()) std::cerr << "\r\033[K" << std::flush;
    drawn_.clear();
}

namespace {

using std::chrono::nanoseconds;

std::string fixed(double value, int digits) {
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", digits, value);
    return text;
}

// Three significant digits: "1.23 µs".
std::string with_unit(double value, const std::vector<std::string_view>& units) {
    std::size_t unit = 0;
    while (value >= 999.5 && unit + 1 < units.size()) {
        value /= 1000;
        ++unit;
    }
    const int digits = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    return fixed(value, digits) + std::string(units[unit]);
}

std::string time_text(nanoseconds time) {
    return with_unit(static_cast<double>(time.count()), {" ns", " µs", " ms", " s"});
}

std::string rate_text(double rate) { return with_unit(rate, {"/s", " k/s", " M/s", " G/s"}); }

std::string percent(double part) { return fixed(100 * part, 1) + " %"; }

// `part` of `width` characters, to an eighth of one.
std::string bar(double part, std::size_t width) {
    static constexpr std::string_view eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const auto total = static_cast<std::size_t>(std::lround(part * static_cast<double>(width) * 8));
    std::string text;
    for (std::size_t i = 0; i < total / 8; ++i) text += "█";
    return text + std::string(eighths[total % 8]);
}

std::string bare_name() { return std::string(mio::backend()) + " calls"; }

std::vector<Cell> row_of(const std::string& name, const Tally& tally, Style style) {
    return {{name, style},
            {rate_text(tally.rate())},
            {time_text(tally.latencies.minimum())},
            {time_text(tally.latencies.at(0.5)), style},
            {time_text(tally.latencies.at(0.99))},
            {time_text(tally.latencies.maximum())}};
}

std::string summary(const Comparison& comparison, const Output& output) {
    Rows rows{
        {{""},
         {"rate", Style::faint},
         {"minimum", Style::faint},
         {"median", Style::faint},
         {"p99", Style::faint},
         {"maximum", Style::faint}},
        row_of("mio", comparison.library, Style::strong),
    };
    if (comparison.has_bare()) rows.push_back(row_of(bare_name(), comparison.bare, Style::plain));
    return aligned(fits(rows, output) ? rows : transposed(rows), output);
}

std::string counted_rounds(const Comparison& comparison) {
    const auto rounds = comparison.rounds();
    const std::string what = comparison.has_bare() ? (rounds == 1 ? " pair of rounds" : " pairs of rounds")
                                                   : (rounds == 1 ? " round" : " rounds");
    return std::to_string(rounds) + what;
}

std::string ratio_line(const Comparison& comparison, const Output& output) {
    const auto rounds = counted_rounds(comparison);
    if (!comparison.has_bare()) return paragraph(rounds, output, 2, Style::faint);
    const auto ratio = comparison.ratio();
    if (!ratio) {
        return paragraph("no ratio: " + rounds + (comparison.rounds() == 1 ? " is" : " are")
                             + " too few, at least " + std::to_string(bench_fewest_pairs) + " are needed",
                         output, 2, Style::caution);
    }
    const auto what = comparison.workload.compared == Compared::time ? "time" : "latency";
    const auto of = std::string(" of the ") + what + " on the bare calls";
    const auto number = fixed(ratio->median, 3);
    const bool fits_line = std::string_view("  ratio ").size() + number.size() + of.size() <= output.width();
    return "  ratio " + output.styled(number, Style::accent)
           + (fits_line ? output.styled(of, Style::faint) + '\n'
                        : '\n' + paragraph(of.substr(1), output, 2, Style::faint))
           + paragraph("the median of " + rounds + ", quartiles " + fixed(ratio->first_quartile, 3) + " and "
                           + fixed(ratio->third_quartile, 3) + ", from " + fixed(ratio->minimum, 3) + " to "
                           + fixed(ratio->maximum, 3),
                       output, 2, Style::faint);
}

// Columns of a histogram's bars: as many as fit and are useful; none if these are too few.
std::size_t bar_width(const Output& output, std::size_t bars) {
    constexpr std::size_t widest = 24;
    constexpr std::size_t narrowest = 4;
    constexpr std::size_t limit_column = 2 + 7;
    constexpr std::size_t share_column = 2 + 11 + 2;
    const auto used = limit_column + bars * share_column;
    const auto room = output.width() > used ? (output.width() - used) / bars : 0;
    return room < narrowest ? 0 : std::min(room, widest);
}

std::string histogram(const Comparison& comparison, const Output& output) {
    const auto& library = comparison.library.latencies;
    const auto& bare = comparison.bare.latencies;
    const bool has_bare = comparison.has_bare();
    if (library.empty() || (has_bare && bare.empty())) return {};
    const auto& lower = has_bare && bare.at(0.01) < library.at(0.01) ? bare : library;
    const auto& upper = has_bare && bare.at(0.99) > library.at(0.99) ? bare : library;
    // The first and the last row hold the outliers.
    const auto marks = scale(lower.at(0.01), upper.at(0.99), 12);
    const std::vector<nanoseconds> limits(marks.begin() + 1, marks.end());
    const auto of_library = library.counts_below(limits);
    const auto of_bare = has_bare ? bare.counts_below(limits) : std::vector<std::uint64_t>(of_library.size());
    const auto width = bar_width(output, has_bare ? 2 : 1);

    const auto part = [](std::uint64_t count, const Histogram& of) {
        return of.empty() ? 0 : static_cast<double>(count) / static_cast<double>(of.count());
    };
    double largest = 0;
    for (std::size_t i = 0; i < of_library.size(); ++i) {
        largest = std::max({largest, part(of_library[i], library), part(of_bare[i], bare)});
    }
    Rows rows{{{"below", Style::faint}, {"mio", Style::faint}, {""}}};
    if (has_bare) rows.front().insert(rows.front().end(), {{bare_name(), Style::faint}, {""}});
    for (std::size_t i = 0; i < of_library.size(); ++i) {
        const double left = part(of_library[i], library);
        const double right = part(of_bare[i], bare);
        std::vector<Cell> row{{i < limits.size() ? time_text(limits[i]) : "more"},
                              {percent(left)},
                              {padded(bar(left / largest, width), has_bare ? width : 0), Style::accent}};
        if (has_bare) row.insert(row.end(), {{percent(right)}, {bar(right / largest, width), Style::faint}});
        rows.push_back(std::move(row));
    }
    return aligned(rows, output);
}

} // namespace

void Tally::add(const Measurement& round, const Workload& workload) {
    latencies.merge(round.latencies);
    operations += round.latencies.count();
    time += round.time;
    const auto count = static_cast<double>(std::max<std::uint64_t>(round.latencies.count(), 1));
    compared.push_back(workload.compared == Compared::time
                           ? static_cast<double>(round.time.count()) / count
                           : static_cast<double>(round.latencies.at(0.5).count()));
}

double Tally::rate() const {
    if (time.count() == 0) return 0;
    return static_cast<double>(operations) / std::chrono::duration<double>(time).count();
}

std::string text_of(const Comparison& comparison, const Output& output) {
    const auto& workload = comparison.workload;
    return heading(workload.name, workload.operation, output) + summary(comparison, output)
           + ratio_line(comparison, output) + '\n' + histogram(comparison, output);
}

std::string table_of(const std::vector<Workload>& workloads, const Output& output) {
    Rows rows;
    for (const auto& workload : workloads) {
        rows.push_back({{std::string(workload.name), Style::strong}, {std::string(workload.operation)}});
    }
    return aligned(rows, output);
}

} // namespace probe::bench
