module;

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

// Stands for a code of the OS, none of which is negative.
constexpr int no_room = -1;

std::unexpected<std::error_code> out_of_memory() noexcept {
    return std::unexpected(std::make_error_code(std::errc::not_enough_memory));
}

} // namespace

// Owned by the Poll, every clone of its registry and every waker.
struct SharedSelector {
    explicit SharedSelector(sys::native::Parts&& parts) noexcept : selector(std::move(parts)) {}

    sys::native selector;
    std::atomic<std::size_t> owners = 1;
};

SelectorOwner::SelectorOwner(const SelectorOwner& other) noexcept : selector_(other.selector_) {
    selector_->owners.fetch_add(1, std::memory_order_relaxed);
}

SelectorOwner::~SelectorOwner() {
    // The last owner must see all that the others did before it destroys what they used.
    if (selector_ != nullptr && selector_->owners.fetch_sub(1, std::memory_order_acq_rel) == 1)
        delete selector_;
}

Result<Registry> Registry::try_clone() const { return Registry(selector_); }

int Registry::raw_fd() const noexcept { return selector_->selector.raw_fd(); }

void* Registry::native() const noexcept { return &selector_->selector; }

Result<Poll> Poll::create() {
    auto parts = sys::native::open();
    if (!parts) return std::unexpected(parts.error());
    auto* selector = new (std::nothrow) SharedSelector(std::move(*parts));
    if (selector == nullptr) return out_of_memory();
    return Poll(Registry(SelectorOwner(selector)));
}

namespace {

template <class S>
int wait_on(S& selector, Events& events, std::optional<std::chrono::nanoseconds> timeout) noexcept {
    if constexpr (sys::Waiting<S>) {
        return timeout ? selector.wait_for(events, *timeout) : selector.wait(events);
    } else {
        if (events.capacity() == 0) return no_room;
        const auto selected = selector.select(events, timeout);
        return selected ? 0 : selected.error().value();
    }
}

} // namespace

int Poll::wait(Events& events) noexcept {
    return wait_on(registry_.selector_->selector, events, std::nullopt);
}

int Poll::wait_for(Events& events, std::chrono::nanoseconds timeout) noexcept {
    return wait_on(registry_.selector_->selector, events, timeout);
}

std::unexpected<std::error_code> Poll::failure(Events& events, int code) noexcept {
    events.clear();
    if (events.capacity() == 0) return fail(Errc::no_capacity);
    return std::unexpected(std::error_code(code, os_category()));
}

Result<> Poll::poll_until(Events& events, std::chrono::steady_clock::time_point deadline) {
    while (true) {
        const auto now = std::chrono::steady_clock::now();
        auto polled = poll(events, deadline > now ? deadline - now : std::chrono::nanoseconds::zero());
        if (polled || !interrupted(polled.error())) return polled;
    }
}

Result<> Registration::add(const Registry& registry, RawHandle handle, Token token, Interest interest,
                           Trigger trigger) noexcept {
    if (state_ != 0) return fail(Errc::already_registered);
    auto state = registry.selector_->selector.add(handle, token, interest, trigger);
    if (!state) return std::unexpected(state.error());
    state_ = *state;
    return {};
}

Result<> Registration::modify(const Registry& registry, RawHandle handle, Token token, Interest interest,
                              Trigger trigger) noexcept {
    auto& selector = registry.selector_->selector;
    if (state_ == 0) return fail(Errc::not_registered);
    if (!selector.owns(state_)) return fail(Errc::other_registry);
    return selector.modify(handle, state_, token, interest, trigger);
}

Result<> Registration::remove(const Registry& registry, RawHandle handle) noexcept {
    auto& selector = registry.selector_->selector;
    if (state_ == 0) return fail(Errc::not_registered);
    if (!selector.owns(state_)) return fail(Errc::other_registry);
    auto removed = selector.remove(handle, state_);
    if (removed) state_ = 0;
    return removed;
}

std::error_code Registration::note_failure(Interest direction, std::error_code error) const noexcept {
    if (state_ == 0) return error;
    if (!would_block(error)) {
        sys::native::error_taken(state_);
        return error;
    }
    const auto rearmed = sys::native::rearm(state_, direction);
    return rearmed ? error : rearmed.error();
}

void Registration::forget() noexcept { sys::native::forget(std::exchange(state_, 0)); }

struct Waker::Body {
    Body(SelectorOwner owner, Token token, sys::native::Waker::Parts&& parts) noexcept
        : selector(std::move(owner)), mechanism(selector->selector, token, std::move(parts)) {}

    SelectorOwner selector; // outlives the mechanism, which points at it
    sys::native::Waker mechanism;
};

Result<Waker> Waker::create(const Registry& registry, Token token) {
    auto parts = sys::native::Waker::open(registry.selector_->selector, token);
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
