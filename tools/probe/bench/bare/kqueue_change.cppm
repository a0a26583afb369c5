/// @file
/// One change of a kqueue, on the bare call.

module;

#include <sys/types.h>

#include <sys/event.h>

#include <bit>
#include <cstddef>
#include <cstdint>

export module probe.bench.kqueue_change;

import probe.bench.calls;

namespace probe::bench {

export inline void change(int kqueue, std::uintptr_t ident, int filter, unsigned flags, unsigned fflags,
                          std::size_t token) {
    struct ::kevent record{};
    record.ident = ident;
    record.filter = static_cast<decltype(record.filter)>(filter);
    record.flags = static_cast<decltype(record.flags)>(flags);
    record.fflags = static_cast<decltype(record.fflags)>(fflags);
    // A pointer on most systems, and a number on some.
    record.udata = std::bit_cast<decltype(record.udata)>(token);
    checked(::kevent(kqueue, &record, 1, nullptr, 0, nullptr), "kevent");
}

} // namespace probe::bench
