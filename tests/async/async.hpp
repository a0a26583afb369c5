// Helpers for tests of mio.async. Include it last: it imports modules, and standard headers must precede an import.
#pragma once

#include <atomic>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include "support.hpp"

import mio.async;

namespace test {

namespace async = mio::async;
using async::Task;

/// Runs `task` on a loop of its own.
template <class T> T run_alone(Task<T> task) {
    auto loop = must(async::Loop::create());
    return must(async::run(loop, std::move(task)));
}

/// A path for a temporary file, which no other test has, also in another process.
inline std::string fresh_path(const std::string& name) {
    static const auto process = std::random_device{}();
    static std::atomic<int> number = 0;
    const auto file = "mio-" + name + '-' + std::to_string(process) + '-' + std::to_string(++number);
    return (std::filesystem::temp_directory_path() / file).string();
}

/// Counts how often it was destroyed, to see locals of coroutines end.
struct Guard {
    explicit Guard(int& count) noexcept : count_(&count) {}
    Guard(Guard&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
    ~Guard() {
        if (count_ != nullptr) ++*count_;
    }

  private:
    int* count_;
};

} // namespace test
