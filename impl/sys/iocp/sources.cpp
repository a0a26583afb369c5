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

namespace {

bool is_watchable(Interest interest) noexcept {
    return !interest.is_priority() && !interest.is_aio() && !interest.is_lio();
}

} // namespace

Source::Source() noexcept
    : Operation([](Operation& operation, const Record&) noexcept {
          auto& source = static_cast<Source&>(operation);
          source.port->complete(source);
      }) {}

void Source::watch(Token reported_with, Interest wanted, Trigger how) noexcept {
    token = reported_with;
    interest = wanted;
    trigger = how;
    armed = events_of(wanted);
    is_stale = status != Status::idle;
}

bool Source::is_completed() noexcept {
    return static_cast<std::int32_t>(std::atomic_ref(overlapped.internal).load(std::memory_order_relaxed))
           != afd::status_pending;
}

std::uint32_t Source::events_of(Interest interest) noexcept {
    std::uint32_t events = always;
    if (interest.is_readable()) events |= readable;
    if (interest.is_writable()) events |= writable;
    return events;
}

Result<Source*> Port::add(Selector& selector, RawHandle handle, Token token, Interest interest,
                          Trigger trigger) noexcept {
    if (!is_watchable(interest)) return std::unexpected(Errc::unsupported);
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
    // Windows does not detect another source for this handle value, whose socket may have been closed and its value
    // reused.
    if (auto* other = find(*socket); other != nullptr) detach(*other);
    attach(source);
    return &source;
}

Result<> Port::modify(Source& source, Token token, Interest interest, Trigger trigger) noexcept {
    if (!is_watchable(interest)) return std::unexpected(Errc::unsupported);
    const std::scoped_lock lock(mutex_);
    return watch(source, token, interest, trigger);
}

Result<> Port::renew(Source& source) noexcept {
    const std::scoped_lock lock(mutex_);
    return watch(source, source.token, source.interest, source.trigger);
}

bool Port::may_watch(const Source& source) noexcept {
    const std::scoped_lock lock(mutex_);
    return source.is_attached;
}

// With the mutex held.
Result<> Port::watch(Source& source, Token token, Interest interest, Trigger trigger) noexcept {
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

Selector& Port::selector_of(const Source& source) noexcept { return *source.selector; }

// Handle values of sockets are multiples of four.
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
    // The poll's result is not needed any more, but the kernel uses the source's memory until the poll completes, and
    // a pending poll keeps a socket open that is being closed.
    if (source.status == Source::Status::pending) static_cast<void>(cancel(source));
}

void Port::release(Source& source) noexcept {
    source.is_released = true;
    if (source.status == Source::Status::idle) free_source(source);
}

} // namespace mio::sys::iocp
