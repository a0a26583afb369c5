/// @file
/// Changes to the filters of a kqueue. Internal.

module;

#include <sys/types.h>

#include <sys/event.h>

#include <bit>
#include <cerrno>
#include <ctime>

export module mio.sys.kqueue.changes;

import mio.core.error;
import mio.core.handle;
import mio.core.types;
import mio.os;
import mio.std;

namespace mio::sys::kqueue {

template <class N>
N count_of(int (*)(int, const struct ::kevent*, N, struct ::kevent*, N, const ::timespec*));
/// Type of kevent's counts: int on most systems, size_t on NetBSD.
export using Count = decltype(count_of(&::kevent));

using Filter = decltype(std::declval<struct ::kevent>().filter);

/// A few changes, applied in one system call.
export class Changes {
  public:
    void add(std::uintmax_t ident, Filter filter, unsigned flags, Token token, unsigned fflags = 0) noexcept {
        auto& change = list_[count_++];
        change = {};
        change.ident = static_cast<decltype(change.ident)>(ident);
        change.filter = filter;
        change.flags = static_cast<decltype(change.flags)>(flags | EV_RECEIPT);
        change.fflags = fflags;
        // A pointer on most systems, an integer on some.
        change.udata = std::bit_cast<decltype(change.udata)>(token.value);
    }
    /// Deletes the filter if it exists.
    void drop(std::uintmax_t ident, Filter filter) noexcept { add(ident, filter, EV_DELETE, {}); }

    /// Applies all changes, including those after a failed one. Returns the first error that matters. ENOENT and
    /// EBADF do not matter when deleting a filter, which is already gone, nor does EPIPE for EVFILT_READ, which some
    /// systems report although they watch the pipe. EPIPE for EVFILT_WRITE matters: the kernel does not watch the
    /// sending end of a pipe whose receiving end is closed, and would never report it.
    [[nodiscard]] Result<> submit(RawHandle kqueue) const noexcept {
        if (count_ == 0) return {};
        std::array<struct ::kevent, most> receipts{};
        constexpr ::timespec at_once{};
        const auto count = static_cast<Count>(count_);
        const int result = ::kevent(kqueue, list_.data(), count, receipts.data(), count, &at_once);
        // EINTR: the changes were applied; only the wait, if any, was interrupted.
        if (result == -1 && errno != EINTR) return std::unexpected(os::last_error());
        for (int i = 0; i < result; ++i) {
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
    static constexpr std::size_t most = 4; // two filters, each deleted and added
    std::array<struct ::kevent, most> list_;
    std::size_t count_ = 0;
};

} // namespace mio::sys::kqueue
