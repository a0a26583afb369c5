// The Inbox of mio.async.loop, for the models of RemoteLoop and Channel: a stack of parcels that any thread pushes to, and
// that the loop takes as a whole. The waker is the contract of mio::Waker, whose own protocols have models of their own: a
// wake that was begun is reported by a later poll, which sees what was written before.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol.hpp"

namespace model {

/// Faults of the Inbox, to show that the model detects them.
struct InboxFault {
    bool pushes_relaxed = false;     // the push is no release
    bool takes_relaxed = false;      // taking is no acquire
    bool takes_by_store = false;     // taking is a load and a store
    bool wakes_first = false;        // the wake-up is sent before the push
    bool wakes_never = false;        // the first sender does not wake
    bool closes_relaxed = false;     // closing is no acquire
    bool closes_by_store = false;    // closing is a load and a store
    bool closes_by_taking = false;   // closing leaves an empty stack: later senders succeed
    bool releases_relaxed = false;   // the last owner does not see what the others did
    bool takes_no_reference = false; // a sender relies on the loop's reference
};

/// Parcel i, from 1, belongs to sender i - 1.
struct Inbox {
    static constexpr Value closed = 255;

    // Places in Model::shared.
    static constexpr std::size_t woken_at = 0, is_destroyed_at = 1, is_closed_at = 2;
    static constexpr std::size_t posted_at = 4, opened_at = 9, seen_at = 14; // per parcel

    Model& model;
    InboxFault fault;
    std::size_t senders;
    bool kernel_orders = true;
    Location first, references;
    std::vector<Location> next, memory,
        data; // of each sender: of its parcel; its uses of the inbox; what it sends

    Inbox(Model& owner, std::size_t count, std::size_t owners, const InboxFault& how)
        : model(owner), fault(how), senders(count), first(owner.atomic("first")),
          references(owner.atomic("references", static_cast<Value>(owners))) {
        for (std::size_t s = 0; s < senders; ++s) {
            next.push_back(model.atomic("next" + std::to_string(s + 1)));
            memory.push_back(model.atomic("inbox as used by sender " + std::to_string(s)));
            data.push_back(model.atomic("data" + std::to_string(s)));
        }
    }

    /// An access to the inbox that must come before its destruction. Accesses of different senders do not conflict.
    void use(Program& p, std::size_t sender) const {
        p.plain("use inbox", memory[sender], [](Context& c, Value v) {
            if (c.shared[is_destroyed_at] != 0) c.fail("the inbox is used after it was destroyed");
            return v;
        });
    }
    void wake(Program& p) const {
        p.step("wake", kernel_orders ? std::optional(kernel) : std::nullopt, {}, {},
               [](Context& c, int) { c.shared[woken_at] = 1; });
    }
    void retain(Program& p) const {
        p.update("references.retain", references, Order::relaxed,
                 [](Context&, Value v) { return static_cast<Value>(v + 1); });
    }
    void release(Program& p) const {
        const auto left = p.variable();
        p.update("references.release", references, fault.releases_relaxed ? Order::relaxed : Order::acq_rel,
                 [left](Context& c, Value v) {
                     if (v == 0) c.fail("more references are released than were taken");
                     return c.local[left] = static_cast<Value>(v - 1);
                 });
        p.when([left](const Context& c) { return c.local[left] == 0; },
               [&] {
                   for (std::size_t s = 0; s < senders; ++s)
                       p.plain("destroy inbox", memory[s], [](Context& c, Value v) {
                           c.shared[is_destroyed_at] = 1;
                           return v;
                       });
               });
        p.compute([left](Context& c) { c.local[left] = 0; });
    }

    /// Inbox::post. Leaves whether the parcel was accepted.
    void post(Program& p, std::size_t sender, std::size_t accepted) const {
        const auto seen = p.variable(), is_done = p.variable();
        const auto parcel = static_cast<Value>(sender + 1);
        use(p, sender);
        p.load("first", first, Order::acquire, seen);
        const auto again = p.here();
        p.when([=](const Context& c) { return c.local[seen] != closed; },
               [&] {
                   p.plain("parcel.next", next[sender], [seen](Context& c, Value) { return c.local[seen]; });
                   if (fault.wakes_first) {
                       p.when([=](const Context& c) { return c.local[seen] == 0; }, [&] { wake(p); });
                   }
                   p.compare_exchange(
                       "push", first, fault.pushes_relaxed ? Order::relaxed : Order::release, Order::acquire,
                       [seen](const Variables& local) { return local[seen]; },
                       [=](Context& c, Value) {
                           c.local[is_done] = 1;
                           c.shared[posted_at + sender] = 1;
                           return parcel;
                       },
                       seen);
                   p.when([=](const Context& c) { return c.local[is_done] == 0; }, [&] { p.go(again); });
                   if (!fault.wakes_first && !fault.wakes_never) {
                       p.when([=](const Context& c) { return c.local[seen] == 0; },
                              [&] {
                                  use(p, sender);
                                  wake(p);
                              });
                   }
               });
        p.compute([=](Context& c) {
            c.local[accepted] = c.local[is_done];
            c.local[seen] = c.local[is_done] = 0;
        });
    }

    /// Takes all parcels, or closes the inbox, and calls `open(program, sender)` for each.
    using Open = std::function<void(Program&, std::size_t)>;
    void take(Program& p, bool closes, const Open& open) const {
        const auto at = p.variable(), following = p.variable();
        const Value left = closes && !fault.closes_by_taking ? closed : Value{0};
        const bool is_relaxed = closes ? fault.closes_relaxed : fault.takes_relaxed;
        const bool is_store = closes ? fault.closes_by_store : fault.takes_by_store;
        const auto order = is_relaxed ? Order::relaxed : closes ? Order::acq_rel : Order::acquire;
        const char* const name = closes ? "close" : "take";
        if (is_store) {
            p.load(name, first, Order::acquire, at);
            p.store(name, first, Order::release, left);
        } else {
            p.update(name, first, order, [at, left](Context& c, Value v) {
                c.local[at] = v;
                return left;
            });
        }
        const auto again = p.here();
        p.when([=](const Context& c) { return c.local[at] != 0 && c.local[at] != closed; },
               [&] {
                   for (std::size_t s = 0; s < senders; ++s) {
                       p.when([=](const Context& c) { return c.local[at] == s + 1; },
                              [&] {
                                  p.plain("parcel.next", next[s], [following](Context& c, Value v) {
                                      return c.local[following] = v;
                                  });
                                  open(p, s);
                              });
                   }
                   p.compute([=](Context& c) { c.local[at] = std::exchange(c.local[following], Value{0}); });
                   p.go(again);
               });
        p.compute([=](Context& c) { c.local[at] = 0; });
    }

    /// One turn of the loop: `LoopCore::handle` for the event of the waker, then `finish`.
    void turn(Program& p, const Open& open) const {
        const auto is_woken = p.variable(), seen = p.variable();
        p.step(
            "poll", kernel_orders ? std::optional(kernel) : std::nullopt,
            [](const Context& c) { return c.shared[woken_at] != 0 || c.shared[turns_at] != 0; }, {},
            [=](Context& c, int) {
                c.local[is_woken] = std::exchange(c.shared[woken_at], Value{0});
                if (c.local[is_woken] == 0) --c.shared[turns_at]; // of another source
            });
        p.when([=](const Context& c) { return c.local[is_woken] != 0; }, [&] { take(p, false, open); });
        p.load("first", first, Order::relaxed, seen);
        p.when([=](const Context& c) { return c.local[seen] != 0; }, [&] { take(p, false, open); });
        p.compute([=](Context& c) { c.local[is_woken] = c.local[seen] = 0; });
    }
    /// The number of turns that other sources may still cause.
    static constexpr std::size_t turns_at = 3;
};

} // namespace model
