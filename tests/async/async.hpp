// Helpers for tests of mio.async. Include it last: it imports modules, and standard headers must precede an import.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <expected>
#include <memory>
#include <optional>
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
