#include "harness/plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <iomanip>
#include <sstream>
#include <string_view>

namespace bench {
namespace {

constexpr double left = 300; // where a ratio of `least` is
constexpr double width = 640;
constexpr double bar_height = 12;
constexpr double gap = 14;
constexpr double top = 70;

// The scale is logarithmic: half as long and twice as long are equally far from the line at 1.
constexpr double least = 1.0 / 256;
constexpr double most = 16;

double x_of(double ratio) {
    const double bounded = std::clamp(ratio, least, most);
    return left + width * (std::log2(bounded) - std::log2(least)) / (std::log2(most) - std::log2(least));
}

std::string escaped(std::string_view text) {
    std::string safe;
    for (const char c : text) {
        if (c == '&')
            safe += "&amp;";
        else if (c == '<')
            safe += "&lt;";
        else
            safe += c;
    }
    return safe;
}

} // namespace

std::string plot(const std::vector<Line>& lines) {
    static constexpr std::array<std::string_view, 9> colours{
        "#7a7a7a", "#0b6e99", "#c9711b", "#5b8c3a", "#8e4a9e", "#a63d40", "#b8b8b8", "#5aa9c9", "#0d4a66"};
    std::vector<std::string> contestants;
    std::ostringstream rows;
    rows << std::fixed << std::setprecision(1);
    double y = top;
    std::string_view workload;
    for (const auto& line : lines) {
        if (line.workload != workload) {
            workload = line.workload;
            y += gap;
            rows << "<text x=\"10\" y=\"" << y + bar_height - 2 << "\" font-weight=\"bold\">"
                 << escaped(workload) << "</text>\n";
        }
        auto known = std::ranges::find(contestants, line.contestant);
        if (known == contestants.end()) known = contestants.insert(known, line.contestant);
        const auto colour = colours[static_cast<std::size_t>(known - contestants.begin()) % colours.size()];
        rows << "<text x=\"" << left - 8 << "\" y=\"" << y + bar_height - 2 << "\" text-anchor=\"end\">"
             << escaped(line.contestant) << "</text>\n";
        if (std::isfinite(line.time_ratio)) {
            const double from = std::min(x_of(1), x_of(line.time_ratio));
            const double to = std::max(x_of(1), x_of(line.time_ratio));
            rows << "<rect x=\"" << from << "\" y=\"" << y << "\" width=\"" << std::max(to - from, 1.5)
                 << "\" height=\"" << bar_height - 2 << "\" fill=\"" << colour << "\"/>\n"
                 << "<text x=\"" << left + width + 8 << "\" y=\"" << y + bar_height - 2 << "\">"
                 << std::setprecision(line.time_ratio < 0.1 ? 4 : 2) << line.time_ratio
                 << std::setprecision(1) << "</text>\n";
        }
        y += bar_height;
    }

    std::ostringstream out;
    out << "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" << left + width + 70 << "\" height=\""
        << y + 20 << "\" font-family=\"sans-serif\" font-size=\"10\">\n"
        << "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        << "<text x=\"10\" y=\"22\" font-size=\"15\">Time for each operation, as a multiple of the bare "
           "system "
           "calls'</text>\n"
        << "<text x=\"10\" y=\"40\">Median of the ratios of each round; logarithmic; left of 1 is "
           "faster.</text>\n";
    for (double ratio = least; ratio <= most; ratio *= 2) {
        const bool is_one = ratio == 1;
        out << "<line x1=\"" << x_of(ratio) << "\" x2=\"" << x_of(ratio) << "\" y1=\"" << top << "\" y2=\""
            << y + 4 << "\" stroke=\"" << (is_one ? "black" : "#dddddd") << "\"/>\n<text x=\"" << x_of(ratio)
            << "\" y=\"" << top - 4 << "\" text-anchor=\"middle\">" << (ratio < 1 ? "1/" : "")
            << static_cast<int>(ratio < 1 ? 1 / ratio : ratio) << "</text>\n";
    }
    out << rows.str() << "</svg>\n";
    return out.str();
}

} // namespace bench
