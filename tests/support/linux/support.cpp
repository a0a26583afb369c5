#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "posix.hpp"
#include "sandbox.hpp"

namespace test {

bool can_forbid_system_calls() {
    return holds_in_child([] {
        if (!forbid_system_call(SYS_listen, ENOBUFS)) ::_exit(1);
    });
}

void plain::await_end(mio::RawHandle handle) { await(handle, POLLRDHUP); }

} // namespace test
