module;

#include <cstdio>
#include <cstdlib>

module mio.async.task;

import mio.core;
import mio.std;
import mio.time;
import mio.async.internal;
import mio.async.loop;

namespace mio::async {
namespace {

void start_root(PromiseBase& promise, TaskList& tasks, Scope& scope) noexcept {
    promise.loop = tasks.loop();
    promise.scope = &scope;
    tasks.add(promise);
    promise.loop->schedule(promise);
}

void spawned_task_ended(PromiseBase& promise) noexcept {
    // Nothing can catch the exception, so it ends the program; the terminate handler prints it.
    if (promise.failure) std::rethrow_exception(std::move(promise.failure));
    promise.coroutine.destroy();
}

} // namespace

void fail_empty_task() noexcept {
    std::fputs(
        "mio: a task was started that is empty: it was moved from, or awaited, spawned or run before\n",
        stderr);
    std::abort();
}

// Running.

void spawn(LoopCore& loop, Task<> task) noexcept {
    if (loop.tasks().loop() == nullptr) return; // the loop is being destroyed
    auto& promise = task.release();
    promise.on_end = &spawned_task_ended;
    start_root(promise, loop.tasks(), loop.root());
}

Result<> start_main(LoopCore& loop, PromiseBase& promise, bool& is_done) noexcept {
    promise.loop = &loop;
    promise.scope = &loop.root();
    promise.listener = &is_done;
    promise.on_end = [](PromiseBase& ended) noexcept { *static_cast<bool*>(ended.listener) = true; };
    return loop.start_main(promise);
}

// Time.

bool Sleep::await_suspend(std::coroutine_handle<>) noexcept {
    LoopCore& loop = *frame->loop;
    if (until_ <= Clock::now()) {
        loop.schedule(*frame);
        return true;
    }
    timer_.fire = &fired;
    timer_.sleep = this;
    if (!loop.arm(timer_, until_)) {
        is_out_of_memory_ = true;
        return false;
    }
    on_cancel = &cancelled;
    name = "sleep";
    frame->scope->add(*this);
    return true;
}

Result<> Sleep::await_resume() const noexcept {
    if (is_cancelled_) return std::unexpected(canceled_error());
    if (is_out_of_memory_) return std::unexpected(os_error(std::errc::not_enough_memory));
    return {};
}

void Sleep::cancelled(Hook& hook) noexcept {
    auto& sleep = static_cast<Sleep&>(hook);
    LoopCore& loop = *sleep.frame->loop;
    loop.disarm(sleep.timer_);
    sleep.is_cancelled_ = true;
    loop.schedule(*sleep.frame);
}

void Sleep::fired(LoopTimer& timer) noexcept {
    Sleep& sleep = *static_cast<Timer&>(timer).sleep;
    sleep.unlink();
    sleep.frame->loop->resume(sleep.frame->coroutine);
}

void TimeLimit::fired(LoopTimer& timer) noexcept {
    static_cast<Timer&>(timer).limit->expire(std::errc::timed_out);
}

void TimeLimit::expire(std::errc error) noexcept {
    error_ = error;
    scope_.cancel();
}

// Scopes.

void SharedScope::cancelled(Hook& hook) noexcept { static_cast<Relay&>(hook).scope->cancel(); }

// Several tasks.

void Tasks::start(PromiseBase& task, std::size_t index) noexcept {
    task.loop = frame_->loop;
    task.scope = &scope_;
    task.parent = frame_;
    task.index = index;
    task.listener = this;
    task.on_end = &ended;
    task.loop->start(task);
}

void Tasks::ended(PromiseBase& task) noexcept {
    auto& tasks = *static_cast<Tasks*>(task.listener);
    if (tasks.first_ == none) {
        tasks.first_ = task.index;
        if (tasks.ends_with_first_) tasks.scope_.cancel();
    }
    if (--tasks.left_ == 0) task.loop->run_next(tasks.frame_->coroutine);
}

Group::Group(const Context& context) noexcept : tasks_(*context.loop) { scope_.enter(*context.scope); }
Group::Group(const Loop& loop) noexcept : Group(Context{&loop.core(), &loop.core().root()}) {}

Group::~Group() {
    while (!joining_.empty()) {
        auto& join = static_cast<Join&>(joining_.front());
        join.Hook::unlink();
        join.cancel();
    }
}

void Group::spawn(Task<> task) noexcept {
    if (tasks_.loop() == nullptr) return;
    auto& promise = task.release();
    promise.listener = this;
    promise.on_end = &ended;
    ++size_;
    start_root(promise, tasks_, scope_);
}

void Group::ended(PromiseBase& task) noexcept {
    auto& group = *static_cast<Group*>(task.listener);
    spawned_task_ended(task); // first, so that a coroutine that joins finds the task destroyed
    if (--group.size_ != 0) return;
    while (!group.joining_.empty()) {
        Waiter& waiter = group.joining_.pop_front();
        waiter.Hook::unlink();
        waiter.frame->loop->schedule(*waiter.frame);
    }
}

bool Group::Join::await_suspend(std::coroutine_handle<>) noexcept {
    on_cancel = &cancelled;
    name = "join";
    if (frame->scope->is_cancelled()) {
        if (!frame->scope->is_cancelled_with(group_->scope_)) {
            is_cancelled_ = true;
            return false;
        }
    } else {
        frame->scope->add(*this);
    }
    group_->joining_.push_back(*this);
    return true;
}

Result<> Group::Join::await_resume() const noexcept {
    if (is_cancelled_) return std::unexpected(canceled_error());
    return {};
}

void Group::Join::cancelled(Hook& hook) noexcept {
    auto& join = static_cast<Join&>(hook);
    if (join.frame->scope->is_cancelled_with(join.group_->scope_)) return;
    join.cancel();
}

void Group::Join::cancel() noexcept {
    static_cast<Link<WaitTag>&>(*this).unlink();
    is_cancelled_ = true;
    frame->loop->schedule(*frame);
}

// Stop tokens.

void StopRelay::opened(Parcel& parcel, const Context*) noexcept {
    auto& relay = static_cast<StopRelay&>(parcel);
    relay.is_opened_ = true;
    relay.scope_.cancel();
}

} // namespace mio::async
