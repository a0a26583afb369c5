#include "bench.hpp"
#include "os.hpp"

namespace probe::bench {

namespace {

bool can_redraw() {
    const char* terminal = std::getenv("TERM");
    return terminal != nullptr && std::string_view(terminal) != "dumb" && os::is_terminal(os::standard_error);
}

} // namespace

Progress::Progress() : is_shown_(can_redraw()) {}

Progress::~Progress() { clear(); }

void Progress::show(std::string_view name, double part) {
    if (!is_shown_) return;
    constexpr std::size_t width = 40;
    const double done = std::clamp(part, 0.0, 1.0);
    const auto full = static_cast<std::size_t>(done * width);
    auto line = padded(name, 9) + '[' + std::string(full, '#') + std::string(width - full, '.') + "] "
                + std::to_string(static_cast<int>(done * 100)) + " %";
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
using Rows = std::vector<std::vector<Cell>>;

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
    const Rows rows{
        {{""},
         {"rate", Style::faint},
         {"minimum", Style::faint},
         {"median", Style::faint},
         {"p99", Style::faint},
         {"maximum", Style::faint}},
        row_of("mio", comparison.library, Style::strong),
        row_of(bare_name(), comparison.bare, Style::plain),
    };
    return aligned(rows, output);
}

std::string ratio_line(const Comparison& comparison, const Output& output) {
    const auto rounds = comparison.rounds();
    const auto ratio = comparison.ratio();
    const auto what = comparison.workload.compared == Compared::time ? "time" : "latency";
    return "  ratio " + output.styled(fixed(ratio.median, 3), Style::accent)
           + output.styled(std::string(" of the ") + what + " on the bare calls: the median of "
                               + std::to_string(rounds) + (rounds == 1 ? " pair" : " pairs") + " of rounds, "
                               + fixed(ratio.minimum, 3) + " to " + fixed(ratio.maximum, 3),
                           Style::faint)
           + '\n';
}

std::string histogram(const Comparison& comparison, const Output& output) {
    constexpr std::size_t width = 24;
    const auto& library = comparison.library.latencies;
    const auto& bare = comparison.bare.latencies;
    if (library.empty() || bare.empty()) return {};
    // The first and the last row hold the outliers.
    const auto marks =
        scale(std::min(library.at(0.01), bare.at(0.01)), std::max(library.at(0.99), bare.at(0.99)), 12);
    const std::vector<nanoseconds> limits(marks.begin() + 1, marks.end());
    const auto of_library = library.counts_below(limits);
    const auto of_bare = bare.counts_below(limits);

    const auto part = [](std::uint64_t count, const Histogram& of) {
        return static_cast<double>(count) / static_cast<double>(of.count());
    };
    double largest = 0;
    for (std::size_t i = 0; i < of_library.size(); ++i) {
        largest = std::max({largest, part(of_library[i], library), part(of_bare[i], bare)});
    }
    Rows rows{{{"below", Style::faint}, {"mio", Style::faint}, {""}, {bare_name(), Style::faint}, {""}}};
    for (std::size_t i = 0; i < of_library.size(); ++i) {
        const double left = part(of_library[i], library);
        const double right = part(of_bare[i], bare);
        rows.push_back({{i < limits.size() ? time_text(limits[i]) : "more"},
                        {percent(left)},
                        {padded(bar(left / largest, width), width), Style::accent},
                        {percent(right)},
                        {bar(right / largest, width), Style::faint}});
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
    auto head = output.styled(workload.name, Style::strong)
                + output.styled(", " + std::string(workload.operation), Style::faint) + '\n';
    return head + summary(comparison, output) + ratio_line(comparison, output) + '\n'
           + histogram(comparison, output);
}

std::string table_of(const std::vector<Workload>& workloads, const Output& output) {
    Rows rows;
    for (const auto& workload : workloads) {
        rows.push_back({{std::string(workload.name), Style::strong}, {std::string(workload.operation)}});
    }
    return aligned(rows, output);
}

} // namespace probe::bench
