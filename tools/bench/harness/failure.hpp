#pragma once

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace bench {

/// A benchmark whose calls fail measures nothing: it says which one and ends.
[[noreturn]] inline void fail(const char* what, int error = errno) {
    std::fprintf(stderr, "mio-bench: %s: %s\n", what, std::strerror(error));
    std::_Exit(1); // may be a forked process, whose buffers are copies
}

/// For calls that answer -1 and `errno`.
template <class T> T must(T answer, const char* what) {
    if (answer < 0) [[unlikely]]
        fail(what);
    return answer;
}

} // namespace bench
