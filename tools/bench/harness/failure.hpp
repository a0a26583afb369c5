#pragma once

#include <cerrno>

namespace bench {

/// Ends a measurement whose call failed. Each program defines it: mio-bench prints the error and exits, `mio-probe bench`
/// throws.
[[noreturn]] void fail(const char* call, int error = errno);

/// For calls that return -1 and set `errno`.
template <class T> T must(T result, const char* call) {
    if (result < 0) [[unlikely]]
        fail(call);
    return result;
}

} // namespace bench
