module;

#include <atomic>
#include <coroutine>
#include <exception>
#include <expected>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>

#include "../core/attempt.hpp"

module mio.async.sync;

import mio.core;
import mio.async.loop;
import mio.async.task;

namespace mio::async {

// ---- Event

Event::~Event() {
    while (!waiting_.empty()) {
        Waiter& waiter = waiting_.pop_front();
        static_cast<Link<CancelTag>&>(waiter).unlink();
        waiter.on_cancel(waiter);
    }
}

void Event::set() noexcept {
    is_set_ = true;
    while (!waiting_.empty()) {
        Waiter& waiter = waiting_.pop_front();
        static_cast<Link<CancelTag>&>(waiter).unlink();
        waiter.frame->loop->schedule(*waiter.frame);
    }
}

void Event::Wait::await_suspend(std::coroutine_handle<>) noexcept {
    if (event_->is_set_) { // the time slice is used up
        frame->loop->schedule(*frame);
        return;
    }
    on_cancel = &cancelled;
    name = "wait";
    event_->waiting_.push_back(*this);
    frame->scope->add(*this);
}

Result<> Event::Wait::await_resume() const noexcept {
    if (is_cancelled_) return std::unexpected(canceled_error());
    return {};
}

void Event::Wait::cancelled(Hook& hook) noexcept {
    auto& wait = static_cast<Wait&>(hook);
    static_cast<Link<WaitTag>&>(wait).unlink();
    wait.is_cancelled_ = true;
    wait.frame->loop->schedule(*wait.frame);
}

// ---- Channel

void ChannelWaiter::wait(List<ChannelWaiter, WaitTag>& list, std::mutex& mutex,
                         const char* operation) noexcept {
    mutex_ = &mutex;
    list.push_back(*this);
    on_cancel = &cancelled;
    name = operation;
    frame->scope->add(*this);
}

void ChannelWaiter::complete(const std::error_code& result) noexcept {
    static_cast<Link<WaitTag>&>(*this).unlink();
    error = result;
    frame->loop->post(*this); // under the lock, so that the coroutine cannot be destroyed before
}

void ChannelWaiter::opened(Parcel& parcel, const Context*) noexcept {
    auto& waiter = static_cast<ChannelWaiter&>(parcel);
    waiter.mutex_ = nullptr;
    static_cast<Link<CancelTag>&>(waiter).unlink();
    waiter.frame->loop->resume(waiter.frame->coroutine);
}

void ChannelWaiter::cancelled(Hook& hook) noexcept {
    auto& waiter = static_cast<ChannelWaiter&>(hook);
    {
        const std::scoped_lock lock(*waiter.mutex_);
        auto& place = static_cast<Link<WaitTag>&>(waiter);
        if (!place.is_linked()) return; // completed, and on the way
        place.unlink();
    }
    waiter.mutex_ = nullptr;
    waiter.error = canceled_error();
    waiter.frame->loop->schedule(*waiter.frame);
}

void ChannelWaiter::withdraw() noexcept {
    if (mutex_ == nullptr) return;
    bool is_posted = false;
    {
        const std::scoped_lock lock(*mutex_);
        auto& place = static_cast<Link<WaitTag>&>(*this);
        is_posted = !place.is_linked();
        place.unlink();
    }
    if (is_posted) frame->loop->withdraw(*this);
    mutex_ = nullptr;
}

// ---- Work elsewhere

void Errand::go_home() noexcept {
    open = &returned;
    const RemoteLoop home(std::move(home_)); // the home thread may destroy this before `post` returns
    if (!home.post(*this)) {
        const ReturnFrames foreign;
        destroy_(*this);
    }
}

void Errand::returned(Parcel& parcel, const Context* here) noexcept {
    auto& errand = static_cast<Errand&>(parcel);
    ErrandWaiter* const waiter = std::exchange(errand.waiter_, nullptr);
    if (waiter == nullptr || here == nullptr) {
        errand.destroy_(errand);
        return;
    }
    waiter->unlink();
    here->loop->resume(waiter->frame->coroutine);
}

namespace {

// Null without memory; the errand has gone home then.
std::optional<Task<>> make_task(Errand& errand, MakeErrandTask make) noexcept {
    errand.error = os_error(std::errc::not_enough_memory); // in advance
    std::optional<Task<>> task;
    if (attempt([&] { task.emplace(make(errand)); }) == std::errc()) errand.error = {};
    return task;
}

} // namespace

void start_errand(Errand& errand, MakeErrandTask make, LoopCore& loop) noexcept {
    auto task = make_task(errand, make);
    if (!task) return;
    auto& promise = task->release();
    promise.loop = &loop;
    promise.scope = &loop.root();
    promise.listener = &errand;
    promise.on_end = [](PromiseBase& ended) noexcept {
        static_cast<Errand*>(ended.listener)->failure = std::move(ended.failure);
        ended.coroutine.destroy(); // which sends the errand home
    };
    loop.tasks().add(promise);
    loop.resume(promise.coroutine);
}

void run_errand_here(Errand& errand, MakeErrandTask make) noexcept {
    auto task = make_task(errand, make);
    if (!task) return;
    auto& promise = task->promise();
    promise.listener = &errand;
    promise.on_end = [](PromiseBase& ended) noexcept {
        static_cast<Errand*>(ended.listener)->failure = std::move(ended.failure);
    };
    promise.coroutine.resume();
    // The task is destroyed here, which sends the errand home.
}

void ErrandWaiter::wait(Errand& errand, const char* operation) noexcept {
    errand_ = &errand;
    errand.waiter_ = this;
    on_cancel = &cancelled;
    name = operation;
    frame->scope->add(*this);
}

void ErrandWaiter::give_up() noexcept {
    if (errand_ == nullptr) return;
    errand_->is_abandoned_.store(true, std::memory_order_relaxed);
    errand_->waiter_ = nullptr;
    errand_ = nullptr;
}

void ErrandWaiter::cancelled(Hook& hook) noexcept {
    auto& waiter = static_cast<ErrandWaiter&>(hook);
    waiter.give_up();
    waiter.error_ = canceled_error();
    waiter.frame->loop->schedule(*waiter.frame);
}

} // namespace mio::async
