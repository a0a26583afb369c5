module;

#include <condition_variable>
#include <thread>

#include "../core/attempt.hpp"

module mio.async.blocking;

import mio.core;
import mio.net.address;
import mio.async.job;
import mio.async.loop;
import mio.async.task;
import mio.std;

namespace mio::async {

struct Pool::State {
    explicit State(unsigned most) : limit(most == 0 ? 1 : most) { threads.reserve(limit); }

    std::mutex mutex;
    std::condition_variable has_work;
    Job* first = nullptr; // the queue
    Job* last = nullptr;
    bool is_ending = false;
    std::size_t idle = 0; // threads that wait
    std::size_t queued = 0;
    const std::size_t limit;
    std::vector<std::thread> threads;

    Job* pop() noexcept {
        Job* const job = first;
        if (job == nullptr) return nullptr;
        first = job->next_job;
        if (first == nullptr) last = nullptr;
        --queued;
        return job;
    }

    void work() noexcept {
        std::unique_lock lock(mutex);
        while (true) {
            ++idle;
            while (!is_ending && first == nullptr) has_work.wait(lock);
            --idle;
            if (is_ending) return;
            Job* const job = pop();
            lock.unlock();
            if (job->is_abandoned())
                job->send_back();
            else
                job->work(*job);
            lock.lock();
        }
    }

    Result<> start_thread() noexcept {
        const auto error = attempt([this] { threads.emplace_back(&State::work, this); });
        return error == std::errc() ? Result<>() : std::unexpected(os_error(error));
    }
};

Pool::Pool(unsigned threads) : state_(new State(threads)) {}

Pool::~Pool() {
    {
        const std::scoped_lock lock(state_->mutex);
        state_->is_ending = true;
    }
    state_->has_work.notify_all();
    for (auto& thread : state_->threads) thread.join();
    while (Job* const job = state_->pop()) job->send_back();
    delete state_;
}

Result<> Pool::submit(Job& job) noexcept {
    {
        const std::scoped_lock lock(state_->mutex);
        if (state_->queued >= state_->idle && state_->threads.size() < state_->limit) {
            // Fewer threads also suffice.
            if (auto started = state_->start_thread(); !started && state_->threads.empty()) return started;
        }
        job.next_job = nullptr;
        (state_->last != nullptr ? state_->last->next_job : state_->first) = &job;
        state_->last = &job;
        ++state_->queued;
    }
    state_->has_work.notify_one();
    return {};
}

namespace {

struct Resolve {
    std::string host, service;
    Result<std::vector<net::SocketAddress>> operator()() const { return net::resolve(host, service); }
};

} // namespace

Task<Result<std::vector<net::SocketAddress>>> resolve(Pool& pool, std::string host, std::string service) {
    co_return co_await pool.run(Resolve{std::move(host), std::move(service)});
}

} // namespace mio::async
