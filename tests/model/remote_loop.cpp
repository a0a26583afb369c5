// RemoteLoop::post and the loop: Inbox::post, take, close and release, of a loop that runs and of one that ends.
#include <gtest/gtest.h>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "inbox.hpp"

using namespace model;

namespace {

struct Remote {
    std::size_t senders = 2;
    Value turns = 1;      // that other sources cause
    Value ends_after = 0; // turns, after which the loop is destroyed; 0: it runs for ever
    bool kernel_orders = true;
};

Model remote_loop(const Remote& setup, const InboxFault& fault = {}) {
    Model model;
    Inbox inbox(model, setup.senders, setup.senders + 1, fault);
    inbox.kernel_orders = setup.kernel_orders;
    model.shared[Inbox::turns_at] = setup.turns;

    for (std::size_t s = 0; s < setup.senders; ++s) {
        ThreadModel thread{.name = "sender " + std::to_string(s)};
        auto& p = thread.program;
        const auto accepted = p.variable();
        p.write_own(inbox.data[s], 1);
        inbox.post(p, s, accepted);
        p.when([=](const Context& c) { return c.local[accepted] == 0; },
               [&] {
                   p.compute([](Context& c) {
                       if (c.shared[Inbox::is_closed_at] == 0)
                           c.fail("a post fails although the loop exists");
                   });
               });
        p.compute([=](Context& c) { c.local[accepted] = 0; });
        inbox.release(p); // RemoteLoop's destructor
        model.threads.push_back(std::move(thread));
    }

    const auto open = [&inbox](Program& p, std::size_t sender) {
        p.read_oldest(inbox.data[sender], [sender](Context& c, Value value) {
            if (value == 0) c.fail("a parcel is opened without what its sender wrote before");
            if (++c.shared[Inbox::opened_at + sender] > 1) c.fail("a parcel is opened twice");
            return value;
        });
    };
    ThreadModel loop{.name = "loop"};
    auto& p = loop.program;
    if (setup.ends_after == 0) {
        loop.kind = ThreadModel::Kind::daemon;
        p.forever([&] { inbox.turn(p, open); });
    } else {
        // Turns without events of the waker, too: `turns` of them.
        for (Value turn = 0; turn < setup.ends_after; ++turn) inbox.turn(p, open);
        p.compute([](Context& c) { c.shared[Inbox::is_closed_at] = 1; });
        inbox.take(p, true, open); // LoopCore's destructor
        inbox.release(p);
    }
    model.threads.push_back(std::move(loop));

    model.check_end = [senders = setup.senders,
                       ends = setup.ends_after != 0](const Variables& shared) -> std::optional<std::string> {
        for (std::size_t s = 0; s < senders; ++s) {
            if (shared[Inbox::posted_at + s] != shared[Inbox::opened_at + s])
                return "the parcel of sender " + std::to_string(s) + " was posted, and is never opened";
        }
        if (ends && shared[Inbox::is_destroyed_at] == 0) return "the inbox is never destroyed";
        return std::nullopt;
    };
    return model;
}

constexpr Remote runs{}, ends{.turns = 1, .ends_after = 1};

} // namespace

TEST(RemoteLoop, OpensEachParcelOnce) {
    expect_correct(remote_loop({.senders = 1, .turns = 2}));
    expect_correct(remote_loop({.senders = 2, .turns = 2}));
    expect_correct(remote_loop({.senders = 3, .turns = 0}));
}
TEST(RemoteLoop, OpensEachParcelOnceWhenItEnds) {
    expect_correct(remote_loop({.senders = 1, .turns = 1, .ends_after = 1}));
    expect_correct(remote_loop({.senders = 2, .turns = 1, .ends_after = 1}));
    expect_correct(remote_loop({.senders = 2, .turns = 2, .ends_after = 2}));
}
TEST(RemoteLoopFault, PushingRelaxed) { expect_found(remote_loop(runs, {.pushes_relaxed = true})); }
TEST(RemoteLoopFault, TakingRelaxed) { expect_found(remote_loop(runs, {.takes_relaxed = true})); }
TEST(RemoteLoopFault, TakingByAStore) { expect_found(remote_loop(runs, {.takes_by_store = true})); }
TEST(RemoteLoopFault, WakingBeforeThePush) { expect_found(remote_loop(runs, {.wakes_first = true})); }
TEST(RemoteLoopFault, NotWaking) { expect_found(remote_loop(runs, {.wakes_never = true})); }
TEST(RemoteLoopFault, ClosingRelaxed) { expect_found(remote_loop(ends, {.closes_relaxed = true})); }
TEST(RemoteLoopFault, ClosingByAStore) { expect_found(remote_loop(ends, {.closes_by_store = true})); }
TEST(RemoteLoopFault, ClosingWithoutAMark) { expect_found(remote_loop(ends, {.closes_by_taking = true})); }
TEST(RemoteLoopFault, ReleasingRelaxed) { expect_found(remote_loop(ends, {.releases_relaxed = true})); }

// The exchanges and the pushes are updates of one location, so that the order of the kernel adds nothing.
TEST(RemoteLoopWithLess, NeedsNoOrderFromTheKernel) {
    expect_correct(remote_loop({.senders = 2, .turns = 1, .kernel_orders = false}));
}
