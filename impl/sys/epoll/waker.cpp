module;

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <expected>
#include <mutex>
#include <system_error>
#include <utility>

module mio.sys.epoll;

import mio.core.error;
import mio.core.handle;
import mio.core.owned_handle;
import mio.core.types;
import mio.os;

namespace mio::sys::epoll {
namespace {

int add_one(RawHandle eventfd) noexcept {
    const std::uint64_t one = 1;
    return ::write(eventfd, &one, sizeof one) == -1 ? errno : 0;
}

} // namespace

Result<Waker::Parts> Waker::open(Selector& selector, Token token) noexcept {
    auto eventfd = os::check_handle(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!eventfd) return std::unexpected(eventfd.error());
    auto added = selector.add(eventfd->get(), token, Interest::readable, Trigger::edge);
    if (!added) return std::unexpected(added.error());
    return Parts{std::move(*eventfd)};
}

Waker::Waker(Selector& selector, Token token, Parts&& parts) noexcept
    : selector_(selector), token_(token), eventfd_(std::move(parts.eventfd)) {
    const std::scoped_lock lock(selector_.wakers_mutex_);
    next_ = std::exchange(selector_.wakers_, this);
}

Waker::~Waker() {
    const std::scoped_lock lock(selector_.wakers_mutex_);
    auto** link = &selector_.wakers_;
    while (*link != this) link = &(*link)->next_;
    *link = next_;
}

// Why no wake is lost: only the thread that turns `pending_` from false to true writes, and every write is an
// edge that some later epoll_wait reports. A thread that finds the flag set relies on that report being still
// to come; `settle_wakes` clears the flag only after epoll_wait has returned the event, and before `select`
// returns. So either this exchange comes first in the flag's order, and the `select` that clears it acquires
// what this thread wrote and has the event in hand; or it comes second, finds false, and writes anew.
//
// `woken_` is set between the two, so that the thread that receives the event knows that there is a flag to
// clear: the kernel orders the write before the epoll_wait that reports it.
Result<> Waker::wake() noexcept {
    if (pending_.exchange(true, std::memory_order_acq_rel)) return {};
    selector_.woken_.store(true, std::memory_order_release);
    int failure = add_one(eventfd_.get());
    if (failure == EAGAIN) [[unlikely]] {
        // The counter, which nobody reads, is full after 2^64 - 2 writes. Empty it and begin again.
        std::uint64_t count = 0;
        [[maybe_unused]] const auto ignored = ::read(eventfd_.get(), &count, sizeof count);
        failure = add_one(eventfd_.get());
    }
    if (failure != 0) [[unlikely]] {
        pending_.store(false, std::memory_order_release); // nothing is on its way: let the next wake try
        return std::unexpected(std::error_code(failure, os_category()));
    }
    return {};
}

} // namespace mio::sys::epoll
