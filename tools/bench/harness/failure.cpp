#include "harness/failure.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace bench {

void fail(const char* call, int error) {
    std::fprintf(stderr, "mio-bench: %s: %s\n", call, std::strerror(error));
    std::_Exit(1); // may be a forked process, whose buffers are copies
}

} // namespace bench
