module;

#include "../core/attempt.hpp"

module mio.async.job;

import mio.core;
import mio.async.internal;
import mio.async.loop;
import mio.async.task;
import mio.std;

namespace mio::async {

void Job::send_back() noexcept {
    open = &returned;
    const RemoteLoop origin(std::move(origin_)); // a copy: the origin may destroy this before `post` returns
    if (!origin.post(*this)) {
        const ReturnFrames foreign;
        destroy_(*this);
    }
}

void Job::returned(Parcel& parcel, const Context* here) noexcept {
    auto& job = static_cast<Job&>(parcel);
    JobWaiter* const waiter = std::exchange(job.waiter_, nullptr);
    if (waiter == nullptr || here == nullptr) {
        job.destroy_(job);
        return;
    }
    waiter->unlink();
    here->loop->resume(waiter->frame->coroutine);
}

namespace {

// Null if memory is exhausted, after the job was sent back.
std::optional<Task<>> make_task(Job& job, MakeJobTask make) noexcept {
    job.error = os_error(std::errc::not_enough_memory); // in advance
    std::optional<Task<>> task;
    if (attempt([&] { task.emplace(make(job)); }) == std::errc()) job.error = {};
    return task;
}

} // namespace

void start_job(Job& job, MakeJobTask make, LoopCore& loop) noexcept {
    auto task = make_task(job, make);
    if (!task) return;
    auto& promise = task->release();
    promise.loop = &loop;
    promise.scope = &loop.root();
    promise.listener = &job;
    promise.on_end = [](PromiseBase& ended) noexcept {
        static_cast<Job*>(ended.listener)->failure = std::move(ended.failure);
        ended.coroutine.destroy(); // sends the job back
    };
    loop.tasks().add(promise);
    loop.resume(promise.coroutine);
}

void run_job_here(Job& job, MakeJobTask make) noexcept {
    auto task = make_task(job, make);
    if (!task) return;
    auto& promise = task->promise();
    promise.listener = &job;
    promise.on_end = [](PromiseBase& ended) noexcept {
        static_cast<Job*>(ended.listener)->failure = std::move(ended.failure);
    };
    promise.coroutine.resume();
    // Destroying the task sends the job back.
}

void JobWaiter::wait(Job& job, const char* operation) noexcept {
    job_ = &job;
    job.waiter_ = this;
    on_cancel = &cancelled;
    name = operation;
    frame->scope->add(*this);
}

void JobWaiter::give_up() noexcept {
    if (job_ == nullptr) return;
    job_->is_abandoned_.store(true, std::memory_order_relaxed);
    job_->waiter_ = nullptr;
    job_ = nullptr;
}

void JobWaiter::cancelled(Hook& hook) noexcept {
    auto& waiter = static_cast<JobWaiter&>(hook);
    waiter.give_up();
    waiter.error_ = canceled_error();
    waiter.frame->loop->schedule(*waiter.frame);
}

} // namespace mio::async
