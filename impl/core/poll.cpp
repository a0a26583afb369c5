module;

#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#endif

#include <cassert>

module mio.core.poll;

import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.handle_table;
import mio.core.types;
import mio.std;
import mio.sys;

#include "probes.hpp"

namespace mio {

static_assert(sys::SelectorBackend<sys::native>);

namespace {

std::unexpected<std::error_code> fail(Errc code) noexcept { return std::unexpected(make_error_code(code)); }

std::unexpected<std::error_code> out_of_memory() noexcept {
    return std::unexpected(os_error(std::errc::not_enough_memory));
}

constexpr std::chrono::nanoseconds none{0};

// Time from `now` to `deadline`; saturates, and also handles clocks with negative values.
constexpr std::chrono::nanoseconds time_left(std::chrono::steady_clock::time_point now,
                                             std::chrono::steady_clock::time_point deadline) noexcept {
    if (deadline <= now) return none;
    constexpr auto zero = std::chrono::steady_clock::time_point();
    constexpr auto last = std::chrono::steady_clock::time_point::max();
    if (now < zero && deadline > last + now.time_since_epoch()) return std::chrono::nanoseconds::max();
    return saturated<std::chrono::nanoseconds>(deadline - now);
}
static_assert(time_left(std::chrono::steady_clock::time_point::min(),
                        std::chrono::steady_clock::time_point::max())
              == std::chrono::nanoseconds::max());
static_assert(time_left(std::chrono::steady_clock::time_point::max(),
                        std::chrono::steady_clock::time_point::min())
              == none);

} // namespace

struct SharedSelector final : sys::native {
    explicit SharedSelector(sys::native::Parts&& parts) noexcept
        : sys::native(std::move(parts), &sys::destroy_selector<SharedSelector>) {}
    // The backend is destroyed after the last source state.
    ~SharedSelector() { handles.for_each_state(&sys::native::forget); }

    std::mutex handles_mutex; // held during each call for a handle without an object
    HandleTable handles;
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

Result<> Registry::add(RawHandle handle, Token token, Interest interest, Trigger trigger) const noexcept {
    auto& selector = *selector_;
    const std::scoped_lock lock(selector.handles_mutex);
    if (auto* const state = selector.handles.find(handle); state != nullptr) {
        if (!selector.is_retired()) {
            const auto added = selector.add_again(handle, *state, token, interest, trigger);
            if (!added) return std::unexpected(added.error());
            *state = *added;
            return {};
        }
        sys::native::forget(*state);
        selector.handles.erase(handle);
    }
    if (!selector.handles.make_room()) return out_of_memory();
    const auto added = selector.add(handle, token, interest, trigger);
    if (!added) return std::unexpected(added.error());
    selector.handles.insert(handle, *added);
    return {};
}

namespace {

// Runs `change` with the state of a handle. If the backend finds that the handle was closed and its number reused, the
// registration ends.
template <class F> Result<> change_handle(SharedSelector& selector, RawHandle handle, F&& change) noexcept {
    const std::scoped_lock lock(selector.handles_mutex);
    const auto* const state = selector.handles.find(handle);
    if (state == nullptr || selector.is_retired()) return fail(Errc::not_registered);
    auto changed = change(*state);
    if (changed || changed.error() != std::errc::no_such_file_or_directory) return changed;
    sys::native::forget(*state);
    selector.handles.erase(handle);
    return fail(Errc::not_registered);
}

} // namespace

Result<> Registry::modify(RawHandle handle, Token token, Interest interest, Trigger trigger) const noexcept {
    return change_handle(*selector_, handle, [&](std::uint64_t state) {
        return selector_->modify(handle, state, token, interest, trigger);
    });
}

Result<> Registry::renew(RawHandle handle) const noexcept {
    return change_handle(*selector_, handle, [&](std::uint64_t state) { return selector_->renew(state); });
}

Result<> Registry::remove(RawHandle handle) const noexcept {
    auto& selector = *selector_;
    const std::scoped_lock lock(selector.handles_mutex);
    const auto* const state = selector.handles.find(handle);
    if (state == nullptr || selector.is_retired()) return fail(Errc::not_registered);
    auto removed = selector.remove(handle, *state);
    if (removed) selector.handles.erase(handle);
    return removed;
}

Result<> Registry::exhausted(RawHandle handle, Interest direction) const noexcept {
    return note_failure(handle, direction, true);
}

Result<> Registry::note_failure(RawHandle handle, Interest direction, bool blocked) const noexcept {
    if constexpr (!sys::native::emulates_edges) return {};
    auto& selector = *selector_;
    const std::scoped_lock lock(selector.handles_mutex);
    const auto* const state = selector.handles.find(handle);
    if (state == nullptr || selector.is_retired()) return fail(Errc::not_registered);
    if (blocked) return sys::native::rearm(*state, direction);
    sys::native::error_taken(*state);
    return {};
}

Result<Poll> Poll::create() {
    auto parts = sys::native::open();
    if (!parts) return std::unexpected(parts.error());
    auto* selector = new (std::nothrow) SharedSelector(std::move(*parts));
    if (selector == nullptr) return out_of_memory();
    return Poll(Registry(SelectorOwner(selector)));
}

Result<> Poll::poll(Events& events, std::optional<Saturating<std::chrono::nanoseconds>> timeout) {
    if (spin_ != none) [[unlikely]]
        return poll_spinning(events, timeout);
    return registry_.selector_->select(events, timeout);
}

Result<> Poll::poll(Events& events, std::optional<Saturating<std::chrono::nanoseconds>> timeout,
                    PollCounters& counters) {
    counters.begin_poll();
    probe_poll_begin();
    auto polled = poll(events, timeout);
    counters.end_poll(events.size());
    probe_poll_end(events.size(), polled ? 0 : polled.error().value());
    return polled;
}

Result<> Poll::poll_until(Events& events, std::chrono::steady_clock::time_point deadline,
                          PollCounters& counters) {
    while (true) {
        const auto now = std::chrono::steady_clock::now();
        auto polled = poll(events, time_left(now, deadline), counters);
        if (polled || !interrupted(polled.error())) return polled;
    }
}

namespace {

// For values that only one thread writes.
void increase(std::atomic<std::uint64_t>& value, std::uint64_t by) noexcept {
    value.store(value.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

std::uint64_t nanoseconds_of(std::chrono::steady_clock::duration time) noexcept {
    return static_cast<std::uint64_t>(std::chrono::nanoseconds(time).count());
}

} // namespace

void PollCounters::begin_poll() noexcept {
    began_ = Clock::now();
    if (!has_ended_) return;
    const auto gap = nanoseconds_of(began_ - ended_);
    if (gap > read(longest_gap_)) longest_gap_.store(gap, std::memory_order_relaxed);
}

void PollCounters::end_poll(std::size_t events) noexcept {
    ended_ = Clock::now();
    has_ended_ = true;
    increase(polls_, 1);
    increase(events_, events);
    increase(time_in_polls_, nanoseconds_of(ended_ - began_));
}

// Not inlined, so that a poll that does not spin saves no registers for it.
[[gnu::noinline]] Result<> Poll::poll_spinning(Events& events,
                                               std::optional<std::chrono::nanoseconds> timeout) noexcept {
    using Clock = std::chrono::steady_clock;
    auto& selector = *registry_.selector_;
    const auto start = Clock::now();
    const auto limit = timeout ? std::min(spin_, *timeout) : spin_;
    std::chrono::nanoseconds elapsed;
    do {
        auto polled = selector.select(events, none);
        if (!polled || !events.empty()) return polled;
        elapsed = Clock::now() - start;
    } while (elapsed < limit);
    if (!timeout) return selector.select(events, std::nullopt);
    if (elapsed >= *timeout) return {};
    return selector.select(events, *timeout - elapsed);
}

void Poll::retire() noexcept {
    if (registry_.selector_) registry_.selector_->retire();
}

void Poll::set_spin(Saturating<std::chrono::nanoseconds> limit) noexcept {
    spin_ = std::max<std::chrono::nanoseconds>(limit, none);
}

Result<> Poll::poll_until(Events& events, std::chrono::steady_clock::time_point deadline) {
    while (true) {
        const auto now = std::chrono::steady_clock::now();
        auto polled = poll(events, time_left(now, deadline));
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

// A source of a retired selector, one without its `Poll`, counts as not registered, also for a clone of its registry.
Result<> Registration::check_belongs_to(const Registry& registry) const noexcept {
    if (state_ == 0) return fail(Errc::not_registered);
    const auto& selector = sys::native::selector_of(state_);
    if (selector.is_retired()) return fail(Errc::not_registered);
    if (&selector != &*registry.selector_) return fail(Errc::other_registry);
    return {};
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
    selector.release(); // the registry still owns it
    return {};
}

Result<> Registration::renew(const Registry& registry) noexcept {
    if (auto checked = check_belongs_to(registry); !checked) return checked;
    return registry.selector_->renew(state_);
}

Result<> Registration::note_failure(Interest direction, bool blocked) const noexcept {
    if (state_ == 0) return {};
    if (blocked) return sys::native::rearm(state_, direction);
    sys::native::error_taken(state_);
    return {};
}

void Registration::exhausted(Interest direction) const noexcept {
    if (state_ != 0) static_cast<void>(sys::native::rearm(state_, direction));
}

void Registration::forget() noexcept {
    auto& selector = sys::native::selector_of(state_);
    sys::native::forget(std::exchange(state_, 0));
    selector.release();
}

struct Waker::Body {
    Body(SelectorOwner owner, Token token, sys::native::Waker::Parts&& parts) noexcept
        : selector(std::move(owner)), mechanism(*selector, token, std::move(parts)) {}

    SelectorOwner selector; // destroyed after the mechanism, which refers to it
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
    assert(body_ != nullptr && "wake on a moved-from Waker");
    return sys::wake(body_->mechanism);
}

Result<> Waker::wake(PollCounters& counters) const noexcept {
    assert(body_ != nullptr && "wake on a moved-from Waker");
    const auto ticket = body_->mechanism.begin();
    if (ticket == 0) {
        counters.wakes_coalesced_.fetch_add(1, std::memory_order_relaxed);
        probe_wake_coalesced();
        return {};
    }
    counters.wakes_sent_.fetch_add(1, std::memory_order_relaxed);
    probe_wake_sent();
    return body_->mechanism.send(ticket);
}

std::string_view backend() noexcept { return sys::native::name; }

} // namespace mio
