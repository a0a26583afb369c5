// Channel: a coroutine that waits on one loop, and other threads that complete it: Channel::put and close, and
// ChannelWaiter::wait, complete, opened, cancelled and withdraw. The coroutine receives a value, or is cancelled by its loop,
// or is destroyed with it; then the loop ends. The channel has room for one value and outlives all.
#include <gtest/gtest.h>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "inbox.hpp"

using namespace model;

namespace {

struct ChannelFault {
    InboxFault inbox = {};
    bool posts_without_lock = false; // the waiter is taken from the list under the lock, and posted after it
    bool stores_after_posting = false; // the value is stored when the waiter has been posted
    bool cancels_without_lock = false; // looks at the list without the lock
    bool cancels_completed = false;    // does not look whether the waiter was completed
    bool withdraws_without_lock = false;
    bool leaves_its_parcel = false;    // destroyed with its parcel on the way
    bool does_not_leave_list = false;  // destroyed in the list of the channel
    bool enlists_outside_lock = false; // looks for a value, and waits, in two critical sections
};

enum class End { receives, is_cancelled, is_destroyed };

// Places in Model::shared behind those of the inbox.
constexpr std::size_t locked_by = 20, is_listed_at = 21, ring_at = 22, received_at = 23, sent_at_ = 24,
                      is_gone_at = 25, is_cancelled_at = 26;
constexpr Sync mutex = 1;

Model channel(End end, std::size_t senders, const ChannelFault& fault = {}) {
    Model model;
    Inbox inbox(model, senders, 1, fault.inbox);
    // The waiter: its value and its links, in the frame of the coroutine.
    const auto frame = model.atomic("waiter");
    model.shared[Inbox::turns_at] = 1;

    const auto use_frame = [frame](Program& p, const char* name) {
        p.plain(name, frame, [](Context& c, Value v) {
            if (c.shared[is_gone_at] != 0) c.fail("the waiter is used after it was destroyed");
            return v;
        });
    };

    // Channel::try_send. Each sender has a parcel of its own in the model of the inbox: the waiter's, of which only one is
    // posted, because only one sender finds the waiter in the list.
    for (std::size_t s = 0; s < senders; ++s) {
        ThreadModel thread{.name = "sender " + std::to_string(s)};
        auto& p = thread.program;
        const auto is_waiter_found = p.variable(), accepted = p.variable();
        const auto store = [&] {
            p.plain("waiter.value", frame, [](Context& c, Value) {
                if (c.shared[is_gone_at] != 0) c.fail("the waiter is used after it was destroyed");
                return Value{1};
            });
        };
        const auto complete = [&] {
            // LoopCore::post: the loop exists, because the waiter does, until it is posted.
            if (!fault.inbox.takes_no_reference) inbox.retain(p);
            inbox.post(p, s, accepted);
            if (fault.stores_after_posting) store();
            if (!fault.inbox.takes_no_reference) inbox.release(p);
        };
        p.lock("lock", mutex, locked_by);
        p.compute([=](Context& c) {
            c.local[is_waiter_found] = std::exchange(c.shared[is_listed_at], Value{0});
            if (c.local[is_waiter_found] == 0 && c.shared[ring_at] < 1) {
                ++c.shared[ring_at];
                ++c.shared[sent_at_];
            } else if (c.local[is_waiter_found] != 0) {
                ++c.shared[sent_at_];
            }
        });
        p.when([=](const Context& c) { return c.local[is_waiter_found] != 0; },
               [&] {
                   if (!fault.stores_after_posting) store();
                   if (!fault.posts_without_lock) complete();
               });
        p.unlock("unlock", mutex, locked_by);
        if (fault.posts_without_lock)
            p.when([=](const Context& c) { return c.local[is_waiter_found] != 0; }, complete);
        p.compute([=](Context& c) { c.local[is_waiter_found] = c.local[accepted] = 0; });
        model.threads.push_back(std::move(thread));
    }

    ThreadModel loop{.name = "loop"};
    auto& p = loop.program;
    const auto is_waiting = p.variable(), is_posted = p.variable(), is_opened = p.variable();
    const auto receive_value = [&] {
        p.plain("waiter.value", frame, [](Context& c, Value v) {
            if (v == 0) c.fail("the receiver resumes without its value");
            ++c.shared[received_at];
            return v;
        });
    };
    // Receive::await_ready and await_suspend: under the lock it takes a value, or waits.
    p.lock("lock", mutex, locked_by);
    p.compute([=](Context& c) {
        c.local[is_waiting] = c.shared[ring_at] == 0;
        if (c.local[is_waiting] == 0) {
            --c.shared[ring_at];
            ++c.shared[received_at];
        }
    });
    if (fault.enlists_outside_lock) {
        p.unlock("unlock", mutex, locked_by);
        p.lock("lock", mutex, locked_by);
    }
    p.when([=](const Context& c) { return c.local[is_waiting] != 0; },
           [&] {
               use_frame(p, "waiter.link");
               p.compute([](Context& c) { c.shared[is_listed_at] = 1; });
           });
    p.unlock("unlock", mutex, locked_by);

    const Inbox::Open open = [&](Program& program, std::size_t) {
        program.compute([=](Context& c) { c.local[is_opened] = 1; });
    };
    p.when([=](const Context& c) { return c.local[is_waiting] != 0; },
           [&] {
               switch (end) {
               case End::receives: {
                   const auto again = p.here();
                   inbox.turn(p, open);
                   p.when([=](const Context& c) { return c.local[is_opened] == 0; }, [&] { p.go(again); });
                   receive_value();
                   break;
               }
               case End::is_cancelled: {
                   // ChannelWaiter::cancelled, by a timer of this loop.
                   if (!fault.cancels_without_lock) p.lock("lock", mutex, locked_by);
                   use_frame(p, "waiter.link");
                   p.compute([=, always = fault.cancels_completed](Context& c) {
                       c.local[is_posted] = !always && c.shared[is_listed_at] == 0;
                       c.shared[is_listed_at] = 0;
                       if (c.local[is_posted] == 0) c.shared[is_cancelled_at] = 1;
                   });
                   if (!fault.cancels_without_lock) p.unlock("unlock", mutex, locked_by);
                   p.when([=](const Context& c) { return c.local[is_posted] != 0; },
                          [&] { // on the way: it is opened, and receives its value
                              const auto again = p.here();
                              p.when([=](const Context& c) { return c.local[is_opened] == 0; },
                                     [&] {
                                         inbox.turn(p, open);
                                         p.go(again);
                                     });
                              receive_value();
                          });
                   break;
               }
               case End::is_destroyed: {
                   // ChannelWaiter::withdraw, after a turn in which it may be opened.
                   if (!fault.withdraws_without_lock) p.lock("lock", mutex, locked_by);
                   use_frame(p, "waiter.link");
                   p.compute([=, stays = fault.does_not_leave_list](Context& c) {
                       c.local[is_posted] = c.shared[is_listed_at] == 0;
                       if (!stays) c.shared[is_listed_at] = 0;
                   });
                   if (!fault.withdraws_without_lock) p.unlock("unlock", mutex, locked_by);
                   if (!fault.leaves_its_parcel) {
                       p.when([=](const Context& c) { return c.local[is_posted] != 0; },
                              [&] {
                                  inbox.take(p, false, open); // LoopCore::withdraw
                                  p.compute([=](Context& c) {
                                      if (c.local[is_opened] == 0)
                                          c.fail("the parcel to withdraw was not posted");
                                      ++c.shared[received_at]; // the value is destroyed with the waiter
                                  });
                              });
                   }
                   break;
               }
               }
           });
    // The coroutine ends, and then its loop.
    p.plain("destroy waiter", frame, [](Context& c, Value v) {
        c.shared[is_gone_at] = 1;
        return v;
    });
    inbox.take(p, true, [&](Program& program, std::size_t) { use_frame(program, "parcel of the waiter"); });
    inbox.release(p);
    model.threads.push_back(std::move(loop));

    model.check_end = [](const Variables& shared) -> std::optional<std::string> {
        if (shared[is_gone_at] == 0)
            return shared[sent_at_] == 0 ? std::nullopt
                                         : std::optional<std::string>("the receiver waits for ever");
        if (shared[received_at] + shared[ring_at] != shared[sent_at_])
            return "a value is lost, or received twice";
        return std::nullopt;
    };
    return model;
}

} // namespace

TEST(Channel, ReceiverGetsEachValueOnce) {
    expect_correct(channel(End::receives, 1));
    expect_correct(channel(End::receives, 2));
}
TEST(Channel, CancelledReceiverGetsAValueOrLeavesIt) {
    expect_correct(channel(End::is_cancelled, 1));
    expect_correct(channel(End::is_cancelled, 2));
}
TEST(Channel, DestroyedReceiverIsNotUsed) {
    expect_correct(channel(End::is_destroyed, 1));
    expect_correct(channel(End::is_destroyed, 2));
}
TEST(ChannelFault, PostingAfterTheLock) {
    expect_found(channel(End::is_destroyed, 1, {.posts_without_lock = true}));
}
TEST(ChannelFault, StoringAfterPosting) {
    expect_found(channel(End::receives, 1, {.stores_after_posting = true}));
}
// The sender's wake-up may come when the receiver has been resumed, and has ended together with its loop.
TEST(ChannelFault, PostingWithoutAReferenceToTheInbox) {
    expect_found(channel(End::receives, 1, {.inbox = {.takes_no_reference = true}}));
}
TEST(ChannelFault, CancellingWithoutTheLock) {
    expect_found(channel(End::is_cancelled, 1, {.cancels_without_lock = true}));
}
TEST(ChannelFault, CancellingACompletedReceiver) {
    expect_found(channel(End::is_cancelled, 1, {.cancels_completed = true}));
}
TEST(ChannelFault, WithdrawingWithoutTheLock) {
    expect_found(channel(End::is_destroyed, 1, {.withdraws_without_lock = true}));
}
TEST(ChannelFault, NotWithdrawingAPostedParcel) {
    expect_found(channel(End::is_destroyed, 1, {.leaves_its_parcel = true}));
}
TEST(ChannelFault, StayingInTheListOfTheChannel) {
    expect_found(channel(End::is_destroyed, 1, {.does_not_leave_list = true}));
}
TEST(ChannelFault, LookingAndWaitingInTwoSteps) {
    expect_found(channel(End::receives, 1, {.enlists_outside_lock = true}));
}
TEST(ChannelFault, PushingRelaxed) {
    expect_found(channel(End::receives, 1, {.inbox = {.pushes_relaxed = true}}));
}
