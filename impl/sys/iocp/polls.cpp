module;

#include <cstddef>

module mio.sys.iocp;

import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.types;
import mio.os.kernel_handle;
import mio.std;
import mio.sys.iocp.afd;
import mio.sys.selector;

namespace mio::sys::iocp {

// AFD_POLL_INFO is not declared in the SDK's headers.
static_assert(sizeof(RawHandle) != 8
              || (offsetof(AfdPollInfo, socket) == 16 && offsetof(AfdPollInfo, events) == 24
                  && sizeof(AfdPollInfo) == 32));

Result<> Port::rearm(Source& source, Interest blocked) noexcept {
    const std::scoped_lock lock(mutex_);
    const auto wanted = Source::events_of(blocked) & Source::events_of(source.interest);
    return arm(source, wanted);
}

// A pending socket error shows as its consequence: a refused datagram makes the socket readable.
void Port::error_taken(Source& source) noexcept {
    const std::scoped_lock lock(mutex_);
    const auto wanted = (Source::readable | Source::always) & Source::events_of(source.interest);
    static_cast<void>(arm(source, wanted));
}

Result<> Port::arm(Source& source, std::uint32_t wanted) noexcept {
    if (!source.is_attached) return {};
    // The poll completed before the operation would have blocked, so its events may be out of date.
    if (source.status != Source::Status::idle && source.is_completed()) source.is_stale = true;
    if (source.trigger != Trigger::edge || (source.armed & wanted) == wanted) return {};
    const auto before = std::exchange(source.armed, source.armed | wanted);
    auto updated = update(source);
    if (!updated) source.armed = before;
    return updated;
}

void Port::enqueue(Source& source) noexcept {
    if (source.is_queued) return;
    source.is_queued = true;
    source.previous_queued = std::exchange(last_queued_, &source);
    (source.previous_queued != nullptr ? source.previous_queued->next_queued : first_queued_) = &source;
}

void Port::dequeue(Source& source) noexcept {
    if (!std::exchange(source.is_queued, false)) return;
    auto* const previous = std::exchange(source.previous_queued, nullptr);
    auto* const next = std::exchange(source.next_queued, nullptr);
    (previous != nullptr ? previous->next_queued : first_queued_) = next;
    (next != nullptr ? next->previous_queued : last_queued_) = previous;
}

// A source whose poll cannot be submitted stays queued, and the next `select` tries again.
Result<> Port::adjust_queued() noexcept {
    while (first_queued_ != nullptr) {
        auto& source = *first_queued_;
        if (auto adjusted = adjust_poll(source); !adjusted) return adjusted;
        dequeue(source);
    }
    return {};
}

// Called when the events to poll for have changed. Without a waiting thread the poll is deferred to the next `select`,
// because the events may change again.
Result<> Port::update(Source& source) noexcept {
    if (is_waiting_.load(std::memory_order_relaxed)) return adjust_poll(source);
    enqueue(source);
    return {};
}

Result<> Port::adjust_poll(Source& source) noexcept {
    switch (source.status) {
    case Source::Status::idle:
        // A one-shot, or all edges, have been reported.
        if (source.armed == 0) return {};
        return submit(source);
    case Source::Status::pending:
        // The pending poll covers all wanted events. `complete` ignores the others.
        if ((source.armed & ~source.polled) == 0) return {};
        // A pending poll cannot be changed: cancel it, and submit another one when it has completed.
        return cancel(source);
    case Source::Status::cancelled:
        // `complete` queues the source again.
        return {};
    }
    return {};
}

Result<> Port::submit(Source& source) noexcept {
    source.poll = {.socket = source.socket, .events = source.armed | afd_local_close};
    source.overlapped = {.internal = static_cast<std::uintptr_t>(afd::status_pending)};
    source.status = Source::Status::pending;
    source.polled = source.armed;
    source.is_stale = false;
    in_flight_.fetch_add(1, std::memory_order_relaxed); // before another thread can dequeue the completion
    const auto submitted = afd::submit(source.device, &source.poll, sizeof source.poll, &source.overlapped,
                                       static_cast<Operation*>(&source));
    if (submitted && *submitted == afd::Submitted::accepted) return {};
    in_flight_.fetch_sub(1, std::memory_order_relaxed);
    source.status = Source::Status::idle;
    if (!submitted) return std::unexpected(submitted.error());
    // The socket was closed. On other backends the kernel removes a closed socket by itself.
    if (source.is_attached) detach(source);
    return {};
}

Result<> Port::cancel(Source& source) noexcept {
    auto cancelled = afd::cancel(source.device, &source.overlapped);
    if (cancelled) source.status = Source::Status::cancelled;
    return cancelled;
}

void Port::complete(Source& source) noexcept {
    const std::scoped_lock lock(mutex_);
    source.status = Source::Status::idle;
    if (!source.is_attached) {
        // It was removed or its socket was closed; only the pending poll kept the source in use.
        if (source.is_released) free_source(source);
        return;
    }
    const auto status = static_cast<std::int32_t>(source.overlapped.internal);
    std::uint32_t happened = 0;
    if (status == afd::status_cancelled) {
        // Cancelled by `adjust_poll`, to submit another poll.
    } else if (status < 0) {
        // The poll failed. It is reported as an error and not resubmitted at once; an operation on the socket returns
        // the cause.
        happened = afd_connect_fail;
        if (source.trigger == Trigger::edge) source.armed &= happened;
    } else if (source.poll.count == 0) {
        // No event: the poll timed out. Does not happen, because the timeout is infinite.
    } else if ((source.poll.events & afd_local_close) != 0 && !source.is_stale) {
        // The socket was closed. On other backends the kernel removes a closed socket by itself. If the poll is
        // outdated, the source may have been modified for another socket with the same value: the next poll shows.
        detach(source);
        return;
    } else {
        happened = source.poll.events;
    }
    // Events of an outdated poll may be gone, so they are polled for again, except the end of the connection, which is
    // final.
    if (source.is_stale) happened &= Source::always;
    // Some events may not be wanted any more.
    happened &= source.armed;
    if (happened != 0 && sink_ != nullptr) report(source, happened);
    // The events that are still armed are polled for again before the next wait.
    if (source.armed != 0) enqueue(source);
}

void Port::report(Source& source, std::uint32_t happened) noexcept {
    BackendAccess::push(*sink_, Event(source.token, decode(happened, source.interest), happened));
    switch (source.trigger) {
    case Trigger::edge: source.armed &= ~happened; break; // until an operation would block
    case Trigger::level: break;
    case Trigger::oneshot: source.armed = 0; break; // until it is modified
    }
}

} // namespace mio::sys::iocp
