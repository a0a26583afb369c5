// Not part of a program: Clang must refuse each task below, since what it refers to ends before it.

#include <coroutine>
#include <exception>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>

import mio.async;

using mio::async::Task;

Task<std::size_t> length(const std::string& text) { co_return text.size(); }

Task<std::size_t> of_a_temporary() {
    auto task = length(std::string("temporary"));
    co_return co_await std::move(task);
}

Task<int> of_the_captures_of_a_temporary() {
    int number = 1;
    auto task = [&number]() -> Task<int> { co_return number; }();
    co_return co_await std::move(task);
}

[[clang::coro_wrapper]] Task<std::size_t> of_a_local() {
    const std::string local;
    return length(local);
}
