// `TimerQueue` and `Timers` beside simple models: lists of (deadline, order of insertion), whose minimum is due.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "fuzz.hpp"

import mio.core;
import mio.time;

namespace {

using fuzz::require;
using mio::time::Clock;

struct Entry {
    Clock::time_point deadline;
    std::uint64_t order;
    std::size_t name;
};

class Model {
  public:
    void insert(std::size_t name, Clock::time_point deadline) {
        erase(name);
        entries_.push_back({deadline, ++last_, name});
    }
    bool erase(std::size_t name) {
        return std::erase_if(entries_, [name](const Entry& entry) { return entry.name == name; }) != 0;
    }
    bool postpone(std::size_t name, Clock::time_point deadline) {
        for (auto& entry : entries_) {
            if (entry.name != name) continue;
            entry.deadline = deadline;
            return true;
        }
        return false;
    }
    [[nodiscard]] bool contains(std::size_t name) const {
        return std::ranges::any_of(entries_, [name](const Entry& entry) { return entry.name == name; });
    }
    [[nodiscard]] std::optional<Clock::time_point> next() const {
        if (entries_.empty()) return std::nullopt;
        return first()->deadline;
    }
    std::optional<std::size_t> pop(Clock::time_point now) {
        if (entries_.empty() || first()->deadline > now) return std::nullopt;
        const auto name = first()->name;
        erase(name);
        return name;
    }
    [[nodiscard]] std::size_t size() const { return entries_.size(); }

  private:
    [[nodiscard]] std::vector<Entry>::const_iterator first() const {
        return std::ranges::min_element(
            entries_, {}, [](const Entry& entry) { return std::pair(entry.deadline, entry.order); });
    }
    std::vector<Entry> entries_;
    std::uint64_t last_ = 0;
};

Clock::time_point time_of(std::uint8_t byte) {
    if (byte == 255) return Clock::time_point::max();
    if (byte == 254) return Clock::time_point::min();
    return Clock::time_point(Clock::duration(byte % 32 - 4)); // few, so that many are equal
}

struct NamedTimer : mio::time::Timer {
    std::size_t name = 0;
};

void check_queue(fuzz::Bytes bytes) {
    constexpr std::size_t count = 40;
    std::array<std::unique_ptr<NamedTimer>, count> timers;
    std::array<std::optional<mio::time::TimerQueue>, 2> queues;
    std::array<Model, 2> models;
    const auto renew = [&](std::size_t name) {
        timers[name] = std::make_unique<NamedTimer>();
        timers[name]->name = name;
    };
    for (std::size_t name = 0; name < count; ++name) renew(name);
    for (auto& queue : queues) queue.emplace(bytes.byte() % 4);
    while (!bytes.empty()) {
        const auto action = bytes.byte();
        const auto which = action / 8 % 2u;
        auto& queue = *queues[which];
        auto& model = models[which];
        const std::size_t name = bytes.byte() % count;
        auto& timer = *timers[name];
        switch (action % 8) {
        case 0:
        case 1: {
            const auto deadline = time_of(bytes.byte());
            require(queue.insert(timer, deadline).has_value(), "insert succeeds");
            models[1 - which].erase(name);
            model.insert(name, deadline);
            require(timer.deadline() == deadline, "a timer knows its deadline");
            break;
        }
        case 2: require(queue.cancel(timer) == model.erase(name), "cancel"); break;
        case 3: {
            const auto deadline = time_of(bytes.byte());
            require(queue.postpone(timer, deadline) == model.postpone(name, deadline), "postpone");
            break;
        }
        case 4: {
            const auto now = time_of(bytes.byte());
            auto* const due = static_cast<NamedTimer*>(queue.pop(now));
            const auto expected = model.pop(now);
            require((due != nullptr) == expected.has_value(), "pop returns a timer that is due");
            require(due == nullptr || due->name == *expected, "pop returns the earliest timer");
            break;
        }
        case 5: // the timer is destroyed
            renew(name);
            for (auto& each : models) each.erase(name);
            break;
        case 6: require(queue.reserve(name).has_value() && queue.capacity() >= name, "reserve"); break;
        default: // the queue is destroyed
            if (name % 8 != 0) break;
            queues[which].emplace();
            model = Model();
        }
        for (std::size_t i = 0; i < 2; ++i) {
            require(queues[i]->next() == models[i].next(), "the next deadline is exact");
            require(queues[i]->size() == models[i].size() && queues[i]->empty() == (models[i].size() == 0),
                    "the size");
            require(queues[i]->capacity() >= queues[i]->size(), "the capacity");
        }
        require(timers[name]->is_armed() == (models[0].contains(name) || models[1].contains(name)),
                "a timer knows whether it is armed");
    }
}

void check_timers(fuzz::Bytes bytes) {
    mio::time::Timers timers(bytes.byte() % 4);
    Model model;
    std::vector<mio::time::TimerId> ids; // of all timers, in the order of their names
    while (!bytes.empty() && ids.size() < 3000) {
        const auto action = bytes.byte();
        // Mostly recent ones.
        const auto back = bytes.byte();
        const std::size_t name =
            ids.empty() ? 0 : ids.size() - 1 - std::min<std::size_t>(back % 64, ids.size() - 1);
        const auto id = ids.empty() ? mio::time::TimerId() : ids[name];
        switch (action % 8) {
        case 0:
        case 1:
        case 2: {
            const auto deadline = time_of(back);
            const auto inserted = timers.insert(deadline, mio::Token{ids.size()});
            require(inserted.has_value(), "insert succeeds");
            require(*inserted != mio::time::TimerId(), "an id is not that of no timer");
            require(std::ranges::find(ids, *inserted) == ids.end(), "an id is never reused");
            model.insert(ids.size(), deadline);
            ids.push_back(*inserted);
            break;
        }
        case 3: require(timers.cancel(id) == model.erase(name), "cancel"); break;
        case 4: {
            const auto deadline = time_of(bytes.byte());
            require(timers.postpone(id, deadline) == model.postpone(name, deadline), "postpone");
            break;
        }
        case 5: {
            const auto now = time_of(back);
            const auto due = timers.pop(now);
            const auto expected = model.pop(now);
            require(due.has_value() == expected.has_value(), "pop returns a timer that is due");
            require(!due || due->value == *expected, "pop returns the earliest timer");
            break;
        }
        case 6: require(timers.reserve(back).has_value() && timers.capacity() >= back, "reserve"); break;
        default: {
            mio::time::Timers other(std::move(timers));
            require(timers.empty() && !timers.cancel(id), "a moved-from object is empty");
            if (back % 2 == 0) {
                timers = std::move(other);
            } else {
                mio::time::Timers third;
                third = std::move(other);
                timers = std::move(third);
            }
        }
        }
        require(timers.next() == model.next(), "the next deadline is exact");
        require(timers.size() == model.size() && timers.empty() == (model.size() == 0), "the size");
    }
    require(!timers.cancel(mio::time::TimerId()), "no timer");
}

} // namespace

void fuzz::run(std::span<const std::uint8_t> input) {
    if (input.empty()) return;
    const Bytes rest(input.subspan(1));
    if (input.front() % 2 == 0)
        check_queue(rest);
    else
        check_timers(rest);
}
