// What a process has open.
#pragma once

namespace test {

/// How many handles it has, whatever they stand for.
using OpenHandles = unsigned long;

} // namespace test
