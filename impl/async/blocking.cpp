module;

#include <atomic>
#include <condition_variable>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <expected>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <source_location>
#include <string>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "../core/attempt.hpp"

module mio.async.blocking;

import mio.core;
import mio.net.address;
import mio.async.loop;
import mio.async.task;
import mio.async.sync;

namespace mio::async {

struct Pool::State {
    explicit State(unsigned most) : limit(most == 0 ? 1 : most) { threads.reserve(limit); }

    std::mutex mutex;
    std::condition_variable has_work;
    Errand* first = nullptr; // the queue
    Errand* last = nullptr;
    bool is_ending = false;
    std::size_t idle = 0; // threads that wait
    std::size_t queued = 0;
    const std::size_t limit;
    std::vector<std::thread> threads;

    Errand* pop() noexcept {
        Errand* const errand = first;
        if (errand == nullptr) return nullptr;
        first = errand->next_errand;
        if (first == nullptr) last = nullptr;
        --queued;
        return errand;
    }

    void work() noexcept {
        std::unique_lock lock(mutex);
        while (true) {
            ++idle;
            while (!is_ending && first == nullptr) has_work.wait(lock);
            --idle;
            if (is_ending) return;
            Errand* const errand = pop();
            lock.unlock();
            if (errand->is_abandoned())
                errand->go_home();
            else
                errand->work(*errand);
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
    while (Errand* const errand = state_->pop()) errand->go_home();
    delete state_;
}

Result<> Pool::submit(Errand& errand) noexcept {
    {
        const std::scoped_lock lock(state_->mutex);
        if (state_->queued >= state_->idle && state_->threads.size() < state_->limit) {
            // One thread is enough, though it takes longer.
            if (auto started = state_->start_thread(); !started && state_->threads.empty()) return started;
        }
        errand.next_errand = nullptr;
        (state_->last != nullptr ? state_->last->next_errand : state_->first) = &errand;
        state_->last = &errand;
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
