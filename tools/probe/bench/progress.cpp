module;

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>

module probe.bench.progress;

import probe.os;
import probe.output;

namespace probe::bench {
namespace {

bool can_be_drawn_again() {
    const char* terminal = std::getenv("TERM");
    return terminal != nullptr && std::string_view(terminal) != "dumb" && os::is_terminal(os::standard_error);
}

} // namespace

Progress::Progress() : is_shown_(can_be_drawn_again()) {}

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

} // namespace probe::bench
