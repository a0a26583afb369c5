module;

#include <windows.h>

#include <climits>
#include <cstddef>
#include <iterator>

module mio.sys.iocp;

import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.types;
import mio.os;
import mio.os.kernel_handle;
import mio.os.winsock;
import mio.std;
import mio.sys.iocp.afd;
import mio.sys.selector;
import mio.sys.wakers;

namespace mio::sys::iocp {

static_assert(sizeof(Record) == sizeof(::OVERLAPPED_ENTRY));
static_assert(offsetof(Record, key) == offsetof(::OVERLAPPED_ENTRY, lpCompletionKey));
static_assert(offsetof(Record, operation) == offsetof(::OVERLAPPED_ENTRY, lpOverlapped));
static_assert(offsetof(Record, internal) == offsetof(::OVERLAPPED_ENTRY, Internal));
static_assert(offsetof(Record, bytes) == offsetof(::OVERLAPPED_ENTRY, dwNumberOfBytesTransferred));
static_assert(sizeof(Operation::Overlapped) == sizeof(::OVERLAPPED));
static_assert(offsetof(Operation::Overlapped, event) == offsetof(::OVERLAPPED, hEvent));
static_assert(offsetof(Operation, overlapped) == 0,
              "the OS identifies the operation by the address of its OVERLAPPED");

namespace {

using Clock = std::chrono::steady_clock;

// No deadline without a timeout, or if the clock cannot represent it.
std::optional<Clock::time_point> deadline_after(std::optional<std::chrono::nanoseconds> timeout) noexcept {
    if (!timeout) return std::nullopt;
    const auto now = Clock::now();
    if (*timeout <= std::chrono::nanoseconds::zero()) return now;
    if (*timeout > Clock::time_point::max() - now) return std::nullopt;
    return now + *timeout;
}

// Whole milliseconds, rounded up and limited to INT_MAX: `select` waits several times for a longer timeout.
::DWORD milliseconds_until(std::optional<Clock::time_point> deadline) noexcept {
    if (!deadline) return INFINITE;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now()).count();
    return static_cast<::DWORD>(std::clamp<std::int64_t>(left, 0, INT_MAX));
}

} // namespace

Result<std::unique_ptr<Port>> Port::create() noexcept {
    if (auto started = os::start_winsock(); !started) return std::unexpected(started.error());
    os::KernelHandle handle(::CreateIoCompletionPort(INVALID_HANDLE_VALUE, nullptr, 0, 0));
    if (!handle) return std::unexpected(os::last_error());
    std::unique_ptr<Port> port(new (std::nothrow) Port(handle.get()));
    if (port == nullptr) return std::unexpected(os_error(std::errc::not_enough_memory));
    static_cast<void>(handle.release());
    return port;
}

Port::~Port() {
    drain();
    free_groups();
    os::close_kernel_handle(handle_);
}

// All sources and channels are gone and their operations are cancelled, but the kernel may write to the memory of an
// operation until its completion has been dequeued.
void Port::drain() noexcept {
    while (in_flight_.load(std::memory_order_acquire) != 0) {
        ::OVERLAPPED_ENTRY entries[64];
        ::ULONG count = 0;
        if (::GetQueuedCompletionStatusEx(handle_, entries, static_cast<::ULONG>(std::size(entries)), &count,
                                          INFINITE, FALSE)
            == 0) {
            return;
        }
        for (const auto& entry : std::span(entries, count)) {
            dispatch({.key = entry.lpCompletionKey,
                      .operation = entry.lpOverlapped,
                      .internal = entry.Internal,
                      .bytes = entry.dwNumberOfBytesTransferred});
        }
    }
}

void Port::dispatch(const Record& record) noexcept {
    if (record.operation == nullptr) { // see `interrupt`
        interruption_.take();          // synchronizes with the thread that interrupted
        return;
    }
    in_flight_.fetch_sub(1, std::memory_order_acq_rel);
    auto& operation = *static_cast<Operation*>(record.operation);
    operation.completed(operation, record);
}

Result<> Port::select(Events& events, std::optional<std::chrono::nanoseconds> timeout) noexcept {
    events.clear();
    if (events.capacity() == 0) return std::unexpected(make_error_code(Errc::no_capacity));
    const auto deadline = deadline_after(timeout);
    auto* const records = reinterpret_cast<Record*>(BackendAccess::records(events));

    // A round without an event dequeued only AFD polls that are submitted again, or the OS ended its wait early. The
    // resubmitted polls may complete at once, so they get another round after the deadline. The number of late rounds
    // is limited, because other threads may keep changing the sources.
    for (int late = 0;;) {
        std::size_t room = 0;
        bool has_ready = false;
        bool are_collected = false;
        {
            const std::scoped_lock lock(mutex_);
            if (auto adjusted = adjust_queued(); !adjusted) return adjusted;
            link_woken();
            has_ready = ring_.is_linked();
            are_collected = has_ready && std::exchange(ring_goes_first_, !ring_goes_first_);
            if (are_collected) collect(events);
            room = std::min<std::size_t>(events.capacity() - events.size(), ULONG_MAX);
            if (room == 0) return {};
            sink_ = &events;
            is_waiting_.store(true, std::memory_order_seq_cst);
        }
        // Stores `is_waiting_` before it loads `is_any_woken_`; `wake` uses the opposite order. So at least one of the
        // two threads sees the store of the other.
        has_ready = has_ready || is_any_woken_.load(std::memory_order_seq_cst);
        ::ULONG count = 0;
        const auto limit = has_ready ? 0 : milliseconds_until(deadline);
        // The count is undefined if the wait failed.
        const bool succeeded =
            ::GetQueuedCompletionStatusEx(handle_, reinterpret_cast<::OVERLAPPED_ENTRY*>(records),
                                          static_cast<::ULONG>(room), &count, limit, FALSE)
            != 0;
        const auto code = succeeded ? ERROR_SUCCESS : ::GetLastError();
        if (succeeded) {
            for (const auto& record : std::span(records, count)) dispatch(record);
        }
        {
            const std::scoped_lock lock(mutex_);
            is_waiting_.store(false, std::memory_order_relaxed);
            sink_ = nullptr;
            // At most once per call: otherwise a waker or channel that is ready again would get two events.
            if (!are_collected) {
                link_woken();
                collect(events);
            }
            // Events already collected have left the ring, so they are returned instead of the error.
            if (!succeeded && code != WAIT_TIMEOUT && events.empty()) return std::unexpected(os::error(code));
        }
        if (!events.empty()) return {};
        if (deadline && *deadline <= Clock::now() && (!succeeded || ++late == 4)) return {};
    }
}

// Moves the pending wakers to the ring.
void Port::link_woken() noexcept {
    if (!is_any_woken_.load(std::memory_order_relaxed)) return;
    // An exchange, so that the loads below are not reordered before it: if it overwrites a waker's `true`, they see
    // that waker's wake-up.
    is_any_woken_.exchange(false, std::memory_order_seq_cst);
    for (auto* waker = first_waker_; waker != nullptr; waker = waker->next_waker_) {
        if (waker->pending_.is_pending() && !waker->is_linked()) waker->link_before(ring_);
    }
}

// Reports wakers and channels. A channel that is still ready after its report moves to the end of the ring, so nodes
// that did not fit into `events` come first the next time.
void Port::collect(Events& events) noexcept {
    auto* const last = ring_.previous;
    for (auto* node = ring_.next; node != &ring_ && events.size() != events.capacity();) {
        auto* const following = node->next;
        const bool is_last = node == last;
        node->unlink();
        if (node->is_waker) {
            auto& waker = static_cast<Waker&>(*node);
            BackendAccess::push(events, Event(waker.token_, Readiness::readable, afd_receive));
            waker.pending_.take();
        } else {
            auto& channel = static_cast<Channel&>(*node);
            if (channel.wait_ != nullptr) channel.wait_->before_report();
            if (channel.to_report() != Readiness::none) {
                BackendAccess::push(events, channel.report());
                if (channel.wait_ != nullptr) channel.wait_->after_report();
            }
            if (channel.to_report() != Readiness::none) channel.link_before(ring_);
        }
        if (is_last) return;
        node = following;
    }
}

// Ends the current wait, if any. Before the call, the caller links its node into the ring, with the mutex held, or sets
// `is_any_woken_`, so that the waiting thread reports it.
Result<> Port::interrupt() noexcept {
    if (!is_waiting_.load(std::memory_order_seq_cst)) return {};
    const auto ticket = interruption_.begin();
    if (ticket == 0) return {};
    auto posted = os::check_bool(::PostQueuedCompletionStatus(handle_, 0, 0, nullptr));
    if (posted) interruption_.sent(ticket);
    return posted;
}

} // namespace mio::sys::iocp
