module;

#include <algorithm>
#include <atomic>
#include <cassert>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <new>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

module mio.core.poll;

import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.types;
import mio.sys;

namespace mio {

static_assert(sys::SelectorBackend<sys::native>);

namespace {

std::unexpected<std::error_code> fail(Errc code) noexcept { return std::unexpected(make_error_code(code)); }

std::unexpected<std::error_code> out_of_memory() noexcept {
    return std::unexpected(std::make_error_code(std::errc::not_enough_memory));
}

Outcome outcome_of(const Events& events, const Result<>& result) noexcept {
    if (result) return static_cast<Outcome>(events.size());
    const auto& error = result.error();
    return (error.category() == error_category() ? of_library : 0) - error.value();
}

// Waits for ever. A backend may have a way that is faster than `select`, and leaves the capacity to `error_of`.
template <class Selector> inline Outcome wait_in(Selector& selector, Events& events) noexcept {
    if constexpr (requires { selector.wait_for_ever(events); }) {
        return selector.wait_for_ever(events);
    } else {
        if (events.capacity() == 0) return outcome_of(events, fail(Errc::no_capacity));
        return outcome_of(events, selector.select(events, std::nullopt));
    }
}

constexpr std::chrono::nanoseconds none{0};

// How often a spin looks at the kernel. A look takes a quarter of that, so that what arrives there waits no longer than
// for a thread that is awake; a wake is seen at once.
constexpr std::chrono::microseconds look_interval{1};

// Looks, for as long as `spin`, before it waits for what is left of the timeout. Reading the clock is all the pause
// between two looks at the wakes.
Result<> select_spinning(sys::native& selector, Events& events,
                         std::optional<std::chrono::nanoseconds> timeout,
                         std::chrono::nanoseconds spin) noexcept {
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    const auto limit = timeout ? std::min(spin, *timeout) : spin;
    // Also a poll that a wake ends has looked at the kernel, so that no flood of wakes keeps anything else away.
    if (auto looked = selector.select(events, none); !looked || !events.empty()) return looked;
    selector.begin_spin();
    std::chrono::nanoseconds elapsed = Clock::now() - start;
    for (auto next_look = elapsed + look_interval; elapsed < limit && !selector.has_wake_pending();
         elapsed = Clock::now() - start) {
        if (elapsed < next_look) continue;
        auto looked = selector.select(events, none);
        if (!looked || !events.empty()) {
            selector.end_spin(events);
            return events.empty() ? looked : Result<>();
        }
        next_look = Clock::now() - start + look_interval;
    }
    selector.end_spin(events);
    if (!events.empty()) return {};
    if (timeout) timeout = std::max(none, *timeout - elapsed);
    return selector.select(events, timeout);
}

} // namespace

struct SharedSelector final : sys::native {
    explicit SharedSelector(sys::native::Parts&& parts) noexcept : sys::native(std::move(parts)) {}
};

SelectorOwner::SelectorOwner(const SelectorOwner& other) noexcept : selector_(other.selector_) {
    selector_->retain();
}

SelectorOwner::~SelectorOwner() {
    if (selector_ != nullptr) selector_->release();
}

Result<Registry> Registry::try_clone() const { return Registry(selector_); }

int Registry::raw_fd() const noexcept { return selector_->raw_fd(); }

void* Registry::native() const noexcept { return static_cast<sys::native*>(&*selector_); }

Result<Poll> Poll::create() {
    auto parts = sys::native::open();
    if (!parts) return std::unexpected(parts.error());
    auto* selector = new (std::nothrow) SharedSelector(std::move(*parts));
    if (selector == nullptr) return out_of_memory();
    return Poll(Registry(SelectorOwner(selector)));
}

Outcome wait(SharedSelector& shared, Events& events) noexcept { return wait_in(shared, events); }

std::error_code error_of(Outcome outcome, const Events& events) noexcept {
    if (events.capacity() == 0) return make_error_code(Errc::no_capacity);
    if (outcome <= of_library) return make_error_code(static_cast<Errc>(of_library - outcome));
    return {static_cast<int>(-outcome), os_category()};
}

Outcome Poll::wait_for(Events& events, std::optional<std::chrono::nanoseconds> timeout) noexcept {
    if (events.capacity() == 0) return outcome_of(events, fail(Errc::no_capacity));
    auto& selector = *registry_.selector_;
    const bool only_looks = timeout && *timeout <= none;
    return outcome_of(events, spin_ == none || only_looks
                                  ? selector.select(events, timeout)
                                  : select_spinning(selector, events, timeout, spin_));
}

void Poll::retire() noexcept {
    if (registry_.selector_) registry_.selector_->retire();
}

void Poll::set_spin(std::chrono::nanoseconds limit) noexcept { spin_ = std::max(limit, none); }

Result<> Poll::set_busy_poll(const BusyPoll& how) noexcept {
    return registry_.selector_->set_busy_poll(how);
}

Result<BusyPoll> Poll::busy_poll() const noexcept { return registry_.selector_->busy_poll(); }

Result<> Poll::poll_until(Events& events, std::chrono::steady_clock::time_point deadline) {
    while (true) {
        const auto now = std::chrono::steady_clock::now();
        auto polled = poll(events, deadline > now ? deadline - now : std::chrono::nanoseconds::zero());
        if (polled || !interrupted(polled.error())) return polled;
    }
}

Result<> Registration::add(const Registry& registry, RawHandle handle, Token token, Interest interest,
                           Trigger trigger) noexcept {
    if (state_ != 0) {
        if (!sys::native::selector_of(state_).is_retired()) return fail(Errc::already_registered);
        forget();
    }
    auto& selector = *registry.selector_;
    auto state = selector.add(handle, token, interest, trigger);
    if (!state) return std::unexpected(state.error());
    selector.retain();
    state_ = *state;
    return {};
}

// Without its `Poll` a selector is of no use, but a clone of the registry goes on working.
Result<> Registration::check_belongs_to(const Registry& registry) const noexcept {
    if (state_ == 0) return fail(Errc::not_registered);
    const auto& selector = sys::native::selector_of(state_);
    if (&selector == &*registry.selector_) return {};
    return fail(selector.is_retired() ? Errc::not_registered : Errc::other_registry);
}

Result<> Registration::modify(const Registry& registry, RawHandle handle, Token token, Interest interest,
                              Trigger trigger) noexcept {
    if (auto checked = check_belongs_to(registry); !checked) return checked;
    return registry.selector_->modify(handle, state_, token, interest, trigger);
}

Result<> Registration::remove(const Registry& registry, RawHandle handle) noexcept {
    if (auto checked = check_belongs_to(registry); !checked) return checked;
    auto& selector = *registry.selector_;
    auto removed = selector.remove(handle, state_);
    if (!removed) return removed;
    state_ = 0;
    selector.release(); // the registry is an owner still
    return {};
}

Result<> Registration::note_failure(Interest direction, const std::error_code& error) const noexcept {
    if (state_ == 0) return {};
    if (would_block(error)) return sys::native::rearm(state_, direction);
    sys::native::error_taken(state_);
    return {};
}

void Registration::forget() noexcept {
    auto& selector = sys::native::selector_of(state_);
    sys::native::forget(std::exchange(state_, 0));
    selector.release();
}

struct Waker::Body {
    Body(SelectorOwner owner, Token token, sys::native::Waker::Parts&& parts) noexcept
        : selector(std::move(owner)), mechanism(*selector, token, std::move(parts)) {}

    SelectorOwner selector; // outlives the mechanism, which points at it
    sys::native::Waker mechanism;
};

Result<Waker> Waker::create(const Registry& registry, Token token) {
    auto parts = sys::native::Waker::open(*registry.selector_, token);
    if (!parts) return std::unexpected(parts.error());
    auto* body = new (std::nothrow) Body(registry.selector_, token, std::move(*parts));
    if (body == nullptr) return out_of_memory();
    return Waker(body);
}

Waker::~Waker() { delete body_; }

Result<> Waker::wake() const noexcept {
    assert(body_ != nullptr && "a moved-from Waker has nobody to wake");
    return body_->mechanism.wake();
}

std::string_view backend() noexcept { return sys::native::name; }

} // namespace mio
