// The registrations in epoll instances of this process, as its calls of epoll_ctl made them.
#pragma once

#include "trap.hpp"

namespace faults {

/// Notes a successful call of epoll_ctl(2).
void note_registration(const Call& epoll_ctl) noexcept;

/// Makes epoll report the readiness of `fd` again, as it does when more data arrives. A call that falsely returned
/// would-block, or fewer bytes than were there, has to do this: no edge would follow.
void report_again(long fd) noexcept;

/// A registration of an epoll instance: its events and data. Successive calls return one after another; false: none.
bool next_registration(long epoll, unsigned& events, unsigned long long& data) noexcept;

} // namespace faults
