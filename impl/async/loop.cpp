module;

#include <bit>
#include <cassert>

#include "../core/attempt.hpp"

module mio.async.loop;

import mio.core;
import mio.std;
import mio.sys.selector;
import mio.time;
import mio.async.internal;

#include "inbox.hpp"

namespace mio::async {
namespace {

// A token is an address shifted right by one bit, with the top bit set. Slots and inboxes are aligned to more than two
// bytes, so that the lowest bit of an inbox's token can distinguish the two.
constexpr std::size_t top_bit = ~(~std::size_t{0} >> 1);
constexpr std::size_t inbox_bit = 1;
static_assert(alignof(Slot) > 2 && alignof(Inbox) > 2);

Token token_of(const void* address, std::size_t bit) noexcept {
    return Token{top_bit | std::bit_cast<std::size_t>(address) >> 1 | bit};
}
// The loop whose turn this thread makes.
constinit thread_local LoopCore* running = nullptr;

// Empty if memory is exhausted.
std::optional<mio::Events> make_events(std::size_t capacity) noexcept {
    std::optional<mio::Events> events;
    static_cast<void>(attempt([&] { events.emplace(capacity); }));
    return events;
}

class Running {
  public:
    explicit Running(LoopCore& loop) noexcept : previous_(std::exchange(running, &loop)) {}
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() { running = previous_; }

  private:
    LoopCore* previous_;
};

} // namespace

// The steps of a turn, inline: a turn with one event is the usual case.
class Turn {
  public:
    [[nodiscard, gnu::always_inline]] static inline bool handle(LoopCore& loop,
                                                                const mio::Event& event) noexcept {
        const std::size_t token = event.token().value;
        if ((token & (top_bit | inbox_bit)) != top_bit) [[unlikely]] {
            if (token != token_of(loop.inbox_, inbox_bit).value) return false;
            loop.collect();
            return true;
        }
        auto& slot = *std::bit_cast<Slot*>(token << 1);
        if (slot.loop_ != &loop) [[unlikely]]
            return false;
        if (!slot.is_open_) [[unlikely]]
            return true;
        // The bits for writable and write_closed are the next ones after those for readable and read_closed.
        static_assert(static_cast<unsigned>(Readiness::readable) == 1
                      && static_cast<unsigned>(Readiness::writable) == 2);
        static_assert(static_cast<unsigned>(Readiness::read_closed) == 1 << 6
                      && static_cast<unsigned>(Readiness::write_closed) == 2 << 6
                      && static_cast<unsigned>(Readiness::priority) == 1 << 4);
        const auto bits = static_cast<unsigned>(event.readiness());
        unsigned ready = bits & 3;
        if ((bits & ~3u) != 0) {
            const unsigned closed =
                (bits >> 6 & 3) | ((bits & static_cast<unsigned>(Readiness::error)) != 0 ? 3u : 0u);
            slot.closed_ = static_cast<std::uint8_t>(slot.closed_ | closed | (bits >> 4 & 1)); // urgent data
            ready |= closed;
            if ((closed & 2) != 0) hang_up(loop, slot);
        }
        slot.ready_ = static_cast<std::uint8_t>(slot.ready_ | ready);
        dispatch(loop, slot);
        return true;
    }

    [[gnu::always_inline]] static inline void dispatch(LoopCore& loop, Slot& slot) noexcept {
        for (unsigned way = 0; way < 2; ++way)
            if ((slot.ready_ >> way & 1) != 0 && !slot.waiting_[way].empty()) dispatch(loop, slot, way);
    }

    [[gnu::always_inline]] static inline void finish(LoopCore& loop) noexcept {
        if (loop.again_ != nullptr) [[unlikely]]
            loop.attempt_again();
        if (!loop.timers_.empty()) loop.fire_timers();
        if (!loop.inbox_->is_empty() || !loop.received_.empty()) [[unlikely]]
            loop.open_parcels();
        if (!loop.ready_.empty()) {
            // Those that become ready meanwhile wait for the next turn.
            List<Frame, ReadyTag> batch;
            batch.take_front(loop.ready_);
            do loop.resume(batch.pop_front().coroutine);
            while (!batch.empty());
        }
        loop.slots_->recycle();
    }

  private:
    // The waiting coroutines resume after the batch.
    static void hang_up(LoopCore& loop, Slot& slot) noexcept {
        slot.has_hung_up_ = slot.waiting_for_hang_up_.empty();
        while (!slot.waiting_for_hang_up_.empty()) {
            Waiter& waiter = slot.waiting_for_hang_up_.pop_front();
            waiter.Hook::unlink();
            loop.schedule(*waiter.frame);
        }
    }

    // Attempts the queued operations until one would block. A resumed coroutine may close the source, which empties
    // the lists, and may queue its next operation: after `time_slice` of them, the rest waits for the next turn.
    [[gnu::always_inline]] static inline void dispatch(LoopCore& loop, Slot& slot, unsigned way) noexcept {
        auto& waiting = slot.waiting_[way];
        for (int left = LoopCore::time_slice; left > 0; --left) {
            Waiter& waiter = waiting.front();
            if (!waiter.attempt(waiter)) return;
            static_cast<Link<WaitTag>&>(waiter).unlink();
            waiter.Hook::unlink();
            loop.resume(waiter.frame->coroutine);
            if ((slot.ready_ >> way & 1) == 0 || waiting.empty()) return;
        }
        if (slot.is_again_) return;
        slot.is_again_ = true;
        slot.again_ = std::exchange(loop.again_, &slot);
    }
};

// Loop.

Result<Loop> Loop::create(std::optional<Poll> own, Poll* borrowed, std::size_t events) {
    if (events == 0) return std::unexpected(make_error_code(Errc::no_capacity));
    const auto no_memory = std::unexpected(os_error(std::errc::not_enough_memory));
    auto buffer = make_events(events);
    if (!buffer) return no_memory;
    // The waker's token is the address of its inbox, which contains the waker.
    void* const storage = ::operator new(sizeof(Inbox), std::nothrow);
    if (storage == nullptr) return no_memory;
    auto waker = Waker::create((own ? *own : *borrowed).registry(), token_of(storage, inbox_bit));
    if (!waker) {
        ::operator delete(storage);
        return std::unexpected(waker.error());
    }
    auto* const inbox = ::new (storage) Inbox(std::move(*waker));
    auto* const slots = static_cast<SlotTable*>(::operator new(sizeof(SlotTable), std::nothrow));
    auto* const core = static_cast<LoopCore*>(::operator new(sizeof(LoopCore), std::nothrow));
    if (slots == nullptr || core == nullptr) {
        ::operator delete(slots);
        ::operator delete(core);
        inbox->release();
        return no_memory;
    }
    ::new (slots) SlotTable(*core);
    ::new (core) LoopCore(std::move(own), borrowed, inbox, slots, std::move(*buffer));
    return Loop(core);
}

Result<Loop> Loop::create(std::size_t events) {
    auto poll = Poll::create();
    if (!poll) return std::unexpected(poll.error());
    return create(std::move(*poll), nullptr, events);
}

Result<Loop> Loop::over(Poll& poll) { return create(std::nullopt, &poll, 1); }

Loop::~Loop() { delete core_; }

std::optional<Clock::time_point> Loop::deadline() const noexcept { return core_->deadline(); }
bool Loop::handle(const mio::Event& event) noexcept {
    const Running guard(*core_);
    return core_->handle(event);
}
void Loop::finish() noexcept {
    const Running guard(*core_);
    core_->finish();
}

Result<> Loop::shut_down() {
    if (!core_->own_) return std::unexpected(make_error_code(Errc::unsupported));
    if (core_->is_turning_) return std::unexpected(os_error(std::errc::resource_deadlock_would_occur));
    // Tasks that a cancelled task spawns belong to a cancelled scope too.
    core_->root_.cancel();
    while (!core_->tasks_.empty())
        if (auto turned = turn(); !turned) return turned;
    core_->root_.restore();
    return {};
}

// LoopCore.

LoopCore::LoopCore(std::optional<Poll> own, Poll* borrowed, Inbox* inbox, SlotTable* slots,
                   mio::Events&& events) noexcept
    : own_(std::move(own)), poll_(own_ ? &*own_ : borrowed), inbox_(inbox), slots_(slots),
      events_(std::move(events)), tasks_(*this) {}

LoopCore::~LoopCore() {
    const Running guard(*this); // so that posts to this loop are received here
    while (!groups_.empty()) {
        TaskList& group = groups_.back();
        group.drop(); // the program's destructors may create and destroy groups
        if (group.is_linked()) {
            group.unlink();
            group.loop_ = nullptr;
        }
    }
    // Calls of other loops are returned to them.
    receive(inbox_->close());
    while (!received_.empty()) {
        Parcel& parcel = received_.pop_front();
        parcel.open(parcel, nullptr);
    }
    inbox_->release();
    slots_->orphan();
}

RemoteLoop LoopCore::remote() const noexcept { return RemoteLoop(inbox_); }

bool LoopCore::has_ready() const noexcept {
    return !ready_.empty() || again_ != nullptr || !received_.empty();
}

std::optional<Clock::time_point> LoopCore::deadline() const noexcept {
    return has_ready() ? std::optional(Clock::time_point()) : timers_.next();
}

// The time until the next timer, at most `limit`.
std::chrono::nanoseconds LoopCore::time_to_wait(std::chrono::nanoseconds limit) const noexcept {
    const auto next = timers_.next();
    if (!next) return limit;
    const auto now = Clock::now();
    if (*next <= now) return std::chrono::nanoseconds(0);
    // Unsigned, since the difference of two time points may not fit.
    const auto left = static_cast<std::uint64_t>(next->time_since_epoch().count())
                      - static_cast<std::uint64_t>(now.time_since_epoch().count());
    return left < static_cast<std::uint64_t>(limit.count())
               ? std::chrono::nanoseconds(static_cast<std::int64_t>(left))
               : limit;
}

Result<> LoopCore::turn(std::chrono::nanoseconds limit) {
    if (!own_ || is_turning_) [[unlikely]]
        return std::unexpected(own_ ? os_error(std::errc::resource_deadlock_would_occur)
                                    : make_error_code(Errc::unsupported));
    is_turning_ = true;
    constexpr std::chrono::nanoseconds none{0}, forever = std::chrono::nanoseconds::max();
    if (has_ready())
        limit = none;
    else if (limit > none && !timers_.empty())
        limit = time_to_wait(limit);
    auto polled = limit == forever ? poll_->poll(events_) : poll_->poll(events_, limit);
    const Running guard(*this);
    for (const auto& event : events_) static_cast<void>(Turn::handle(*this, event));
    Turn::finish(*this);
    is_turning_ = false;
    if (!polled && interrupted(polled.error())) [[unlikely]]
        polled = {};
    return polled;
}

bool LoopCore::handle(const mio::Event& event) noexcept { return Turn::handle(*this, event); }
void LoopCore::finish() noexcept { Turn::finish(*this); }

void LoopCore::attempt_again() noexcept {
    Slot* list = std::exchange(again_, nullptr);
    while (list != nullptr) {
        Slot& slot = *std::exchange(list, list->again_);
        slot.is_again_ = false;
        if (slot.is_open_) Turn::dispatch(*this, slot);
    }
}

void LoopCore::fire_timers() noexcept {
    const auto now = Clock::now();
    while (auto* const timer = timers_.pop(now)) {
        auto& due = static_cast<LoopTimer&>(*timer);
        due.fire(due);
    }
}

void LoopCore::start(Frame& frame) noexcept {
    if (enter()) {
        run(frame.coroutine);
    } else {
        schedule(frame);
    }
    exit();
}

Result<> LoopCore::start_main(Frame& frame) noexcept {
    if (is_turning_) return std::unexpected(os_error(std::errc::resource_deadlock_would_occur));
    is_turning_ = true; // the coroutine must not call `turn`
    resume(frame.coroutine);
    is_turning_ = false;
    return {};
}

// Parcels.

void LoopCore::collect() noexcept { receive(inbox_->take()); }

void LoopCore::receive(Parcel* latest) noexcept {
    Parcel* first = nullptr;
    while (latest != nullptr) {
        Parcel* const parcel = std::exchange(latest, latest->next);
        parcel->next = std::exchange(first, parcel);
    }
    while (first != nullptr) received_.push_back(*std::exchange(first, first->next));
}

void LoopCore::open_parcels() noexcept {
    collect();
    // Parcels that these post to their own loop wait for the next turn.
    List<Parcel, ParcelTag> batch;
    batch.take_front(received_);
    const Context here{this, &root_};
    while (!batch.empty()) {
        Parcel& parcel = batch.pop_front();
        parcel.open(parcel, &here);
    }
}

void LoopCore::withdraw(Parcel& parcel) noexcept {
    if (!parcel.is_linked()) collect();
    assert(parcel.is_linked() && "the parcel was not posted to this loop, or has been opened");
    parcel.unlink();
}

void LoopCore::post(Parcel& parcel) noexcept {
    if (running == this) {
        received_.push_back(parcel);
        return;
    }
    // The loop exists now, but its thread may open the parcel and end before the wake-up.
    const RemoteLoop there(inbox_);
    static_cast<void>(there.post(parcel));
}

RemoteLoop::RemoteLoop(Inbox* inbox) noexcept : inbox_(inbox) { inbox_->retain(); }
RemoteLoop::RemoteLoop(const RemoteLoop& other) noexcept : inbox_(other.inbox_) {
    if (inbox_ != nullptr) inbox_->retain();
}
RemoteLoop::~RemoteLoop() {
    if (inbox_ != nullptr) inbox_->release();
}

Result<> RemoteLoop::post(Parcel& parcel) const noexcept {
    if (running != nullptr && running->inbox_ == inbox_) {
        running->received_.push_back(parcel);
        return {};
    }
    if (!inbox_->post(parcel)) return std::unexpected(canceled_error());
    return {};
}

// Slots.

Token Slot::token() const noexcept { return token_of(this, 0); }

Slot* LoopCore::open_slot() noexcept { return slots_->open(); }

bool Slot::wait_for_hang_up(Waiter& waiter) noexcept {
    if (std::exchange(has_hung_up_, false)) return true;
    waiting_for_hang_up_.push_back(waiter);
    return false;
}

void Slot::cancel_waiters() noexcept {
    for (auto* const list : {&waiting_[0], &waiting_[1], &waiting_for_hang_up_}) {
        while (!list->empty()) {
            Waiter& waiter = list->pop_front();
            waiter.Hook::unlink();
            waiter.on_cancel(waiter);
        }
    }
}

void Slot::close() noexcept {
    cancel_waiters();
    table_->close(*this);
}

// TaskList.

TaskList::TaskList(LoopCore& loop) noexcept : loop_(&loop) { loop.groups_.push_back(*this); }

void TaskList::drop() noexcept {
    while (!frames_.empty()) {
        Frame& frame = frames_.back();
        static_cast<Link<RootTag>&>(frame).unlink();
        destroy_chain(frame);
    }
}

} // namespace mio::async
