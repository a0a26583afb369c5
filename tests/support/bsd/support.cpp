#include <sys/types.h>

#include <sys/event.h>
#include <unistd.h>

#include <cstdint>
#include <ctime>

#include "posix.hpp"

namespace test {

// Only FreeBSD has POLLRDHUP. See kqueue(2), EVFILT_READ.
void plain::await_end(mio::RawHandle handle) {
    const Socket kqueue = close_on_exec(::kqueue());
    struct ::kevent record{};
    EV_SET(&record, static_cast<std::uintptr_t>(handle), EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, nullptr);
    const struct ::kevent change = record;
    ASSERT_EQ(::kevent(kqueue.fd(), &change, 1, nullptr, 0, nullptr), 0);
    do {
        const ::timespec limit{.tv_sec = 10, .tv_nsec = 0};
        ASSERT_EQ(::kevent(kqueue.fd(), nullptr, 0, &record, 1, &limit), 1) << "no event";
    } while ((record.flags & EV_EOF) == 0);
}

} // namespace test
