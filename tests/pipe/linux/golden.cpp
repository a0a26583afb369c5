// The golden table: which flags epoll gives in which situation, and which predicates they become.
#include <sys/epoll.h>

#include <cstdint>
#include <tuple>

#include "../pipe.hpp"

using namespace test;

namespace {

constexpr Token receiver_id{0};
constexpr Token sender_id{1};

constexpr Readiness golden_hang_up =
    Readiness::readable | Readiness::writable | Readiness::read_closed | Readiness::write_closed;
constexpr Readiness golden_error =
    Readiness::readable | Readiness::writable | Readiness::error | Readiness::write_closed;

void write_data(const PipeSender& sender) { ASSERT_EQ(must(sender.write(bytes_of(data))), data.size()); }

/// Polls for a second; the only event that came.
mio::Event only_event(Loop& loop) {
    must(loop.poll.poll(loop.events, 1s));
    EXPECT_EQ(loop.events.size(), 1u);
    return loop.events.empty() ? mio::Event() : *loop.events.begin();
}

/// One event, with exactly these flags and predicates.
void expect_exactly(Loop& loop, Token token, std::uint32_t flags, Readiness readiness) {
    const auto event = only_event(loop);
    EXPECT_EQ(event.token(), token);
    EXPECT_EQ(event.raw_flags(), flags) << describe(event);
    EXPECT_EQ(event.readiness(), readiness) << to_string(event);
}

} // namespace

// The rows of the golden table. @see epoll(7), pipe(7)
class GoldenPipe : public testing::Test {
  protected:
    void SetUp() override {
        if (mio::backend() != "epoll") GTEST_SKIP() << "the flags are epoll's";
    }

    /// The event of the end that is watched already, and that of one that is watched only now.
    template <class End> void expect(End& end, Token token, std::uint32_t flags, Readiness readiness) {
        expect_exactly(loop_, token, flags, readiness);
        must(loop_.registry().remove(end));
        const auto interest = token == sender_id ? Interest::writable : Interest::readable;
        must(loop_.registry().add(end, token, interest));
        expect_exactly(loop_, token, flags, readiness);
    }

    void watch_sender() {
        must(loop_.registry().add(sender_, sender_id, Interest::writable));
        expect(sender_, sender_id, EPOLLOUT, Readiness::writable);
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
    expect(receiver_, receiver_id, EPOLLIN, Readiness::readable);
}

TEST_F(GoldenPipe, SenderClosedDataLeft) {
    watch_receiver();
    write_data(sender_);
    expect(receiver_, receiver_id, EPOLLIN, Readiness::readable);
    close_sender();
    expect(receiver_, receiver_id, EPOLLIN | EPOLLHUP, golden_hang_up);
}

TEST_F(GoldenPipe, SenderClosedEmpty) {
    watch_receiver();
    close_sender();
    expect(receiver_, receiver_id, EPOLLHUP, golden_hang_up);
}

TEST_F(GoldenPipe, ReceiverClosedRoomLeft) {
    watch_sender();
    close_receiver();
    expect(sender_, sender_id, EPOLLOUT | EPOLLERR, golden_error);
}

TEST_F(GoldenPipe, ReceiverClosedPipeFull) {
    watch_sender();
    fill(sender_);
    close_receiver();
    expect(sender_, sender_id, EPOLLERR, golden_error);
}
