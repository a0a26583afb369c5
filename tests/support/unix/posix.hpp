// What only tests of Unix use. Includes support.hpp, so it comes last as well.
#pragma once

#include <functional>
#include <set>
#include <utility>
#include <vector>

#include "support.hpp"

namespace test {

/// The descriptors that this process has open.
std::set<int> open_descriptors();

/// Runs `f` in a child process, for what would spoil this one: limits, system call filters, lost descriptors.
/// Holds if the child met every expectation in `f`; what it did not meet, it has printed itself.
testing::AssertionResult holds_in_child(const std::function<void()>& f);

/// For a child process only (see holds_in_child): uses up all descriptors but `spare`. The result holds them.
std::vector<plain::Socket> exhaust_descriptors(int spare);

/// For a child process only: what `f` gives while there is no descriptor. Look at it afterwards: the sanitizers need
/// descriptors themselves.
template <class F> auto without_descriptors(F&& f) {
    const auto held = exhaust_descriptors(0);
    return std::forward<F>(f)();
}

bool is_non_blocking(int fd);

namespace plain {

/// The descriptor, closed in programs that this one starts. In two steps, since macOS has no call that does it in one:
/// no test starts a program while another thread of it makes a descriptor.
Socket close_on_exec(int fd);

/// A pipe: the end to read from, and the end to write to.
std::pair<Socket, Socket> pipe();

} // namespace plain

} // namespace test
