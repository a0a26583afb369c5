#include <sys/socket.h>

#include <algorithm>
#include <type_traits>

#include "pipe.hpp"

using namespace test;
using mio::OwnedHandle;
using mio::RawHandle;

namespace {

constexpr std::size_t most_fds = 253;

/// A temporary file, and descriptors that refer to it.
struct Files {
    plain::Socket file = file_with("content");
    std::vector<RawHandle> fds;

    explicit Files(std::size_t count) : fds(count, file.fd()) {}
};

template <class S> std::pair<S, S> pair_of() { return must(S::pair()); }

} // namespace

/// Cases for streams and datagrams.
template <class S> class DescriptorPassing : public testing::Test {
  protected:
    /// Passes `sent` descriptors to a receiver with `room` slots.
    void pass(std::size_t sent, std::size_t room) {
        const DescriptorGuard guard;
        const Files files(sent);
        const auto [from, to] = pair_of<S>();
        ASSERT_EQ(must(from.send_with_fds(bytes_of(data), files.fds)), data.size());

        const auto before = open_descriptors();
        std::array<std::byte, 32> buffer{};
        std::vector<OwnedHandle> handles(room);
        const auto received = must(to.receive_with_fds(buffer, handles));
        EXPECT_EQ(received.bytes, data.size());
        EXPECT_EQ(text_of(std::span(buffer).first(received.bytes)), data);
        EXPECT_FALSE(received.bytes_truncated);
        EXPECT_EQ(received.fds, std::min(sent, room));
        EXPECT_EQ(received.fds_truncated, sent > room);

        auto expected = before;
        for (std::size_t i = 0; i < room; ++i) {
            if (i >= received.fds) {
                EXPECT_EQ(handles[i].get(), mio::invalid_handle);
                continue;
            }
            EXPECT_TRUE(is_close_on_exec(handles[i].get()));
            EXPECT_TRUE(same_file(handles[i].get(), files.file.fd()));
            EXPECT_TRUE(expected.insert(handles[i].get()).second) << "not a new descriptor";
        }
        EXPECT_EQ(open_descriptors(), expected) << "leaked descriptors";
    }
};

using Sockets = testing::Types<UnixStream, UnixDatagram>;
class SocketNames {
  public:
    template <class S> static std::string GetName(int) {
        return std::is_same_v<S, UnixStream> ? "Stream" : "Datagram";
    }
};
TYPED_TEST_SUITE(DescriptorPassing, Sockets, SocketNames);

TYPED_TEST(DescriptorPassing, PassesNone) { this->pass(0, 4); }
TYPED_TEST(DescriptorPassing, PassesOne) { this->pass(1, 4); }
TYPED_TEST(DescriptorPassing, PassesTwo) { this->pass(2, 2); }
TYPED_TEST(DescriptorPassing, PassesTheSystemMaximum) { this->pass(most_fds, most_fds); }
TYPED_TEST(DescriptorPassing, MoreSlotsThanTheSystemMaximumAreAccepted) { this->pass(most_fds, 1'000); }
TYPED_TEST(DescriptorPassing, FiveDoNotFitZeroSlots) { this->pass(5, 0); }
TYPED_TEST(DescriptorPassing, FiveDoNotFitOneSlot) { this->pass(5, 1); }
TYPED_TEST(DescriptorPassing, FiveDoNotFitTwoSlots) { this->pass(5, 2); }
TYPED_TEST(DescriptorPassing, FiveDoNotFitThreeSlots) { this->pass(5, 3); }
TYPED_TEST(DescriptorPassing, TwoDoNotFitOneSlot) { this->pass(2, 1); } // padding would hold another
TYPED_TEST(DescriptorPassing, MaximumDoesNotFitOneSlotLess) { this->pass(most_fds, most_fds - 1); }

TYPED_TEST(DescriptorPassing, TooManyFailAndNothingIsSent) {
    const Files files(most_fds + 1);
    const auto [from, to] = pair_of<TypeParam>();
    EXPECT_TRUE(fails_with(from.send_with_fds(bytes_of(data), files.fds), std::errc::invalid_argument));
    std::array<std::byte, 32> buffer{};
    EXPECT_TRUE(blocks(to.receive_with_fds(buffer, {})));
}

TYPED_TEST(DescriptorPassing, ClosedDescriptorFails) {
    const auto [from, to] = pair_of<TypeParam>();
    const RawHandle none = mio::invalid_handle;
    EXPECT_TRUE(fails_with(from.send_with_fds(bytes_of(data), {&none, 1}), std::errc::bad_file_descriptor));
}

TYPED_TEST(DescriptorPassing, ReceiveWouldBlockWithoutAMessage) {
    const auto [from, to] = pair_of<TypeParam>();
    std::array<std::byte, 32> buffer{};
    std::array<OwnedHandle, 2> handles;
    EXPECT_TRUE(blocks(to.receive_with_fds(buffer, handles)));
}

TYPED_TEST(DescriptorPassing, SendWouldBlockOnAFullBufferAndLeaksNothing) {
    const DescriptorGuard guard;
    const Files files(3);
    const auto [from, to] = pair_of<TypeParam>();
    std::size_t sent = 0;
    for (;;) {
        const auto result = from.send_with_fds(bytes_of(data), files.fds);
        if (!result) {
            EXPECT_TRUE(blocks(result));
            break;
        }
        ++sent;
    }
    ASSERT_GT(sent, 0u);
    // Every message sent is received, and its owners close the descriptors.
    for (std::size_t i = 0; i < sent; ++i) {
        std::array<std::byte, data.size()> buffer{};
        std::array<OwnedHandle, 3> handles;
        const auto received = must(to.receive_with_fds(buffer, handles));
        ASSERT_EQ(received.bytes, data.size());
        ASSERT_EQ(received.fds, 3u);
    }
}

TYPED_TEST(DescriptorPassing, PassedFileIsUsableAfterTheSenderClosesIt) {
    const auto [from, to] = pair_of<TypeParam>();
    auto [sender, receiver] = must(make_pipe());
    {
        const RawHandle fd = sender.raw();
        ASSERT_EQ(must(from.send_with_fds(bytes_of("x"), {&fd, 1})), 1u);
        const auto gone = std::move(sender);
    }
    std::array<std::byte, 32> buffer{};
    std::array<OwnedHandle, 1> handles;
    ASSERT_EQ(must(to.receive_with_fds(buffer, handles)).fds, 1u);
    const auto passed = PipeSender::from_raw(handles[0].take());
    EXPECT_EQ(must(passed.write(bytes_of(data))), data.size());
    EXPECT_EQ(drain(receiver), data);
}

TYPED_TEST(DescriptorPassing, KeepsTheOrder) {
    const auto [from, to] = pair_of<TypeParam>();
    std::vector<plain::Socket> files;
    std::vector<RawHandle> fds;
    for (int i = 0; i < 5; ++i) fds.push_back(files.emplace_back(file_with("x")).fd());
    must(from.send_with_fds(bytes_of(data), fds));
    std::array<std::byte, 32> buffer{};
    std::array<OwnedHandle, 5> handles;
    ASSERT_EQ(must(to.receive_with_fds(buffer, handles)).fds, fds.size());
    for (std::size_t i = 0; i < fds.size(); ++i) EXPECT_TRUE(same_file(handles[i].get(), fds[i])) << i;
}

TYPED_TEST(DescriptorPassing, FillingASlotClosesItsOldDescriptor) {
    const DescriptorGuard guard;
    const Files files(1);
    const auto [from, to] = pair_of<TypeParam>();
    must(from.send_with_fds(bytes_of(data), files.fds));
    std::array<OwnedHandle, 2> handles;
    handles[0] = OwnedHandle(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 500));
    handles[1] = OwnedHandle(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 500));
    const int first = handles[0].get();
    const int second = handles[1].get();

    std::array<std::byte, 32> buffer{};
    EXPECT_EQ(must(to.receive_with_fds(buffer, handles)).fds, 1u);
    EXPECT_FALSE(is_open(first));
    EXPECT_TRUE(same_file(handles[0].get(), files.file.fd()));
    // A slot that receives nothing keeps its descriptor.
    EXPECT_EQ(handles[1].get(), second);
    EXPECT_TRUE(is_open(second));
}

TYPED_TEST(DescriptorPassing, FailureLeavesTheSlotsUnchanged) {
    const auto [from, to] = pair_of<TypeParam>();
    std::array<OwnedHandle, 1> handles;
    handles[0] = OwnedHandle(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 500));
    const int held = handles[0].get();
    std::array<std::byte, 32> buffer{};
    EXPECT_TRUE(blocks(to.receive_with_fds(buffer, handles)));
    EXPECT_EQ(handles[0].get(), held);
    EXPECT_TRUE(is_open(held));
}

TYPED_TEST(DescriptorPassing, DescriptorLimitTruncatesTheList) {
    EXPECT_TRUE(in_child([] {
        const Files files(5);
        const auto [from, to] = pair_of<TypeParam>();
        must(from.send_with_fds(bytes_of(data), files.fds));
        const DescriptorGuard guard;
        // Two more descriptors can be opened.
        const OwnedHandle first(::dup(STDIN_FILENO));
        OwnedHandle second(::dup(STDIN_FILENO));
        const auto end = static_cast<::rlim_t>(second.get()) + 1;
        const ::rlimit limit{end, end};
        ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
        {
            const OwnedHandle closed = std::move(second);
            const int last = ::dup(STDIN_FILENO);
            ASSERT_EQ(last, -1) << "the descriptor limit was not reached";
        }
        std::array<std::byte, 32> buffer{};
        std::array<OwnedHandle, 5> handles;
        const auto received = must(to.receive_with_fds(buffer, handles));
        EXPECT_EQ(received.bytes, data.size());
        EXPECT_EQ(received.fds, 1u);
        EXPECT_TRUE(received.fds_truncated);
        EXPECT_TRUE(same_file(handles[0].get(), files.file.fd()));

        // No descriptor fits any more; the bytes still arrive.
        must(from.send_with_fds(bytes_of(data), files.fds));
        std::array<OwnedHandle, 5> more;
        const auto none = must(to.receive_with_fds(buffer, more));
        EXPECT_EQ(none.bytes, data.size());
        EXPECT_EQ(none.fds, 0u);
        EXPECT_TRUE(none.fds_truncated);
    }));
}

TYPED_TEST(DescriptorPassing, ClosingTheReceiverClosesDescriptorsInTransit) {
    auto [sender, receiver] = must(make_pipe());
    {
        const auto [from, to] = pair_of<TypeParam>();
        const RawHandle fd = sender.raw();
        must(from.send_with_fds(bytes_of(data), {&fd, 1}));
        const auto gone = std::move(sender);
    }
    EXPECT_TRUE((await(receiver.raw(), POLLIN) & POLLHUP) != 0);
}

TEST(StreamDescriptorPassing, RequiresAtLeastOneByte) {
    const Files files(1);
    const auto [from, to] = pair_of<UnixStream>();
    EXPECT_TRUE(fails_with(from.send_with_fds({}, files.fds), std::errc::invalid_argument));
    EXPECT_EQ(must(from.send_with_fds({}, {})), 0u);
    std::array<std::byte, 32> buffer{};
    EXPECT_TRUE(blocks(to.receive_with_fds(buffer, {})));
}

TEST(StreamDescriptorPassing, ArrivesWithTheFirstByte) {
    const DescriptorGuard guard;
    const Files files(2);
    const auto [from, to] = pair_of<UnixStream>();
    must(from.write(bytes_of("before ")));
    must(from.send_with_fds(bytes_of(data), files.fds));

    std::array<std::byte, 7> before{};
    std::array<OwnedHandle, 4> handles;
    auto received = must(to.receive_with_fds(before, handles));
    EXPECT_EQ(text_of(before), "before ");
    EXPECT_EQ(received.fds, 0u);

    std::array<std::byte, 1> first{};
    received = must(to.receive_with_fds(first, handles));
    EXPECT_EQ(text_of(first), data.substr(0, 1));
    EXPECT_EQ(received.fds, 2u);
    EXPECT_FALSE(received.bytes_truncated) << "the rest of the stream is kept";

    std::array<OwnedHandle, 4> none;
    std::array<std::byte, 32> rest{};
    received = must(to.receive_with_fds(rest, none));
    EXPECT_EQ(text_of(std::span(rest).first(received.bytes)), data.substr(1));
    EXPECT_EQ(received.fds, 0u);
}

TEST(StreamDescriptorPassing, TwoMessagesWithDescriptorsAreNotMerged) {
    const DescriptorGuard guard;
    const Files files(2);
    const auto [from, to] = pair_of<UnixStream>();
    must(from.send_with_fds(bytes_of("one"), files.fds));
    must(from.send_with_fds(bytes_of("two"), std::span(files.fds).first(1)));
    std::array<std::byte, 32> buffer{};
    std::array<OwnedHandle, 4> handles;
    auto received = must(to.receive_with_fds(buffer, handles));
    EXPECT_EQ(received.bytes, 3u);
    EXPECT_EQ(received.fds, 2u);
    received = must(to.receive_with_fds(buffer, handles));
    EXPECT_EQ(received.bytes, 3u);
    EXPECT_EQ(received.fds, 1u);
}

TEST(StreamDescriptorPassing, PlainReadClosesAttachedDescriptors) {
    const DescriptorGuard guard;
    auto [sender, receiver] = must(make_pipe());
    const auto [from, to] = pair_of<UnixStream>();
    {
        const RawHandle fd = sender.raw();
        must(from.send_with_fds(bytes_of(data), {&fd, 1}));
        const auto gone = std::move(sender);
    }
    const auto before = open_descriptors();
    EXPECT_EQ(drain(to), data);
    EXPECT_EQ(open_descriptors(), before);
    // No copy is open anywhere.
    EXPECT_TRUE((await(receiver.raw(), POLLIN) & POLLHUP) != 0);
}

TEST(StreamDescriptorPassing, EndOfStreamReturnsZeroBytes) {
    auto [from, to] = pair_of<UnixStream>();
    {
        const auto gone = std::move(from);
    }
    std::array<std::byte, 32> buffer{};
    std::array<OwnedHandle, 2> handles;
    const auto received = must(to.receive_with_fds(buffer, handles));
    EXPECT_EQ(received.bytes, 0u);
    EXPECT_EQ(received.fds, 0u);
    EXPECT_FALSE(received.fds_truncated);
}

TEST(DatagramDescriptorPassing, DatagramCanBeEmpty) {
    const DescriptorGuard guard;
    const Files files(2);
    const auto [from, to] = pair_of<UnixDatagram>();
    EXPECT_EQ(must(from.send_with_fds({}, files.fds)), 0u);
    std::array<std::byte, 32> buffer{};
    std::array<OwnedHandle, 2> handles;
    const auto received = must(to.receive_with_fds(buffer, handles));
    EXPECT_EQ(received.bytes, 0u);
    EXPECT_EQ(received.fds, 2u);
    EXPECT_FALSE(received.bytes_truncated);
    EXPECT_TRUE(same_file(handles[1].get(), files.file.fd()));
}

TEST(DatagramDescriptorPassing, ReportsTruncatedBytes) {
    const DescriptorGuard guard;
    const Files files(1);
    const auto [from, to] = pair_of<UnixDatagram>();
    must(from.send_with_fds(bytes_of(data), files.fds));
    must(from.send_with_fds(bytes_of(data), files.fds));
    std::array<std::byte, 5> buffer{};
    std::array<OwnedHandle, 1> handles;
    const auto received = must(to.receive_with_fds(buffer, handles));
    EXPECT_EQ(received.bytes, 5u);
    EXPECT_EQ(text_of(buffer), "Hello");
    EXPECT_TRUE(received.bytes_truncated);
    EXPECT_EQ(received.fds, 1u);
    EXPECT_FALSE(received.fds_truncated);
    // The next receive returns the next datagram.
    std::array<std::byte, data.size()> whole{};
    EXPECT_FALSE(must(to.receive_with_fds(whole, handles)).bytes_truncated);
    EXPECT_EQ(text_of(whole), data);
}

TEST(DatagramDescriptorPassing, PlainReceiveClosesAttachedDescriptors) {
    const DescriptorGuard guard;
    const Files files(4);
    const auto [from, to] = pair_of<UnixDatagram>();
    must(from.send_with_fds(bytes_of(data), files.fds));
    must(from.send_with_fds(bytes_of(data), files.fds));
    const auto before = open_descriptors();
    std::array<std::byte, 32> buffer{};
    EXPECT_EQ(must(to.receive(buffer)), data.size());
    EXPECT_EQ(must(to.receive_from(buffer)).first, data.size());
    EXPECT_EQ(open_descriptors(), before);
}
