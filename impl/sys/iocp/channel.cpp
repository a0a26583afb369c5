module;

#include <windows.h>

module mio.sys.iocp;

import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.types;
import mio.os;
import mio.std;
import mio.sys.selector;

namespace mio::sys::iocp {
namespace {

std::unexpected<std::error_code> fail(Errc code) noexcept { return std::unexpected(make_error_code(code)); }

constexpr Readiness of_interest(Interest interest) noexcept {
    auto readiness = Readiness::error;
    if (interest.is_readable()) readiness |= Readiness::readable | Readiness::read_closed;
    if (interest.is_writable()) readiness |= Readiness::writable | Readiness::write_closed;
    return readiness;
}

// The equivalent AFD events, for `describe`.
constexpr std::uint32_t events_of(Readiness readiness) noexcept {
    const auto has = [readiness](Readiness bit) { return (readiness & bit) != Readiness::none; };
    std::uint32_t events = 0;
    if (has(Readiness::readable)) events |= afd_receive;
    if (has(Readiness::writable)) events |= afd_send;
    if (has(Readiness::read_closed)) events |= afd_disconnect;
    if (has(Readiness::write_closed)) events |= afd_abort;
    if (has(Readiness::error)) events |= afd_connect_fail;
    return events;
}

constexpr Readiness without(Readiness readiness, Readiness some) noexcept {
    return readiness & static_cast<Readiness>(~static_cast<unsigned>(some) & 0xff);
}

} // namespace

Result<> Channel::add(Selector& selector, RawHandle handle, Token token, Interest interest,
                      Trigger trigger) noexcept {
    auto& port = *selector.table_;
    if (is_registered_ && !selector_->is_retired()) return fail(Errc::already_registered);
    if (port_ != nullptr && port_ != &port) return fail(Errc::other_registry);
    if (interest.is_priority() || interest.is_aio() || interest.is_lio()) return fail(Errc::unsupported);
    if (port_ == nullptr) {
        auto* const file = reinterpret_cast<::HANDLE>(handle);
        if (::CreateIoCompletionPort(file, port.handle_, 0, 0) == nullptr)
            return std::unexpected(os::last_error());
        // No thread waits for the handle itself. Failure only costs speed.
        ::SetFileCompletionNotificationModes(file, FILE_SKIP_SET_EVENT_ON_HANDLE);
        selector.retain();
        selector_ = &selector;
        port_ = &port;
    }
    return watch(port, token, interest, trigger);
}

Result<> Channel::check_belongs_to(const Selector& selector) const noexcept {
    if (!is_registered_) return fail(Errc::not_registered);
    if (selector_->is_retired()) return fail(Errc::not_registered);
    if (selector_ != &selector) return fail(Errc::other_registry);
    return {};
}

Result<> Channel::modify(Selector& selector, Token token, Interest interest, Trigger trigger) noexcept {
    if (auto checked = check_belongs_to(selector); !checked) return checked;
    if (interest.is_priority() || interest.is_aio() || interest.is_lio()) return fail(Errc::unsupported);
    return watch(*port_, token, interest, trigger);
}

Result<> Channel::renew(Selector& selector) noexcept {
    if (auto checked = check_belongs_to(selector); !checked) return checked;
    return watch(*port_, token_, interest_, trigger_);
}

Result<> Channel::watch(Port& port, Token token, Interest interest, Trigger trigger) noexcept {
    const std::scoped_lock lock(port.mutex_);
    const bool has_ready = (current_ & of_interest(interest)) != Readiness::none;
    if (has_ready) {
        if (auto interrupted = port.interrupt(); !interrupted) return interrupted;
    }
    token_ = token;
    interest_ = interest;
    trigger_ = trigger;
    is_registered_ = true;
    is_disarmed_ = false;
    unreported_ = current_;
    unlink();
    if (has_ready) link_before(port.ring_);
    return {};
}

Result<> Channel::remove(Selector& selector) noexcept {
    if (auto checked = check_belongs_to(selector); !checked) return checked;
    const std::scoped_lock lock(port_->mutex_);
    is_registered_ = false;
    unlink();
    return {};
}

void Channel::close() noexcept {
    if (selector_ == nullptr) return;
    {
        const std::scoped_lock lock(port_->mutex_);
        is_registered_ = false;
        unlink();
    }
    std::exchange(selector_, nullptr)->release();
}

void Channel::begin() noexcept { port_->in_flight_.fetch_add(1, std::memory_order_relaxed); }

void Channel::abandon() noexcept { port_->in_flight_.fetch_sub(1, std::memory_order_relaxed); }

void Channel::set(Readiness readiness) noexcept {
    if (port_ == nullptr) {
        current_ |= readiness;
        return;
    }
    const std::scoped_lock lock(port_->mutex_);
    current_ |= readiness;
    unreported_ |= readiness;
    if (is_linked() || to_report() == Readiness::none) return;
    link_before(port_->ring_);
    // If this fails for lack of memory, the next event that ends a wait reports it.
    static_cast<void>(port_->interrupt());
}

void Channel::clear(Readiness readiness) noexcept {
    const auto drop = [this, readiness] {
        current_ = without(current_, readiness);
        unreported_ = without(unreported_, readiness);
    };
    if (port_ == nullptr) return drop();
    const std::scoped_lock lock(port_->mutex_);
    drop();
    if (to_report() == Readiness::none) unlink();
}

// With the mutex held.
Readiness Channel::to_report() const noexcept {
    if (!is_registered_ || is_disarmed_) return Readiness::none;
    return (trigger_ == Trigger::level ? current_ : unreported_) & of_interest(interest_);
}

// With the mutex held.
Event Channel::report() noexcept {
    const auto readiness = to_report();
    unreported_ = Readiness::none;
    is_disarmed_ = trigger_ == Trigger::oneshot;
    return {token_, readiness, events_of(readiness)};
}

} // namespace mio::sys::iocp
