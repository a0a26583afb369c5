// What a process has open.
#pragma once

#include <set>

namespace test {

/// Its descriptors.
using OpenHandles = std::set<int>;

} // namespace test
