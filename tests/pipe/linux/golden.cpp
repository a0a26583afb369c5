// Golden table of epoll events on pipes: the flags for each state, and the predicates derived from them.
#include <string_view>
#include <tuple>

#include "../pipe.hpp"

#include "golden.hpp"

using namespace test;

namespace {

constexpr Token receiver_id{0};
constexpr Token sender_id{1};

void write_data(const PipeSender& sender) { ASSERT_EQ(must(sender.write(bytes_of(data))), data.size()); }

/// Polls for a second and returns the only event.
mio::Event only_event(Loop& loop) {
    must(loop.poll.poll(loop.events, 1s));
    EXPECT_EQ(loop.events.size(), 1u);
    return loop.events.empty() ? mio::Event() : *loop.events.begin();
}

/// Expects one event with exactly these flags and predicates.
void expect_exactly(Loop& loop, Token token, const GoldenEvent& golden) {
    const auto event = only_event(loop);
    EXPECT_EQ(event.token(), token);
    EXPECT_EQ(event.raw_flags(), golden.flags) << describe(event);
    EXPECT_EQ(event.readiness(), golden.readiness) << to_string(event);
}

} // namespace

// Rows of the golden table. @see epoll(7), pipe(7)
class GoldenPipe : public testing::Test {
  protected:
    void SetUp() override {
        if (mio::backend() != "epoll") GTEST_SKIP() << "tests epoll flags";
    }

    /// The events of an end that is already registered and of one that is registered now.
    template <class End> void expect(End& end, Token token, std::string_view step) {
        const auto golden = golden_epoll_event(step);
        expect_exactly(loop_, token, golden);
        must(loop_.registry().remove(end));
        const auto interest = token == sender_id ? Interest::writable : Interest::readable;
        must(loop_.registry().add(end, token, interest));
        expect_exactly(loop_, token, golden);
    }

    void watch_sender() {
        must(loop_.registry().add(sender_, sender_id, Interest::writable));
        expect(sender_, sender_id, "pipe-sender-fresh: registered");
    }
    void watch_receiver() { must(loop_.registry().add(receiver_, receiver_id, Interest::readable)); }
    void close_sender() { sender_ = PipeSender::from_raw(mio::invalid_handle); }
    void close_receiver() { receiver_ = PipeReceiver::from_raw(mio::invalid_handle); }

    Loop loop_;
    PipeSender sender_ = PipeSender::from_raw(mio::invalid_handle);
    PipeReceiver receiver_ = PipeReceiver::from_raw(mio::invalid_handle);

    GoldenPipe() { std::tie(sender_, receiver_) = must(make_pipe()); }
};

TEST_F(GoldenPipe, FreshSender) { watch_sender(); }

TEST_F(GoldenPipe, DataArrived) {
    watch_receiver();
    write_data(sender_);
    expect(receiver_, receiver_id, "pipe-data: data arrived");
}

TEST_F(GoldenPipe, SenderClosedWithUnreadData) {
    watch_receiver();
    write_data(sender_);
    expect(receiver_, receiver_id, "pipe-data: data arrived");
    close_sender();
    expect(receiver_, receiver_id, "pipe-sender-closed-data-left: sender closed");
}

TEST_F(GoldenPipe, SenderClosedEmpty) {
    watch_receiver();
    close_sender();
    expect(receiver_, receiver_id, "pipe-sender-closed: sender closed");
}

TEST_F(GoldenPipe, ReceiverClosedWithSpaceLeft) {
    watch_sender();
    close_receiver();
    expect(sender_, sender_id, "pipe-receiver-closed: receiver closed");
}

TEST_F(GoldenPipe, ReceiverClosedPipeFull) {
    watch_sender();
    fill(sender_);
    close_receiver();
    expect(sender_, sender_id, "pipe-receiver-closed-full: receiver closed");
}
