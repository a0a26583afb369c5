module;

#include <windows.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <iterator>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <system_error>
#include <tuple>
#include <utility>

module mio.sys.iocp;

import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.types;
import mio.os;
import mio.os.kernel_handle;
import mio.os.winsock;
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
              "the OS gives the address of the one for that of the other");

using Clock = std::chrono::steady_clock;

/// The life of a source: it is taken from a group by `add`, and attached. It is detached by `remove` or `forget`, by
/// another source for the same socket, or when AFD tells that the socket was closed. It goes back to the group when
/// both its `Registration` and the kernel have let go of it.
///
/// While it is attached AFD is asked about it: one question at a time, for the first of several events. That is what
/// `status` is about; what the question's answer leads to is in `Port::complete`.
struct Source : Operation {
    enum class Status {
        idle,      // the kernel knows nothing of it
        pending,   // the kernel was asked, and has not answered
        cancelled, // and was told that it need not: the question is on its way back
    };

    Source() noexcept
        : Operation([](Operation& operation, const Record&) noexcept {
              auto& source = static_cast<Source&>(operation);
              source.port->complete(source);
          }) {}

    /// Begins anew: everything that holds is to be reported.
    void watch(Token reported_with, Interest wanted, Trigger how) noexcept {
        token = reported_with;
        interest = wanted;
        trigger = how;
        armed = events_of(wanted);
        is_stale = status != Status::idle;
    }

    /// True if the kernel has answered. It may say so later only, when it hands out the answer.
    [[nodiscard]] bool is_answered() noexcept {
        return static_cast<std::int32_t>(std::atomic_ref(overlapped.internal).load(std::memory_order_relaxed))
               != afd::status_pending;
    }

    [[nodiscard]] static std::uint32_t events_of(Interest interest) noexcept {
        std::uint32_t events = always;
        if (interest.is_readable()) events |= readable;
        if (interest.is_writable()) events |= writable;
        return events;
    }

    static constexpr std::uint32_t readable = afd_receive | afd_accept | afd_disconnect;
    static constexpr std::uint32_t writable = afd_send;
    static constexpr std::uint32_t always = afd_abort | afd_connect_fail; // the connection has ended

    Port* port = nullptr;
    Selector* selector = nullptr;
    Group* group = nullptr;
    RawHandle socket = invalid_handle; // of the driver; the user's may be above it
    Token token;
    Interest interest = Interest::readable;
    Trigger trigger = Trigger::edge;
    Status status = Status::idle;
    bool is_attached = false;
    bool is_released = false; // by its Registration
    bool is_queued = false;
    bool is_stale = false;   // the answer to come is to an older question than that which is to be asked
    std::uint32_t armed = 0; // the events to ask for
    std::uint32_t asked = 0; // those that the kernel was asked for
    afd::Question question;
    Source* previous_queued = nullptr;
    Source* next_queued = nullptr;
    Source* next = nullptr; // with a socket of the same chain; or free, too
};

struct Group {
    // As many as AFD serves well through one handle.
    static constexpr std::size_t size = 32;

    Group(Port& port, os::KernelHandle handle) noexcept : device(std::move(handle)) {
        for (auto& source : sources) {
            source.port = &port;
            source.group = this;
            source.next = std::exchange(free, &source);
        }
    }
    Group(const Group&) = delete;
    Group& operator=(const Group&) = delete;

    os::KernelHandle device;
    Group* previous = nullptr; // in the list of those with room
    Group* next = nullptr;
    Source* free = nullptr;
    std::size_t used = 0;
    std::array<Source, size> sources;
};

namespace {

std::unexpected<std::error_code> fail(unsigned long code) noexcept {
    return std::unexpected(os::error(code));
}

std::unexpected<std::error_code> unsupported() noexcept {
    return std::unexpected(make_error_code(Errc::unsupported));
}

bool is_watchable(Interest interest) noexcept {
    return !interest.is_priority() && !interest.is_aio() && !interest.is_lio();
}

// None if there is none, or if it is too far away to be counted: then it is as good as none.
std::optional<Clock::time_point> deadline_after(std::optional<std::chrono::nanoseconds> timeout) noexcept {
    if (!timeout) return std::nullopt;
    const auto now = Clock::now();
    if (*timeout <= std::chrono::nanoseconds::zero()) return now;
    if (*timeout > Clock::time_point::max() - now) return std::nullopt;
    return now + *timeout;
}

// Whole milliseconds, rounded up. What is longer than can be counted is waited for in several turns.
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
    if (port == nullptr) return fail(ERROR_NOT_ENOUGH_MEMORY);
    static_cast<void>(handle.take());
    return port;
}

Port::~Port() {
    drain();
    while (roomy_ != nullptr) delete std::exchange(roomy_, roomy_->next);
    os::close_kernel_handle(handle_);
}

// All sources and channels are gone, and what they asked for was cancelled, but the kernel writes to their memory
// until it has handed out the last answer.
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
        interruption_.take();          // what was done before the interruption is seen by what follows
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

    // Turns without an event: those in which only questions came back that are asked anew, or that the OS ended
    // before their time. What is asked anew may have happened, so that it has its turn after the deadline too; but not
    // for ever, should other threads change it again and again.
    for (int late = 0;;) {
        std::size_t room = 0;
        bool has_news = false;
        bool news_are_in = false;
        {
            const std::scoped_lock lock(mutex_);
            if (auto asked = ask_queued(); !asked) return asked;
            take_woken();
            has_news = ring_.is_linked();
            news_are_in = has_news && std::exchange(news_come_first_, !news_come_first_);
            if (news_are_in) collect(events);
            room = std::min<std::size_t>(events.capacity() - events.size(), ULONG_MAX);
            if (room == 0) return {};
            sink_ = &events;
            is_waiting_.store(true, std::memory_order_seq_cst);
        }
        // In this order, as `wake` does it in the other: one of the two sees what the other one did.
        has_news = has_news || woken_.load(std::memory_order_seq_cst) != nullptr;
        ::ULONG count = 0;
        const auto limit = has_news ? 0 : milliseconds_until(deadline);
        // The count means nothing if the wait failed.
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
            // Once only: who has news again by now would have two events.
            if (!news_are_in) {
                take_woken();
                collect(events);
            }
            // A wake that was reported is gone from the ring, and so is not dropped for an error.
            if (!succeeded && code != WAIT_TIMEOUT && events.empty()) return fail(code);
        }
        if (!events.empty()) return {};
        if (deadline && *deadline <= Clock::now() && (!succeeded || ++late == 4)) return {};
    }
}

// The wakers that were put there meanwhile, in the order of their wakes.
void Port::take_woken() noexcept {
    if (woken_.load(std::memory_order_relaxed) == nullptr) return;
    Node* after = &ring_;
    for (auto* waker = woken_.exchange(nullptr, std::memory_order_seq_cst); waker != nullptr;
         waker = std::exchange(waker->next_woken_, nullptr)) {
        waker->link_before(*after);
        after = waker;
    }
}

// Wakers and channels. What is reported and has more to tell moves to the end of the ring, so that what finds no room
// comes first the next time.
void Port::collect(Events& events) noexcept {
    auto* const last = ring_.previous;
    for (auto* node = ring_.next; node != &ring_ && events.size() != events.capacity();) {
        auto* const following = node->next;
        const bool is_last = node == last;
        node->unlink();
        if (node->is_waker) {
            auto& waker = static_cast<Waker&>(*node);
            BackendAccess::push(events, Event(waker.token_, Readiness::readable, afd_receive));
            // In this order: a thread that begins a new wake finds the waker out of the list. A thread whose wake is
            // under way may find that first; it writes to `next_woken_` after what `take_woken` did with it.
            waker.is_queued_.store(false, std::memory_order_release);
            waker.pending_.take();
        } else {
            auto& channel = static_cast<Channel&>(*node);
            if (channel.to_report() != Readiness::none) BackendAccess::push(events, channel.report());
            if (channel.to_report() != Readiness::none) channel.link_before(ring_);
        }
        if (is_last) return;
        node = following;
    }
}

// Ends a wait under way. What has news was, or is, put where the waiting thread finds it.
Result<> Port::interrupt() noexcept {
    if (!is_waiting_.load(std::memory_order_seq_cst)) return {};
    const auto ticket = interruption_.begin();
    if (ticket == 0) return {};
    auto posted = os::check_bool(::PostQueuedCompletionStatus(handle_, 0, 0, nullptr));
    if (posted) interruption_.sent(ticket);
    return posted;
}

Result<Source*> Port::add(Selector& selector, RawHandle handle, Token token, Interest interest,
                          Trigger trigger) noexcept {
    if (!is_watchable(interest)) return unsupported();
    const auto socket = afd::base_of(handle);
    if (!socket) return std::unexpected(socket.error());

    const std::scoped_lock lock(mutex_);
    const auto taken = take_source();
    if (!taken) return taken;
    auto& source = **taken;
    source.selector = &selector;
    source.socket = *socket;
    source.watch(token, interest, trigger);
    if (auto updated = update(source); !updated) {
        free_source(source);
        return std::unexpected(updated.error());
    }
    // Another source with this socket: Windows knows of none, and its socket may have been closed and its number been
    // given away.
    if (auto* other = find(*socket); other != nullptr) detach(*other);
    attach(source);
    return &source;
}

Result<> Port::modify(Source& source, Token token, Interest interest, Trigger trigger) noexcept {
    if (!is_watchable(interest)) return unsupported();
    const std::scoped_lock lock(mutex_);
    if (!source.is_attached) return std::unexpected(make_error_code(Errc::not_registered));
    auto parts = std::tie(source.token, source.interest, source.trigger, source.armed, source.is_stale);
    const std::tuple before(source.token, source.interest, source.trigger, source.armed, source.is_stale);
    source.watch(token, interest, trigger);
    auto updated = update(source);
    if (!updated) parts = before;
    return updated;
}

void Port::forget(Source& source) noexcept {
    const std::scoped_lock lock(mutex_);
    if (source.is_attached) detach(source);
    release(source);
}

Result<> Port::rearm(Source& source, Interest blocked) noexcept {
    const std::scoped_lock lock(mutex_);
    const auto wanted = Source::events_of(blocked) & Source::events_of(source.interest);
    return arm(source, wanted);
}

// An error is reported as its consequences are: a datagram that was refused as something to read.
void Port::error_taken(Source& source) noexcept {
    const std::scoped_lock lock(mutex_);
    const auto wanted = (Source::readable | Source::always) & Source::events_of(source.interest);
    static_cast<void>(arm(source, wanted));
}

Result<> Port::arm(Source& source, std::uint32_t wanted) noexcept {
    if (!source.is_attached) return {};
    // The answer was given before the operation found nothing: what it tells may be gone.
    if (source.status != Source::Status::idle && source.is_answered()) source.is_stale = true;
    if (source.trigger != Trigger::edge || (source.armed & wanted) == wanted) return {};
    const auto before = std::exchange(source.armed, source.armed | wanted);
    auto updated = update(source);
    if (!updated) source.armed = before;
    return updated;
}

// The next source of a group with room. One group that serves nobody is kept, so that a source that comes and goes
// does not open the driver each time.
Result<Source*> Port::take_source() noexcept {
    if (roomy_ == nullptr) {
        auto device = afd::open(handle_);
        if (!device) return std::unexpected(device.error());
        roomy_ = new (std::nothrow) Group(*this, std::move(*device));
        if (roomy_ == nullptr) return fail(ERROR_NOT_ENOUGH_MEMORY);
        ++spare_groups_;
    }
    auto& group = *roomy_;
    if (group.used++ == 0) --spare_groups_;
    auto& source = *std::exchange(group.free, group.free->next);
    if (group.free == nullptr) {
        roomy_ = group.next;
        if (roomy_ != nullptr) roomy_->previous = nullptr;
        group.next = nullptr;
    }
    source.next = nullptr;
    source.is_released = false;
    return &source;
}

void Port::free_source(Source& source) noexcept {
    auto& group = *source.group;
    dequeue(source);
    if (group.free == nullptr) {
        group.next = roomy_;
        if (roomy_ != nullptr) roomy_->previous = &group;
        roomy_ = &group;
    }
    source.next = std::exchange(group.free, &source);
    if (--group.used != 0) return;
    if (spare_groups_ == 0) {
        ++spare_groups_;
        return;
    }
    (group.previous != nullptr ? group.previous->next : roomy_) = group.next;
    if (group.next != nullptr) group.next->previous = group.previous;
    delete &group;
}

// The numbers of sockets are multiples of four.
Source*& Port::chain_of(RawHandle socket) noexcept { return by_socket_[(socket / 4) % by_socket_.size()]; }

Source* Port::find(RawHandle socket) noexcept {
    auto* source = chain_of(socket);
    while (source != nullptr && source->socket != socket) source = source->next;
    return source;
}

void Port::attach(Source& source) noexcept {
    source.is_attached = true;
    source.next = std::exchange(chain_of(source.socket), &source);
}

void Port::detach(Source& source) noexcept {
    source.is_attached = false;
    auto** link = &chain_of(source.socket);
    while (*link != &source) link = &(*link)->next;
    *link = source.next;
    dequeue(source);
    // The answer is of no use any more, but its coming back is: the memory is the kernel's until then. And a question
    // keeps a socket open that is being closed.
    if (source.status == Source::Status::pending) static_cast<void>(cancel(source));
}

void Port::release(Source& source) noexcept {
    source.is_released = true;
    if (source.status == Source::Status::idle) free_source(source);
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

// What fails stays queued, so that it is tried again by the next `select`.
Result<> Port::ask_queued() noexcept {
    while (first_queued_ != nullptr) {
        auto& source = *first_queued_;
        if (auto asked = ask(source); !asked) return asked;
        dequeue(source);
    }
    return {};
}

// What is to be asked has changed. Until a thread waits nobody needs an answer, and it may change again.
Result<> Port::update(Source& source) noexcept {
    if (is_waiting_.load(std::memory_order_relaxed)) return ask(source);
    enqueue(source);
    return {};
}

Result<> Port::ask(Source& source) noexcept {
    switch (source.status) {
    case Source::Status::idle:
        // Nothing is wanted of a one-shot that was reported, or if all that can happen was.
        if (source.armed == 0) return {};
        return submit(source);
    case Source::Status::pending:
        // The kernel looks for all that is wanted. What it looks for besides is passed over when it comes.
        if ((source.armed & ~source.asked) == 0) return {};
        // A question cannot be changed: it is taken back, and another one asked when it has come.
        return cancel(source);
    case Source::Status::cancelled:
        // Is on its way back.
        return {};
    }
    return {};
}

Result<> Port::submit(Source& source) noexcept {
    source.question = {.socket = source.socket, .events = source.armed | afd_local_close};
    source.overlapped = {.internal = static_cast<std::uintptr_t>(afd::status_pending)};
    source.status = Source::Status::pending;
    source.asked = source.armed;
    source.is_stale = false;
    in_flight_.fetch_add(1, std::memory_order_relaxed); // before another thread can see the answer
    const auto asked = afd::ask(source.group->device.get(), source.question, &source.overlapped,
                                static_cast<Operation*>(&source));
    if (asked && *asked == afd::Asked::accepted) return {};
    in_flight_.fetch_sub(1, std::memory_order_relaxed);
    source.status = Source::Status::idle;
    if (!asked) return std::unexpected(asked.error());
    // Its socket was closed: other backends forget it by themselves.
    if (source.is_attached) detach(source);
    return {};
}

Result<> Port::cancel(Source& source) noexcept {
    auto cancelled = afd::cancel(source.group->device.get(), &source.overlapped);
    if (cancelled) source.status = Source::Status::cancelled;
    return cancelled;
}

void Port::complete(Source& source) noexcept {
    const std::scoped_lock lock(mutex_);
    source.status = Source::Status::idle;
    if (!source.is_attached) {
        // Was removed, or its socket was closed, and only the kernel still held it.
        if (source.is_released) free_source(source);
        return;
    }
    const auto status = static_cast<std::int32_t>(source.overlapped.internal);
    std::uint32_t happened = 0;
    if (status == afd::status_cancelled) {
        // Taken back because something else is to be asked.
    } else if (status < 0) {
        // The driver cannot tell, and is not asked again at once. Whoever tries an operation learns why.
        happened = afd_connect_fail;
        if (source.trigger == Trigger::edge) source.armed &= happened;
    } else if (source.question.count == 0) {
        // Nothing has happened: the driver's own time-out, which is not used.
    } else if ((source.question.events & afd_local_close) != 0) {
        // The socket was closed: other backends forget it by themselves.
        detach(source);
        return;
    } else {
        happened = source.question.events;
    }
    // What was true when an older question was answered is asked again, but for an end, which is final.
    if (source.is_stale) happened &= Source::always;
    // Some of it is not wanted any more.
    happened &= source.armed;
    if (happened != 0 && sink_ != nullptr) report(source, happened);
    // What was not reported is asked for again, before the next wait.
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

namespace {

// What a source remembers is where its state is.
std::uint64_t state_of(Source& source) noexcept { return reinterpret_cast<std::uintptr_t>(&source); }

Source& source_of(std::uint64_t state) noexcept {
    return *reinterpret_cast<Source*>(static_cast<std::uintptr_t>(state));
}

} // namespace

Result<Selector::Parts> Selector::open() noexcept {
    auto port = Port::create();
    if (!port) return std::unexpected(port.error());
    return Parts{std::move(*port)};
}

Result<std::uint64_t> Selector::add(RawHandle handle, Token token, Interest interest,
                                    Trigger trigger) noexcept {
    const auto source = port_->add(*this, handle, token, interest, trigger);
    if (!source) return std::unexpected(source.error());
    return state_of(**source);
}

Result<> Selector::modify(RawHandle, std::uint64_t state, Token token, Interest interest,
                          Trigger trigger) noexcept {
    return port_->modify(source_of(state), token, interest, trigger);
}

Result<> Selector::remove(RawHandle, std::uint64_t state) noexcept {
    forget(state);
    return {};
}

Selector& Selector::selector_of(std::uint64_t state) noexcept { return *source_of(state).selector; }

Result<> Selector::rearm(std::uint64_t state, Interest blocked) noexcept {
    auto& source = source_of(state);
    return source.port->rearm(source, blocked);
}

void Selector::error_taken(std::uint64_t state) noexcept {
    auto& source = source_of(state);
    source.port->error_taken(source);
}

void Selector::forget(std::uint64_t state) noexcept {
    auto& source = source_of(state);
    source.port->forget(source);
}

} // namespace mio::sys::iocp
