// Golden table: epoll's events of pipes.
#include <optional>
#include <tuple>

#include "../pipe.hpp"

#include "golden.hpp"

using namespace test;

namespace {

// A pipe. One of its ends is the source.
struct Stage {
    Loop loop;
    std::optional<PipeSender> sender;
    std::optional<PipeReceiver> receiver;
    bool sender_is_source = false;

    // Applies `f` to the source of this stage.
    template <class F> mio::Result<> with_source(F f) { return sender_is_source ? f(*sender) : f(*receiver); }
};

// Initial states.

void watch_receiver(Stage& stage) { std::tie(stage.sender, stage.receiver) = must(make_pipe()); }
void watch_receiver_with_data(Stage& stage) {
    watch_receiver(stage);
    must(stage.sender->write(bytes_of(data)));
}
void watch_sender(Stage& stage) {
    std::tie(stage.sender, stage.receiver) = must(make_pipe());
    stage.sender_is_source = true;
}
void watch_full_sender(Stage& stage) {
    watch_sender(stage);
    fill(*stage.sender);
}

// Steps that follow.

void data_comes(Stage& stage) { must(stage.sender->write(bytes_of(data))); }
void sender_closes(Stage& stage) { stage.sender.reset(); }
void receiver_closes(Stage& stage) { stage.receiver.reset(); }

constexpr auto r = Interest::readable;
constexpr auto w = Interest::writable;

const GoldenRow<Stage> rows[] = {
    {"FreshSender", watch_sender, nullptr, w, "pipe-sender-fresh: registered"},
    {"FreshReceiver", watch_receiver, nullptr, r, "pipe-receiver-fresh: registered"},
    {"DataArrived", watch_receiver, data_comes, r, "pipe-data: data arrived"},
    {"SenderClosedWithUnreadData", watch_receiver_with_data, sender_closes, r,
     "pipe-sender-closed-data-left: sender closed"},
    {"SenderClosedEmpty", watch_receiver, sender_closes, r, "pipe-sender-closed: sender closed"},
    {"ReceiverClosedWithSpaceLeft", watch_sender, receiver_closes, w,
     "pipe-receiver-closed: receiver closed"},
    {"ReceiverClosedPipeFull", watch_full_sender, receiver_closes, w,
     "pipe-receiver-closed-full: receiver closed"},
};

class GoldenPipe : public GoldenTest<Stage> {};

TEST_P(GoldenPipe, EdgesMatchEpoll) { expect_golden_edges(GetParam()); }
TEST_P(GoldenPipe, LevelAndOneshotReportTheSameFlags) {
    expect_golden_flags_of_level_and_oneshot(GetParam());
}

INSTANTIATE_TEST_SUITE_P(, GoldenPipe, testing::ValuesIn(rows), golden_name);

} // namespace
