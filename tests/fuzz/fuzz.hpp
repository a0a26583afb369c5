// Shared by the fuzz targets. A target defines `fuzz`, which ends the program if a property does not hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

namespace fuzz {

/// The target: one input. Called many times in one process.
void run(std::span<const std::uint8_t> input);

/// Ends the program unless the property holds.
inline void require(bool holds, const char* property, std::string_view detail = {}) {
    if (holds) return;
    std::fprintf(stderr, "does not hold: %s: %.*s\n", property, static_cast<int>(detail.size()),
                 detail.data());
    std::abort();
}

inline std::string_view text_of(std::span<const std::uint8_t> input) {
    return {reinterpret_cast<const char*>(input.data()), input.size()};
}

/// Takes an input apart. Behind its end everything is 0.
class Bytes {
  public:
    explicit Bytes(std::span<const std::uint8_t> input) : rest_(input) {}

    [[nodiscard]] bool empty() const { return rest_.empty(); }
    std::uint8_t byte() {
        if (rest_.empty()) return 0;
        const auto first = rest_.front();
        rest_ = rest_.subspan(1);
        return first;
    }

  private:
    std::span<const std::uint8_t> rest_;
};

} // namespace fuzz
