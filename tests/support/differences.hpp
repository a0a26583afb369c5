// Documented differences between the backends, the only ones that a portable test may depend on. A test of a
// backend's own mechanism (flags, system calls) checks `mio::backend()`.
#pragma once

#include <algorithm>
#include <string_view>

#include "support.hpp"

namespace test {

struct Differences {
    std::string_view backend;
    /// `Poll::raw_fd` is a descriptor, which another selector can watch.
    bool has_a_descriptor;
    /// New data is reported while older data is unread.
    bool reports_data_behind_data_left_unread;
    /// A source that is readable and writable causes one event, not one per direction.
    bool has_one_event_for_both_directions;
    /// A source that is always ready, such as a regular file, cannot be registered.
    bool refuses_files;
    /// A handle that one source watches cannot be registered through another source.
    bool refuses_a_second_source;
    /// `Interest::priority` can be watched.
    bool has_priority;
    /// `Interest::aio` and `Interest::lio` can be registered.
    bool has_aio;
    /// A waker has a descriptor of its own.
    bool has_descriptors_for_wakers;
    /// Registering may allocate even if as many sources were registered before.
    bool keeps_state_of_sources;
    /// A pending error that does not end the connection, as of a datagram that was refused, is reported as such.
    bool reports_lasting_errors;
    /// `shutdown(write)` of this side is reported as write_closed.
    bool reports_local_shutdown_of_writing;
    /// The sending end of a pipe whose receiving end is gone cannot be registered (`broken_pipe`).
    bool refuses_a_broken_pipe;
};

// clang-format off
inline constexpr Differences all_differences[] = {
    // backend desc.  behind one    files  second prio.  aio    waker  memory errors shutdown broken
    {"epoll",  true,  true,  true,  true,  true,  true,  false, true,  false, true,  false, false},
    {"poll",   false, false, true,  true,  true,  true,  false, false, true,  true,  false, false},
    {"kqueue", true,  true,  false, false, false, false, true,  false, true,  false, true,  true},
    {"iocp",   false, false, true,  true,  false, false, false, false, true,  false, false, false},
};
// clang-format on

constexpr const Differences& differences_of(std::string_view backend) {
    return *std::ranges::find(all_differences, backend, &Differences::backend);
}

/// Those of the backend behind `Poll`.
inline const Differences differences = differences_of(mio::backend());

} // namespace test
