// When events are reported, and when they are reported again.
#include "sockets.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "differences.hpp"
#include "udp.hpp"

using namespace test;
using mio::Trigger;

namespace {

class UdpEvents : public OnEachFamily {};
INSTANTIATE_TEST_SUITE_P(, UdpEvents, both_families, family_name);

} // namespace

TEST_P(UdpEvents, ReceiveThatWouldBlockRearms) {
    auto s1 = bound();
    auto s2 = bound();
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(s1, id1, Interest::writable)));
    ASSERT_TRUE(ok(loop.registry().add(s2, id2, read_write)));
    loop.expect({{id1, Interest::writable}, {id2, Interest::writable}});
    ASSERT_TRUE(ok(s1.connect(address_of(s2))));
    std::array<std::byte, 20> buffer;
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(s1.send(bytes_of(data1)), data1.size());
        loop.expect({{id2, Interest::readable}});
        EXPECT_EQ(text_of(std::span(buffer).first(must(s2.receive(buffer)))), data1);
        EXPECT_TRUE(blocks(s2.receive(buffer)));
        loop.expect_none();
    }
}

TEST_P(UdpEvents, ReceiveFromThatWouldBlockRearms) {
    auto s1 = bound();
    auto s2 = bound();
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(s1, id1, read_write)));
    ASSERT_TRUE(ok(loop.registry().add(s2, id2, read_write)));
    loop.expect({{id1, Interest::writable}, {id2, Interest::writable}});
    std::array<std::byte, 20> buffer;
    for (int i = 0; i < 2; ++i) {
        send_text(s1, data1, address_of(s2));
        loop.expect({{id2, Interest::readable}});
        EXPECT_EQ(must(s2.receive_from(buffer)), std::pair(data1.size(), address_of(s1)));
        EXPECT_EQ(text_of(std::span(buffer).first(data1.size())), data1);
        EXPECT_TRUE(blocks(s2.receive_from(buffer)));
    }
    EXPECT_EQ(must(s1.take_error()), std::error_code());
    EXPECT_EQ(must(s2.take_error()), std::error_code());
}

TEST_P(UdpEvents, EdgeTriggerDoesNotReportUnreadDatagramsAgain) {
    auto s1 = bound();
    const auto s2 = bound();
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(s1, id1, Interest::readable)));
    const InOrder order;
    for (int i = 0; i < 3; ++i) send_text(s2, data1, address_of(s1));
    order.settle();
    loop.expect({{id1, Interest::readable}});
    ReceiveBuffers buffers(2);
    EXPECT_EQ(s1.receive_many(buffers.all()), 2u);
    loop.expect_none();
    if (!differences.reports_data_behind_data_left_unread) return;
    // The next datagram causes one event for both.
    send_text(s2, data2, address_of(s1));
    loop.expect({{id1, Interest::readable}});
    EXPECT_EQ(next_text(s1), data1);
    EXPECT_EQ(next_text(s1), data2);
}

TEST_P(UdpEvents, ShortReceiveManyDrainsTheSocket) {
    constexpr std::size_t total = 150;
    auto receiver = with_large_receive_buffer(GetParam());
    const auto sender = bound();
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(receiver, id1, Interest::readable)));
    const InOrder order;
    for (int round = 0; round < 3; ++round) {
        ASSERT_EQ(sender.send_many(NumberedDatagrams(total, address_of(receiver)).all()), total);
        order.settle();
        loop.expect({{id1, Interest::readable}});
        ReceiveBuffers buffers(70);
        EXPECT_EQ(receiver.receive_many(buffers.all()), 70u);
        EXPECT_EQ(receiver.receive_many(buffers.all()), 70u);
        EXPECT_EQ(receiver.receive_many(buffers.all()), 10u);
        EXPECT_EQ(buffers.text(9), NumberedDatagrams::text(total - 1));
        EXPECT_TRUE(blocks(receiver.receive_many(buffers.all())));
        loop.expect_none();
    }
}

TEST_P(UdpEvents, LevelTriggerReportsUntilDrained) {
    auto s1 = bound();
    const auto s2 = bound();
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(s1, id1, Interest::readable, Trigger::level)));
    for (int i = 0; i < 2; ++i) send_text(s2, data1, address_of(s1));
    for (int i = 0; i < 2; ++i) {
        loop.expect({{id1, Interest::readable}});
        loop.expect({{id1, Interest::readable}});
        EXPECT_EQ(next_text(s1), data1);
    }
    loop.expect_none();
}

TEST_P(UdpEvents, OneshotReportsOnceUntilModified) {
    auto s1 = bound();
    const auto s2 = bound();
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(s1, id1, Interest::readable, Trigger::oneshot)));
    send_text(s2, data1, address_of(s1));
    loop.expect({{id1, Interest::readable}});
    send_text(s2, data2, address_of(s1));
    EXPECT_EQ(next_text(s1), data1);
    EXPECT_EQ(next_text(s1), data2);
    send_text(s2, data1, address_of(s1));
    await(s1, POLLIN);
    loop.expect_none();
    ASSERT_TRUE(ok(loop.registry().modify(s1, id1, Interest::readable, Trigger::oneshot)));
    loop.expect({{id1, Interest::readable}});
}

TEST_P(UdpEvents, OneThreadServesManySockets) {
    constexpr int clients = 4;
    constexpr int rounds = 100;
    auto server = bound();
    const auto address = address_of(server);
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(server, id1, Interest::readable)));
    std::atomic<int> replies = 0;
    std::vector<std::jthread> threads;
    for (int i = 0; i < clients; ++i) {
        threads.emplace_back([&, i] {
            const auto socket = bound();
            must(socket.connect(address));
            for (int round = 0; round < rounds; ++round) {
                const auto text = std::to_string(i * rounds + round);
                must(socket.send(bytes_of(text)));
                if (next_text(socket) == text) ++replies;
            }
        });
    }
    ReceiveBuffers buffers(3);
    std::vector<OutgoingDatagram> out;
    for (std::size_t served = 0; served < clients * rounds;) {
        ASSERT_TRUE(ok(loop.poll.poll(loop.events, 10s)));
        ASSERT_FALSE(loop.events.empty());
        for (auto count = buffers.all().size(); count == buffers.all().size();) {
            const auto received = server.receive_many(buffers.all());
            if (!received) {
                ASSERT_TRUE(blocks(received));
                break;
            }
            count = *received;
            out.clear();
            for (const auto& in : buffers.first(count)) out.push_back({in.buffer.first(in.size), in.peer});
            ASSERT_EQ(server.send_many(out), count);
            served += count;
        }
    }
    threads.clear();
    EXPECT_EQ(replies, clients * rounds);
}

TEST_P(UdpEvents, SeveralThreadsCanShareASocket) {
    // Two threads send through one socket while two receive from another: no datagram is lost or duplicated.
    constexpr std::size_t each = 60;
    const auto sender = bound();
    const auto receiver = with_large_receive_buffer(GetParam());
    ASSERT_TRUE(ok(sender.connect(address_of(receiver))));
    std::array<std::atomic<int>, each> seen{};
    std::atomic<std::size_t> received = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 2; ++i) {
            threads.emplace_back([&] {
                for (std::size_t n = 0; n < each; ++n) {
                    const auto text = std::to_string(n);
                    const OutgoingDatagram one{.bytes = bytes_of(text)};
                    auto sent = sender.send_many({&one, 1});
                    // the buffer may not hold both threads' datagrams
                    while (!sent && mio::would_block(sent.error())) {
                        std::this_thread::yield();
                        sent = sender.send_many({&one, 1});
                    }
                    must(std::move(sent));
                }
            });
            threads.emplace_back([&] {
                ReceiveBuffers buffers(5);
                while (received < 2 * each) {
                    const auto count = receiver.receive_many(buffers.all()).value_or(0);
                    if (count == 0) std::this_thread::yield();
                    for (std::size_t n = 0; n < count; ++n) ++seen[std::stoul(buffers.text(n))];
                    received += count;
                }
            });
        }
    }
    for (const auto& count : seen) EXPECT_EQ(count, 2);
}
