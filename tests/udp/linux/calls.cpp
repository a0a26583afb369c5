// System calls and allocations of receive_many and send_many. Calls into the C library are counted here;
// `strace_test.py` counts system calls.
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <system_error>

#include "counted_heap.hpp"

#include "../udp.hpp"

namespace {

struct Calls {
    std::atomic<int> receive_many = 0;
    std::atomic<int> receive_one = 0;
    std::atomic<int> send_many = 0;
    std::atomic<int> send_one = 0;

    void reset() { receive_many = receive_one = send_many = send_one = 0; }
};
Calls calls;

} // namespace

// Replacements for the C library's functions.
extern "C" {
int recvmmsg(int fd, ::mmsghdr* messages, unsigned count, int flags, ::timespec* timeout) {
    ++calls.receive_many;
    return static_cast<int>(::syscall(SYS_recvmmsg, fd, messages, count, flags, timeout));
}
int sendmmsg(int fd, ::mmsghdr* messages, unsigned count, int flags) {
    ++calls.send_many;
    return static_cast<int>(::syscall(SYS_sendmmsg, fd, messages, count, flags));
}
::ssize_t recv(int fd, void* bytes, std::size_t size, int flags) {
    ++calls.receive_one;
    return ::syscall(SYS_recvfrom, fd, bytes, size, flags, nullptr, nullptr);
}
::ssize_t recvfrom(int fd, void* bytes, std::size_t size, int flags, ::sockaddr* from, ::socklen_t* length) {
    ++calls.receive_one;
    return ::syscall(SYS_recvfrom, fd, bytes, size, flags, from, length);
}
::ssize_t recvmsg(int fd, ::msghdr* message, int flags) {
    ++calls.receive_one;
    return ::syscall(SYS_recvmsg, fd, message, flags);
}
::ssize_t send(int fd, const void* bytes, std::size_t size, int flags) {
    ++calls.send_one;
    return ::syscall(SYS_sendto, fd, bytes, size, flags, nullptr, 0);
}
::ssize_t sendto(int fd, const void* bytes, std::size_t size, int flags, const ::sockaddr* to,
                 ::socklen_t length) {
    ++calls.send_one;
    return ::syscall(SYS_sendto, fd, bytes, size, flags, to, length);
}
::ssize_t sendmsg(int fd, const ::msghdr* message, int flags) {
    ++calls.send_one;
    return ::syscall(SYS_sendmsg, fd, message, flags);
}
}

using namespace test;

namespace {

/// Calls of operator new and malloc.
std::size_t allocations() { return heap.allocations + heap.mallocs; }

class UdpCalls : public OnEachFamily {
  protected:
    UdpSocket receiver_ = with_large_receive_buffer(local_v4());
    UdpSocket sender_ = must(UdpSocket::bind(local_v4()));
    const InOrder order_;

    void SetUp() override {
        OnEachFamily::SetUp();
        if (IsSkipped()) return;
        receiver_ = with_large_receive_buffer(GetParam());
        sender_ = bound();
    }
    void send(std::size_t count) {
        ASSERT_EQ(sender_.send_many(NumberedDatagrams(count, address_of(receiver_)).all()), count);
        order_.settle();
        calls.reset();
    }
};
INSTANTIATE_TEST_SUITE_P(, UdpCalls, both_families, family_name);

} // namespace

TEST_P(UdpCalls, AreCounted) {
    send(1);
    std::byte room{};
    EXPECT_TRUE(ok(receiver_.receive_from({&room, 1}))); // `receive` may bypass the C library
    EXPECT_EQ(calls.receive_one, 1) << "calls are not counted";
}

TEST_P(UdpCalls, OneCallReceivesUpTo64) {
    for (const std::size_t count : {1uz, 2uz, 63uz, 64uz}) {
        send(count);
        ReceiveBuffers buffers(64);
        ASSERT_EQ(receiver_.receive_many(buffers.all()), count);
        EXPECT_EQ(calls.receive_many, 1) << count;
        EXPECT_EQ(calls.receive_one, 0) << count;
    }
}

TEST_P(UdpCalls, ReceivingMoreTakesOneCallPer64) {
    send(200);
    ReceiveBuffers buffers(200);
    ASSERT_EQ(receiver_.receive_many(buffers.all()), 200u);
    EXPECT_EQ(calls.receive_many, 4);
    EXPECT_EQ(calls.receive_one, 0);
}

TEST_P(UdpCalls, ReceivingStopsAfterAShortBatch) {
    send(70);
    ReceiveBuffers buffers(200);
    ASSERT_EQ(receiver_.receive_many(buffers.all()), 70u);
    EXPECT_EQ(calls.receive_many, 2);
    ASSERT_TRUE(blocks(receiver_.receive_many(buffers.all())));
    EXPECT_EQ(calls.receive_many, 3);
    EXPECT_EQ(calls.receive_one, 0);
}

TEST_P(UdpCalls, OneCallSendsUpTo64) {
    for (const std::size_t count : {1uz, 64uz}) {
        NumberedDatagrams numbered(count, address_of(receiver_));
        calls.reset();
        ASSERT_EQ(sender_.send_many(numbered.all()), count);
        EXPECT_EQ(calls.send_many, 1);
        EXPECT_EQ(calls.send_one, 0);
    }
    NumberedDatagrams numbered(200, address_of(receiver_));
    calls.reset();
    ASSERT_EQ(sender_.send_many(numbered.all()), 200u);
    EXPECT_EQ(calls.send_many, 4);
    EXPECT_EQ(calls.send_one, 0);
}

TEST_P(UdpCalls, EmptyBatchMakesNone) {
    calls.reset();
    EXPECT_EQ(sender_.send_many({}), 0u);
    EXPECT_EQ(sender_.receive_many({}), 0u);
    EXPECT_EQ(calls.send_many + calls.send_one + calls.receive_many + calls.receive_one, 0);
}

TEST_P(UdpCalls, AllocateNothing) {
    if (!replaces_malloc) GTEST_SKIP() << "the sanitizer has its own malloc";
    NumberedDatagrams numbered(200, address_of(receiver_));
    ReceiveBuffers buffers(200);
    std::array<std::byte, 64> buffer;
    const auto before = allocations();
    const auto sent = sender_.send_many(numbered.all());
    const auto sent_one = sender_.send_to(bytes_of(data1), numbered[0].peer);
    const auto refused = sender_.send(bytes_of(data1));
    EXPECT_EQ(allocations(), before);
    EXPECT_EQ(sent, 200u);
    EXPECT_TRUE(sent_one && !refused);
    order_.settle();
    const auto between = allocations();
    const auto received = receiver_.receive_many(buffers.all());
    const auto received_one = receiver_.receive_from(buffer);
    const auto none = receiver_.receive_many(buffers.all());
    EXPECT_EQ(allocations(), between);
    EXPECT_EQ(received, 200u);
    EXPECT_TRUE(ok(received_one));
    EXPECT_TRUE(blocks(none));
    EXPECT_GT(allocations(), 0u) << "allocations are not counted";
}

TEST_P(UdpCalls, PropertiesTakeNoFurtherCallsOrMemory) {
    using namespace mio::net;
    ASSERT_TRUE(ok(receiver_.set_receive_info(must(receiver_.supported_info()))));
    NumberedDatagrams numbered(200, address_of(receiver_));
    for (std::size_t i = 0; i < 200; i += 2) {
        numbered[i].source = GetParam().ip();
        numbered[i].ttl = std::uint8_t{7};
        numbered[i].tos = Ecn::ect_0;
    }
    ReceiveBuffers buffers(200);
    calls.reset();
    const auto before = allocations();
    const auto sent = sender_.send_many(numbered.all());
    EXPECT_EQ(allocations(), before);
    EXPECT_EQ(sent, 200u);
    EXPECT_EQ(calls.send_many, 4);
    EXPECT_EQ(calls.send_one, 0);
    order_.settle();
    calls.reset();
    const auto between = allocations();
    const auto received = receiver_.receive_many(buffers.all());
    EXPECT_EQ(allocations(), between);
    EXPECT_EQ(received, 200u);
    EXPECT_EQ(calls.receive_many, 4);
    EXPECT_EQ(calls.receive_one, 0);
    EXPECT_EQ(buffers[0].tos, Tos(Ecn::ect_0));
    EXPECT_EQ(buffers[1].tos, Tos());
}

TEST_P(UdpCalls, ErrorQueueTakesNoMemory) {
    ASSERT_TRUE(ok(sender_.set_receive_errors(true)));
    ASSERT_TRUE(ok(sender_.set_zero_copy(true)));
    const mio::net::OutgoingDatagram datagram{.bytes = bytes_of(data1), .peer = address_of(receiver_)};
    ASSERT_EQ(sender_.send_many_zero_copy({&datagram, 1}), 1u);
    EXPECT_EQ(next_text(receiver_), data1);
    await(sender_, 0);
    std::array<std::byte, 64> buffer;
    const auto before = allocations();
    const auto completed = sender_.receive_error(buffer);
    const auto none = sender_.receive_error(buffer);
    EXPECT_EQ(allocations(), before);
    EXPECT_TRUE(ok(completed));
    EXPECT_TRUE(blocks(none));
}
