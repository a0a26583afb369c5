// Linux only. Include it after "../pipe.hpp".
#pragma once

#include <sys/uio.h>

#include "../pipe.hpp"

namespace test {

/// Whether this kernel supports RWF_NOSIGNAL.
inline bool kernel_has_nosignal() {
    const auto [sender, receiver] = must(make_pipe());
    const char byte = 'x';
    const ::iovec vector{const_cast<char*>(&byte), 1};
    return ::pwritev2(sender.raw(), &vector, 1, -1, 0x100) == 1;
}

} // namespace test
