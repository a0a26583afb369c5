// Documented differences between the backends, the only ones that a portable test may depend on: the library's own table,
// in modules/sys/selector.cppm. A test of a backend's own mechanism (flags, system calls) checks `mio::backend()`.
#pragma once

#include "support.hpp"

namespace test {

/// Those of the backend behind `Poll`.
inline constexpr mio::backend_traits differences{};

} // namespace test
