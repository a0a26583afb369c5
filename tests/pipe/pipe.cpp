#include <barrier>
#include <thread>

#include "pipe.hpp"

using namespace test;
using mio::net::IoSlice;
using mio::net::IoSliceMut;

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

/// The program `cat` and our ends of its standard input and output, which are blocking as a shell creates them.
struct Cat {
    PipeSender input = PipeSender::from_raw(mio::invalid_handle);
    PipeReceiver output = PipeReceiver::from_raw(mio::invalid_handle);
    ::pid_t process = -1;

    Cat() {
        int in[2];
        int out[2];
        EXPECT_EQ(::pipe(in), 0);
        EXPECT_EQ(::pipe(out), 0);
        for (const int fd : {in[0], in[1], out[0], out[1]}) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
        process = ::fork();
        if (process == 0) {
            ::dup2(in[0], STDIN_FILENO);
            ::dup2(out[1], STDOUT_FILENO);
            ::execlp("cat", "cat", nullptr);
            ::_exit(127);
        }
        ::close(in[0]);
        ::close(out[1]);
        input = PipeSender::from_raw(in[1]);
        output = PipeReceiver::from_raw(out[0]);
    }
};

} // namespace

TEST(Pipe, CarriesBytesAndReportsBothEnds) {
    Loop loop;
    auto [sender, receiver] = must(make_pipe());
    std::array<std::byte, 20> buffer{};
    EXPECT_TRUE(blocks(receiver.read(buffer)));

    must(loop.registry().add(receiver, receiver_id, Interest::readable));
    must(loop.registry().add(sender, sender_id, Interest::writable));
    loop.expect({{sender_id, Interest::writable}});

    write_data(sender);
    loop.expect({{receiver_id, Interest::readable}});
    EXPECT_EQ(must(receiver.read(buffer)), data.size());
    EXPECT_EQ(text_of(std::span(buffer).first(data.size())), data);
    EXPECT_TRUE(blocks(receiver.read(buffer)));
}

TEST(Pipe, ReportsAClosedSender) {
    Loop loop;
    auto [sender, receiver] = must(make_pipe());
    must(loop.registry().add(receiver, receiver_id, Interest::readable));

    std::barrier barrier(2);
    std::thread other([&barrier, end = std::move(sender)]() mutable {
        write_data(end);
        barrier.arrive_and_wait(); // written
        barrier.arrive_and_wait(); // seen
        {
            const auto gone = std::move(end);
        }
        barrier.arrive_and_wait(); // closed
    });
    barrier.arrive_and_wait();
    loop.expect({{receiver_id, Interest::readable}});
    barrier.arrive_and_wait();
    barrier.arrive_and_wait();
    const auto event = only_event(loop);
    EXPECT_EQ(event.token(), receiver_id);
    EXPECT_TRUE(event.is_read_closed());
    other.join();

    // Written data is still readable, then end of stream.
    EXPECT_EQ(drain(receiver), data);
    std::array<std::byte, 8> buffer{};
    EXPECT_EQ(must(receiver.read(buffer)), 0u);
}

TEST(Pipe, ReportsAClosedReceiver) {
    Loop loop;
    auto [sender, receiver] = must(make_pipe());
    must(loop.registry().add(sender, sender_id, Interest::writable));

    std::barrier barrier(2);
    std::thread other([&barrier, end = std::move(receiver)]() mutable {
        barrier.arrive_and_wait(); // seen
        {
            const auto gone = std::move(end);
        }
        barrier.arrive_and_wait(); // closed
    });
    loop.expect({{sender_id, Interest::writable}});
    barrier.arrive_and_wait();
    barrier.arrive_and_wait();
    const auto event = only_event(loop);
    EXPECT_EQ(event.token(), sender_id);
    EXPECT_TRUE(event.is_write_closed());
    other.join();

    EXPECT_TRUE(fails_with(sender.write(bytes_of(data)), std::errc::broken_pipe));
    const IoSlice slice(bytes_of(data));
    EXPECT_TRUE(fails_with(sender.write_vectored({&slice, 1}), std::errc::broken_pipe));
}

TEST(Pipe, ExchangesDataWithAChildProcess) {
    const DescriptorGuard guard;
    {
        Loop loop;
        Cat cat;
        ASSERT_GT(cat.process, 0);
        must(loop.registry().add(cat.output, receiver_id, Interest::readable));
        must(loop.registry().add(cat.input, sender_id, Interest::writable));
        loop.expect({{sender_id, Interest::writable}});

        write_data(cat.input);
        loop.expect({{receiver_id, Interest::readable}});
        std::array<std::byte, 20> buffer{};
        EXPECT_EQ(must(cat.output.read(buffer)), data.size());
        EXPECT_EQ(text_of(std::span(buffer).first(data.size())), data);

        cat.input = PipeSender::from_raw(mio::invalid_handle);
        const auto event = only_event(loop);
        EXPECT_EQ(event.token(), receiver_id);
        EXPECT_TRUE(event.is_read_closed());
        EXPECT_EQ(must(cat.output.read(buffer)), 0u);
        EXPECT_TRUE(exits_successfully(cat.process));
    }
}

TEST(Pipe, AdoptedPipeCanBeMadeNonBlocking) {
    Cat cat;
    ASSERT_GT(cat.process, 0);
    ASSERT_TRUE(ok(cat.output.set_nonblocking(true)));
    std::array<std::byte, 20> buffer{};
    EXPECT_TRUE(blocks(cat.output.read(buffer)));
    cat.input = PipeSender::from_raw(mio::invalid_handle);
    EXPECT_TRUE(exits_successfully(cat.process));
}

TEST(Pipe, IsNonBlockingAndNotInherited) {
    const auto [sender, receiver] = must(make_pipe());
    for (const int fd : {sender.raw(), receiver.raw()}) {
        EXPECT_TRUE(is_non_blocking(fd));
        EXPECT_TRUE(is_close_on_exec(fd));
    }
}

TEST(Pipe, SetNonblockingChangesNothingElse) {
    const auto [sender, receiver] = must(make_pipe());
    const auto flags_stay = [](const auto& end) {
        ASSERT_EQ(::fcntl(end.raw(), F_SETFL, ::fcntl(end.raw(), F_GETFL) | O_ASYNC), 0);
        const int on = ::fcntl(end.raw(), F_GETFL);
        ASSERT_TRUE((on & O_NONBLOCK) != 0 && (on & O_ASYNC) != 0);
        for (int round = 0; round < 2; ++round) {
            EXPECT_TRUE(ok(end.set_nonblocking(false)));
            EXPECT_EQ(::fcntl(end.raw(), F_GETFL), on & ~O_NONBLOCK);
            EXPECT_TRUE(ok(end.set_nonblocking(false))) << "repeated";
            EXPECT_EQ(::fcntl(end.raw(), F_GETFL), on & ~O_NONBLOCK);
            EXPECT_TRUE(ok(end.set_nonblocking(true)));
            EXPECT_EQ(::fcntl(end.raw(), F_GETFL), on);
            EXPECT_TRUE(ok(end.set_nonblocking(true))) << "repeated";
            EXPECT_EQ(::fcntl(end.raw(), F_GETFL), on);
            EXPECT_TRUE(is_close_on_exec(end.raw()));
        }
    };
    flags_stay(sender);
    flags_stay(receiver);
}

TEST(Pipe, SetNonblockingWithoutHandleIsBadDescriptor) {
    const auto sender = PipeSender::from_raw(mio::invalid_handle);
    const auto receiver = PipeReceiver::from_raw(mio::invalid_handle);
    EXPECT_TRUE(fails_with(sender.set_nonblocking(true), std::errc::bad_file_descriptor));
    EXPECT_TRUE(fails_with(receiver.set_nonblocking(false), std::errc::bad_file_descriptor));
}

TEST(Pipe, BlockingReadWaitsForTheWriter) {
    auto [sender, receiver] = must(make_pipe());
    ASSERT_TRUE(ok(receiver.set_nonblocking(false)));
    std::array<std::byte, 20> buffer{};
    std::size_t count = 0;
    std::thread reader([&, &from = receiver] { count = must(from.read(buffer)); });
    write_data(sender);
    reader.join();
    EXPECT_EQ(text_of(std::span(buffer).first(count)), data);
}

TEST(Pipe, WritesItsCapacityAndThenWouldBlock) {
    const auto [sender, receiver] = must(make_pipe());
    EXPECT_EQ(fill(sender), pipe_capacity);
    EXPECT_TRUE(blocks(sender.write(bytes_of("x"))));

    // One page of space is reported and used.
    std::vector<std::byte> page(4'096);
    EXPECT_EQ(must(receiver.read(page)), page.size());
    EXPECT_EQ(fill(sender), page.size());
}

TEST(Pipe, BecomesWritableAfterReading) {
    Loop loop;
    auto [sender, receiver] = must(make_pipe());
    must(loop.registry().add(sender, sender_id, Interest::writable));
    loop.expect({{sender_id, Interest::writable}});
    fill(sender);
    loop.expect_none();
    drain(receiver);
    loop.expect({{sender_id, Interest::writable}});
}

TEST(Pipe, WritesPartiallyWhenSpaceIsShort) {
    const auto [sender, receiver] = must(make_pipe());
    const std::string text = pattern(pipe_capacity + 10'000);
    EXPECT_EQ(must(sender.write(bytes_of(text))), pipe_capacity);
    EXPECT_EQ(drain(receiver), text.substr(0, pipe_capacity));
}

TEST(Pipe, WritesUpToPipeBufAtomically) {
    const auto [sender, receiver] = must(make_pipe());
    fill(sender);
    std::vector<std::byte> page(4'096);
    ASSERT_EQ(must(receiver.read(page)), page.size());
    EXPECT_EQ(must(sender.write(std::span(page).first(100))), 100u);
    // The rest of the page does not hold 4,096 bytes.
    EXPECT_TRUE(blocks(sender.write(page)));
}

TEST(Pipe, EmptyBuffersReturnZero) {
    const auto [sender, receiver] = must(make_pipe());
    EXPECT_EQ(must(sender.write({})), 0u);
    EXPECT_EQ(must(sender.write_vectored({})), 0u);
    EXPECT_EQ(must(receiver.read({})), 0u);
    EXPECT_EQ(must(receiver.read_vectored({})), 0u);
    std::array<std::byte, 1> buffer{};
    EXPECT_TRUE(blocks(receiver.read(buffer))) << "no data was written";
}

TEST(Pipe, VectoredCallsKeepTheOrder) {
    const auto [sender, receiver] = must(make_pipe());
    const std::array slices{IoSlice(bytes_of("Hello")), IoSlice(bytes_of("")), IoSlice(bytes_of(" ")),
                            IoSlice(bytes_of("world"))};
    EXPECT_EQ(must(sender.write_vectored(slices)), data.size());

    std::array<std::byte, 3> first{};
    std::array<std::byte, 5> second{};
    std::array<std::byte, 10> third{};
    const std::array into{IoSliceMut(first), IoSliceMut(second), IoSliceMut(third)};
    EXPECT_EQ(must(receiver.read_vectored(into)), data.size());
    EXPECT_EQ(text_of(first), "Hel");
    EXPECT_EQ(text_of(second), "lo wo");
    EXPECT_EQ(text_of(std::span(third).first(3)), "rld");
    EXPECT_TRUE(blocks(receiver.read_vectored(into)));
}

TEST(Pipe, VectoredCallsUseAtMostTheSystemLimitOfBuffers) {
    const auto [sender, receiver] = must(make_pipe());
    const std::string text = pattern(1'025);
    std::vector<IoSlice> slices;
    for (std::size_t i = 0; i < text.size(); ++i) {
        slices.emplace_back(bytes_of(std::string_view(text).substr(i, 1)));
    }
    EXPECT_EQ(must(sender.write_vectored(slices)), 1'024u);
    EXPECT_EQ(must(sender.write_vectored(std::span(slices).subspan(1'024))), 1u);

    std::vector<std::byte> buffer(1'025);
    std::vector<IoSliceMut> into;
    for (std::size_t i = 0; i < buffer.size(); ++i) into.emplace_back(std::span(buffer).subspan(i, 1));
    EXPECT_EQ(must(receiver.read_vectored(into)), 1'024u);
    EXPECT_EQ(must(receiver.read_vectored(std::span(into).subspan(1'024))), 1u);
    EXPECT_EQ(text_of(buffer), text);
}

TEST(Pipe, ReceiverReadsEndOfStreamAfterTheSenderCloses) {
    auto [sender, receiver] = must(make_pipe());
    write_data(sender);
    {
        const auto gone = std::move(sender);
    }
    EXPECT_EQ(drain(receiver), data);
    std::array<std::byte, 8> buffer{};
    const IoSliceMut slice(buffer);
    EXPECT_EQ(must(receiver.read(buffer)), 0u);
    EXPECT_EQ(must(receiver.read_vectored({&slice, 1})), 0u);
}

TEST(Pipe, TheWrongEndIsBadDescriptor) {
    auto [sender, receiver] = must(make_pipe());
    const auto reading = PipeReceiver::from_raw(sender.release());
    const auto writing = PipeSender::from_raw(receiver.release());
    std::array<std::byte, 8> buffer{};
    EXPECT_TRUE(fails_with(reading.read(buffer), std::errc::bad_file_descriptor));
    EXPECT_TRUE(fails_with(writing.write(buffer), std::errc::bad_file_descriptor));
}

TEST(Pipe, ExhaustionIsAnErrorAndLeaksNothing) {
    EXPECT_TRUE(in_child([] {
        const DescriptorGuard guard;
        // One free descriptor: creating the pipe's second end fails.
        const int next = ::dup(STDIN_FILENO);
        ::close(next);
        const ::rlimit limit{static_cast<::rlim_t>(next) + 1, static_cast<::rlim_t>(next) + 1};
        ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
        EXPECT_TRUE(fails_with(make_pipe(), std::errc::too_many_files_open));
    }));
}
