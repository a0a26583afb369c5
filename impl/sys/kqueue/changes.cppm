/// @file
/// What a kqueue is told to watch. For bodies only.

module;

#include <sys/types.h>

#include <sys/event.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <expected>
#include <system_error>
#include <utility>

export module mio.sys.kqueue.changes;

import mio.core.error;
import mio.core.handle;
import mio.core.types;
import mio.os;

namespace mio::sys::kqueue {

template <class N>
N count_of(int (*)(int, const struct ::kevent*, N, struct ::kevent*, N, const ::timespec*));
/// How kevent counts its records: an int on most systems, a size_t on NetBSD.
export using Count = decltype(count_of(&::kevent));

using Filter = decltype(std::declval<struct ::kevent>().filter);

/// A few changes, made in one system call.
export class Changes {
  public:
    void add(std::uintmax_t ident, Filter filter, unsigned flags, Token token, unsigned fflags = 0) noexcept {
        auto& change = list_[count_++];
        change = {};
        change.ident = static_cast<decltype(change.ident)>(ident);
        change.filter = filter;
        change.flags = static_cast<decltype(change.flags)>(flags | EV_RECEIPT);
        change.fflags = fflags;
        // A pointer on most systems, and a number on some.
        change.udata = std::bit_cast<decltype(change.udata)>(token.value);
    }
    /// Whether there was such a filter or not.
    void drop(std::uintmax_t ident, Filter filter) noexcept { add(ident, filter, EV_DELETE, {}); }

    /// Makes all changes, also those after one that fails. The error is that of the first one that failed and
    /// matters. ENOENT and EBADF do not for a filter to drop, which is gone already, nor does EPIPE for EVFILT_READ, which
    /// some systems report for a pipe that they watch all the same. EPIPE for EVFILT_WRITE does: the kernel refuses to watch
    /// the sending end of a pipe whose receiving end is gone, and would never report it.
    [[nodiscard]] Result<> submit(RawHandle kqueue) const noexcept {
        if (count_ == 0) return {};
        std::array<struct ::kevent, most> receipts{};
        constexpr ::timespec at_once{};
        const auto count = static_cast<Count>(count_);
        const int answer = ::kevent(kqueue, list_.data(), count, receipts.data(), count, &at_once);
        // EINTR: the changes were made, and only the wait, if any, was interrupted.
        if (answer == -1 && errno != EINTR) return std::unexpected(os::last_error());
        for (int i = 0; i < answer; ++i) {
            const auto& receipt = receipts[static_cast<std::size_t>(i)];
            const auto code = static_cast<int>(receipt.data);
            const bool drops = (list_[static_cast<std::size_t>(i)].flags & EV_DELETE) != 0;
            if ((receipt.flags & EV_ERROR) == 0 || code == 0) continue;
            const bool reads = list_[static_cast<std::size_t>(i)].filter == EVFILT_READ;
            if (drops ? code == ENOENT || code == EBADF : code == EPIPE && reads) continue;
            return std::unexpected(std::error_code(code, os_category()));
        }
        return {};
    }

  private:
    static constexpr std::size_t most = 4; // two filters, each of them dropped and added
    std::array<struct ::kevent, most> list_;
    std::size_t count_ = 0;
};

} // namespace mio::sys::kqueue
