// Helpers for Unix tests. Includes support.hpp, so include it last.
#pragma once

#include <functional>
#include <set>
#include <utility>
#include <vector>

#include "support.hpp"

namespace test {

/// The descriptors that are open in this process.
std::set<int> open_descriptors();

/// Runs `f` in a child process, for tests that change process-wide state: limits, system call filters, lost
/// descriptors. Succeeds if every expectation in the child was met; the child prints those that were not.
testing::AssertionResult holds_in_child(const std::function<void()>& f);

/// For child processes only (see holds_in_child): uses up all descriptors except `spare`. The result owns them.
std::vector<plain::Socket> exhaust_descriptors(int spare);

/// For child processes only: the result of `f` while no descriptor is free. Check it afterwards, since sanitizers
/// need descriptors.
template <class F> auto without_descriptors(F&& f) {
    const auto held = exhaust_descriptors(0);
    return std::forward<F>(f)();
}

bool is_non_blocking(int fd);

namespace plain {

/// Sets FD_CLOEXEC. Two steps, since macOS has no atomic call; no test starts a program while another thread creates
/// a descriptor.
Socket close_on_exec(int fd);

/// A pipe: read end and write end.
std::pair<Socket, Socket> pipe();

} // namespace plain

} // namespace test
