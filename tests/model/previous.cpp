// The wake protocol of epoll before the Coalescer, without its spins: a flag per waker, cleared by an exchange that
// acquires, and `is_any_pending_` as a plain store. Both allow a wake to be lost; the explorer has to show that.
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "protocol.hpp"

using namespace model;

namespace {

struct Repairs {
    bool clears_acq_rel = false;         // the flag is cleared by an exchange that releases, too
    bool sets_any_by_update = false;     // begin exchanges is_any_pending_
    bool restores_any_by_update = false; // as does settle
};

Model previous(const Setup& setup, const Repairs& repairs) {
    Storm storm;
    auto& model = storm.model;
    std::vector<Location> pending;
    for (std::size_t w = 0; w < setup.wakers; ++w)
        pending.push_back(model.atomic("pending" + std::to_string(w)));
    const auto any = model.atomic("is_any_pending");

    storm.add_threads(setup, [&](Program& p, std::size_t w, std::size_t failed) {
        const auto was_pending = p.variable();
        p.update("pending" + std::to_string(w), pending[w], Order::acq_rel, [=](Context& c, Value old) {
            c.local[was_pending] = old;
            return Value{1};
        });
        p.when([=](const Context& c) { return c.local[was_pending] == 0; },
               [&] {
                   if (repairs.sets_any_by_update) {
                       p.exchange("is_any_pending", any, Order::acq_rel, 1);
                   } else {
                       p.store("is_any_pending", any, Order::release, 1);
                   }
                   notify(p, "write to eventfd" + std::to_string(w), setup, ready_at + w, failed);
                   p.when([=](const Context& c) { return c.local[failed] != 0; },
                          [&] { p.store("pending" + std::to_string(w), pending[w], Order::release, 0); });
               });
        p.compute([=](Context& c) { c.local[was_pending] = 0; });
    });

    ThreadModel poller{.name = "poll", .kind = ThreadModel::Kind::daemon};
    auto& p = poller.program;
    const auto reported = p.variable(), is_any = p.variable(), is_pending = p.variable();
    p.forever([&] {
        p.step(
            "epoll_wait", kernel,
            [](const Context& c) { return (c.shared[ready_at] | c.shared[ready_at + 1]) != 0; }, {},
            [=](Context& c, int) {
                c.local[reported] = static_cast<Value>(c.shared[ready_at] | c.shared[ready_at + 1] << 1);
                c.shared[ready_at] = c.shared[ready_at + 1] = 0;
            });
        p.load("is_any_pending", any, Order::relaxed, is_any);
        p.when([=](const Context& c) { return c.local[is_any] != 0; },
               [&] {
                   p.exchange("is_any_pending", any, Order::acquire, 0);
                   for (std::size_t w = 0; w < setup.wakers; ++w) {
                       const auto name = "pending" + std::to_string(w);
                       p.load(name, pending[w], Order::relaxed, is_pending);
                       p.when([=](const Context& c) { return c.local[is_pending] != 0; },
                              [&] {
                                  p.when([=](const Context& c) { return (c.local[reported] >> w & 1) != 0; },
                                         [&] {
                                             p.exchange(
                                                 name, pending[w],
                                                 repairs.clears_acq_rel ? Order::acq_rel : Order::acquire, 0);
                                         },
                                         [&] {
                                             if (repairs.restores_any_by_update) {
                                                 p.exchange("is_any_pending", any, Order::relaxed, 1);
                                             } else {
                                                 p.store("is_any_pending", any, Order::relaxed, 1);
                                             }
                                         });
                              });
                       p.compute([=](Context& c) { c.local[is_pending] = 0; });
                   }
               });
        p.compute([=](Context& c) { c.local[is_any] = 0; });
        for (std::size_t w = 0; w < setup.wakers; ++w) {
            p.when([=](const Context& c) { return (c.local[reported] >> w & 1) != 0; },
                   [&] { storm.look(p, setup, w); });
        }
        p.compute([=](Context& c) { c.local[reported] = 0; });
    });
    model.threads.push_back(std::move(poller));
    return std::move(model);
}

constexpr Setup one_waker{.wakers = 1, .threads = 2, .wakes = 2};
constexpr Setup two_wakers{.wakers = 2, .threads = 2, .wakes = 2};

} // namespace

// The thread that finds the flag cleared does not know of the clearing of is_any_pending_ before it.
TEST(PreviousProtocol, ClearingAFlagWithoutReleaseLosesAWake) {
    expect_found(previous(one_waker, {.clears_acq_rel = false}));
    expect_correct(previous(one_waker, {.clears_acq_rel = true}));
}
// The store of one waker ends the release sequence of the other's.
TEST(PreviousProtocol, SettingAnyPendingByAStoreLosesAWake) {
    expect_found(previous(two_wakers, {.clears_acq_rel = true}));
}
TEST(PreviousProtocol, RestoringAnyPendingByAStoreLosesAWake) {
    expect_found(previous(two_wakers, {.clears_acq_rel = true, .sets_any_by_update = true}));
}
TEST(PreviousProtocol, WithAllRepairsItLosesAWakeOnlyBesideAFailingCall) {
    const Repairs all{.clears_acq_rel = true, .sets_any_by_update = true, .restores_any_by_update = true};
    expect_correct(previous(two_wakers, all));
    expect_found(previous({.failures = 1}, all));
}
