module mio.async.sync;

import mio.core;
import mio.async.internal;
import mio.async.loop;
import mio.async.task;
import mio.std;

namespace mio::async {

// Event.

Event::~Event() {
    while (!waiting_.empty()) {
        Waiter& waiter = waiting_.pop_front();
        waiter.Hook::unlink();
        waiter.on_cancel(waiter);
    }
}

void Event::set() noexcept {
    is_set_ = true;
    while (!waiting_.empty()) {
        Waiter& waiter = waiting_.pop_front();
        waiter.Hook::unlink();
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

// Channel.

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
    waiter.Hook::unlink();
    waiter.frame->loop->resume(waiter.frame->coroutine);
}

void ChannelWaiter::cancelled(Hook& hook) noexcept {
    auto& waiter = static_cast<ChannelWaiter&>(hook);
    {
        const std::scoped_lock lock(*waiter.mutex_);
        auto& place = static_cast<Link<WaitTag>&>(waiter);
        if (!place.is_linked()) return; // completed, and posted to the loop
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

} // namespace mio::async
