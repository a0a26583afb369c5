// Specifics of the completion port: AFD handles shared by sockets, stale completions, and channels.
#include "sockets.hpp"

#include <windows.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "support.hpp"

import mio.sys.iocp;

using namespace test;
using mio::Errc;
using mio::Readiness;
using mio::Trigger;
namespace iocp = mio::sys::iocp;

namespace {

constexpr Token id1{1}, id2{2};
constexpr Token all_ones{std::numeric_limits<std::size_t>::max()};

class Iocp : public testing::Test {
  protected:
    std::multiset<Token> select(std::optional<std::chrono::nanoseconds> timeout = generous_margin) {
        EXPECT_TRUE(ok(selector.select(events, timeout)));
        std::multiset<Token> tokens;
        for (const auto& event : events) tokens.insert(event.token());
        return tokens;
    }
    void expect_nothing() { EXPECT_EQ(select(20ms), std::multiset<Token>{}); }

    iocp::Selector selector{must(iocp::Selector::open())};
    mio::Events events = events_for<iocp::Selector>(64);
};

/// A pipe's server end with a pending read, as in a body of `mio.net`.
class Pipe {
  public:
    struct Body {
        std::atomic<int> owners = 1;
        static inline std::atomic<int> alive = 0;

        Body() { ++alive; }
        ~Body() { --alive; }

        struct Reading : iocp::Operation {
            explicit Reading(Body& whose) : Operation(&Reading::end), body(whose) {}
            static void end(iocp::Operation& operation, const iocp::Record& record) noexcept {
                auto& body = static_cast<Reading&>(operation).body;
                ++body.completions;
                body.received = record.bytes;
                body.channel.set(Readiness::readable);
                body.release();
            }
            Body& body;
        } reading{*this};
        iocp::Channel channel;
        char buffer[64] = {};
        std::atomic<int> completions = 0;
        std::atomic<std::uint32_t> received = 0;

        void release() noexcept {
            if (--owners == 0) delete this;
        }
    };

    Pipe() {
        static std::atomic<int> number = 0;
        const auto name = R"(\\.\pipe\mio-test-)" + std::to_string(::GetCurrentProcessId()) + "-"
                          + std::to_string(++number);
        server = ::CreateNamedPipeA(name.c_str(), PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, PIPE_TYPE_BYTE,
                                    1, 4096, 4096, 0, nullptr);
        EXPECT_NE(server, INVALID_HANDLE_VALUE);
        client =
            ::CreateFileA(name.c_str(), GENERIC_READ | GENERIC_WRITE, 0, nullptr, OPEN_EXISTING, 0, nullptr);
        EXPECT_NE(client, INVALID_HANDLE_VALUE);
    }
    ~Pipe() {
        close();
        ::CloseHandle(client);
    }

    /// In the order that `Channel` requires.
    void close() {
        if (body == nullptr) return;
        ::CloseHandle(server);
        body->channel.close();
        body->release();
        body = nullptr;
    }
    [[nodiscard]] mio::RawHandle handle() const { return reinterpret_cast<mio::RawHandle>(server); }
    void start_reading() const {
        ++body->owners;
        body->channel.begin();
        const auto read = ::ReadFile(server, body->buffer, sizeof body->buffer, nullptr,
                                     reinterpret_cast<::OVERLAPPED*>(&body->reading.overlapped));
        EXPECT_TRUE(read != 0 || ::GetLastError() == ERROR_IO_PENDING);
    }
    void speak() const {
        ::DWORD written = 0;
        EXPECT_NE(::WriteFile(client, "four", 4, &written, nullptr), 0);
    }

    ::HANDLE server, client;
    Body* body = new Body;
};

} // namespace

TEST_F(Iocp, FiveThousandSocketsShareAfdHandles) {
    const auto first = plain::datagram_socket(); // Winsock opens handles of its own for the first socket
    const auto before = open_handles();
    constexpr std::size_t many = 5'000;
    std::vector<plain::Socket> sockets;
    for (std::size_t i = 0; i < many; ++i) sockets.push_back(plain::datagram_socket());
    const auto with_sockets = open_handles();
    std::vector<std::uint64_t> states;
    for (std::size_t i = 0; i < many; ++i)
        states.push_back(must(selector.add(sockets[i].fd(), Token{i}, Interest::writable, Trigger::oneshot)));
    EXPECT_LE(open_handles() - with_sockets, many / 32 + 1);

    std::set<Token> seen;
    while (seen.size() != many) {
        const auto some = select();
        ASSERT_FALSE(some.empty());
        for (const auto token : some)
            EXPECT_TRUE(seen.insert(token).second) << "a one-shot was reported twice";
    }
    for (std::size_t i = 0; i < many; ++i) {
        if (i % 2 == 0) {
            EXPECT_TRUE(ok(selector.remove(sockets[i].fd(), states[i])));
        } else {
            iocp::Selector::forget(states[i]);
        }
    }
    EXPECT_LE(open_handles(), with_sockets + 1) << "one AFD handle is kept for the next source";
    sockets.clear();
    EXPECT_LE(open_handles(), before + 1);
}

TEST_F(Iocp, SourcesRemovedDuringAWaitLeakNothing) {
    for (int round = 0; round < 20; ++round) {
        const DescriptorGuard guard;
        std::vector<std::pair<plain::Socket, plain::Socket>> pairs;
        iocp::Selector other(must(iocp::Selector::open()));
        auto some = events_for<iocp::Selector>(4);
        std::vector<std::uint64_t> states;
        for (std::size_t i = 0; i < 40; ++i) {
            pairs.push_back(plain::socket_pair());
            states.push_back(
                must(other.add(pairs.back().first.fd(), Token{i}, Interest::readable, Trigger::edge)));
        }
        EXPECT_TRUE(ok(other.select(some, 0ns))); // submits an AFD request for each
        std::thread waiting([&] {
            for (int i = 0; i < round; ++i) EXPECT_TRUE(ok(other.select(some, 1ms)));
        });
        for (std::size_t i = 0; i < states.size(); ++i) {
            if (i % 3 == 0) plain::write_all(pairs[i].second, "x");
            if (i % 2 == 0) {
                EXPECT_TRUE(ok(other.remove(pairs[i].first.fd(), states[i])));
            } else {
                iocp::Selector::forget(states[i]);
            }
            if (i % 4 != 3)
                pairs[i].first.close(); // duplicates stay open, so only cancelling the request ends it
        }
        waiting.join();
    }
}

TEST_F(Iocp, SourceOutlivesTheThreadThatAddedIt) {
    auto [here, there] = plain::socket_pair();
    std::multiset<Token> seen;
    std::thread waiting([&] { seen = select(); });
    std::uint64_t state = 0;
    std::thread([&] {
        std::this_thread::sleep_for(20ms); // the other thread usually waits by then
        state = must(selector.add(here.fd(), id1, Interest::readable, Trigger::edge));
    }).join();
    plain::write_all(there, "x");
    waiting.join();
    EXPECT_EQ(seen, std::multiset{id1});
    EXPECT_TRUE(ok(selector.remove(here.fd(), state)));
}

TEST_F(Iocp, StaleCompletionIsNotReported) {
    auto [here, there] = plain::socket_pair();
    const auto state = must(selector.add(here.fd(), id1, Interest::readable, Trigger::edge));
    EXPECT_EQ(select(0ns), std::multiset<Token>{});
    plain::write_all(there, "x"); // completes the request; the completion is queued
    plain::await_readable(here);
    EXPECT_EQ(plain::read_exactly(here, 1), "x");
    ASSERT_TRUE(ok(selector.modify(here.fd(), state, id2, Interest::readable, Trigger::edge)));
    expect_nothing();
    plain::write_all(there, "y");
    EXPECT_EQ(select(), std::multiset{id2});
    EXPECT_TRUE(ok(selector.remove(here.fd(), state)));
}

TEST_F(Iocp, SecondSourceForAHandleReplacesTheFirst) {
    auto [here, there] = plain::socket_pair();
    const auto first = must(selector.add(here.fd(), id1, Interest::writable, Trigger::level));
    EXPECT_EQ(select(), std::multiset{id1});
    const auto second = must(selector.add(here.fd(), id2, Interest::writable, Trigger::level));
    EXPECT_EQ(select(), std::multiset{id2});
    EXPECT_TRUE(fails_with(selector.modify(here.fd(), first, id1, Interest::writable, Trigger::level),
                           std::errc::no_such_file_or_directory));
    EXPECT_TRUE(ok(iocp::Selector::rearm(first, Interest::writable)));
    iocp::Selector::forget(first);
    EXPECT_EQ(select(), std::multiset{id2});
    EXPECT_TRUE(ok(selector.remove(here.fd(), second)));
}

TEST_F(Iocp, ChannelOperationsCompleteThroughThePort) {
    Pipe pipe;
    ASSERT_TRUE(
        ok(pipe.body->channel.add(selector, pipe.handle(), all_ones, Interest::readable, Trigger::edge)));
    pipe.start_reading();
    expect_nothing();
    pipe.speak();
    EXPECT_EQ(select(), std::multiset{all_ones}) << "all bits of the token are kept";
    EXPECT_EQ(events[0].readiness(), Readiness::readable);
    EXPECT_EQ(iocp::Selector::describe(events[0]), "RECEIVE");
    EXPECT_EQ(pipe.body->completions, 1);
    EXPECT_EQ(pipe.body->received, 4u);
    expect_nothing();
}

TEST_F(Iocp, ChannelEndsABlockedSelect) {
    Pipe pipe;
    ASSERT_TRUE(ok(pipe.body->channel.add(selector, pipe.handle(), id1, read_write, Trigger::edge)));
    std::thread other([&] {
        std::this_thread::sleep_for(20ms);
        pipe.body->channel.set(Readiness::writable);
    });
    EXPECT_EQ(select(std::nullopt), std::multiset{id1});
    EXPECT_EQ(events[0].readiness(), Readiness::writable);
    other.join();
}

TEST_F(Iocp, RemovedChannelIsNotReported) {
    Pipe pipe;
    auto& channel = pipe.body->channel;
    ASSERT_TRUE(ok(channel.add(selector, pipe.handle(), id1, Interest::readable, Trigger::level)));
    channel.set(Readiness::readable);
    pipe.start_reading();
    pipe.speak();
    ASSERT_TRUE(ok(channel.remove(selector)));
    expect_nothing();
    EXPECT_EQ(pipe.body->completions, 1) << "its operations still complete";
    // It can be added again; conditions that hold are reported with the new token.
    ASSERT_TRUE(ok(channel.add(selector, pipe.handle(), id2, Interest::readable, Trigger::edge)));
    EXPECT_EQ(select(), std::multiset{id2});
    expect_nothing();
}

TEST_F(Iocp, ChannelSupportsAllTriggers) {
    Pipe pipe;
    auto& channel = pipe.body->channel;
    ASSERT_TRUE(ok(channel.add(selector, pipe.handle(), id1, Interest::readable, Trigger::level)));
    channel.set(Readiness::readable | Readiness::writable);
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(select(), std::multiset{id1});
        EXPECT_EQ(events[0].readiness(), Readiness::readable) << "only the requested interest";
    }
    channel.clear(Readiness::readable);
    expect_nothing();

    ASSERT_TRUE(ok(channel.modify(selector, id2, read_write, Trigger::oneshot)));
    EXPECT_EQ(select(), std::multiset{id2}); // still writable
    channel.set(Readiness::readable);
    expect_nothing();
    ASSERT_TRUE(ok(channel.modify(selector, id2, read_write, Trigger::oneshot)));
    EXPECT_EQ(select(), std::multiset{id2});
    EXPECT_EQ(events[0].readiness(), Readiness::readable | Readiness::writable);
    expect_nothing();

    ASSERT_TRUE(ok(channel.modify(selector, id1, Interest::readable, Trigger::edge)));
    EXPECT_EQ(select(), std::multiset{id1});
    expect_nothing();
    channel.set(Readiness::readable); // another edge
    EXPECT_EQ(select(), std::multiset{id1});
    channel.set(Readiness::readable);
    channel.clear(Readiness::readable);
    expect_nothing();
}

TEST_F(Iocp, ChannelBelongsToOnePortForLife) {
    iocp::Selector other(must(iocp::Selector::open()));
    Pipe pipe;
    auto& channel = pipe.body->channel;
    EXPECT_FALSE(channel.is_associated());
    EXPECT_TRUE(fails_with(channel.remove(selector), Errc::not_registered));
    EXPECT_TRUE(fails_with(channel.modify(selector, id1, read_write, Trigger::edge), Errc::not_registered));
    EXPECT_TRUE(fails_with(channel.add(selector, pipe.handle(), id1, Interest::aio, Trigger::edge),
                           Errc::unsupported));
    EXPECT_FALSE(channel.is_associated()) << "a failed call changes nothing";
    ASSERT_TRUE(ok(channel.add(selector, pipe.handle(), id1, read_write, Trigger::edge)));
    EXPECT_TRUE(channel.is_associated());
    EXPECT_TRUE(fails_with(channel.add(other, pipe.handle(), id1, read_write, Trigger::edge),
                           Errc::already_registered));
    EXPECT_TRUE(fails_with(channel.modify(other, id1, read_write, Trigger::edge), Errc::other_registry));
    EXPECT_TRUE(fails_with(channel.remove(other), Errc::other_registry));
    ASSERT_TRUE(ok(channel.remove(selector)));
    EXPECT_TRUE(
        fails_with(channel.add(other, pipe.handle(), id1, read_write, Trigger::edge), Errc::other_registry));
}

TEST_F(Iocp, ChannelsAndSocketsShareTheCapacityFairly) {
    auto [here, there] = plain::socket_pair();
    const auto state = must(selector.add(here.fd(), id1, Interest::writable, Trigger::level));
    Pipe pipe;
    ASSERT_TRUE(ok(pipe.body->channel.add(selector, pipe.handle(), id2, Interest::writable, Trigger::level)));
    pipe.body->channel.set(Readiness::writable);
    auto one = events_for<iocp::Selector>(1);
    std::multiset<Token> seen;
    for (int i = 0; i < 10; ++i) {
        ASSERT_TRUE(ok(selector.select(one, generous_margin)));
        seen.insert(one[0].token());
    }
    EXPECT_EQ(seen.count(id1), 5u);
    EXPECT_EQ(seen.count(id2), 5u);
    EXPECT_TRUE(ok(selector.remove(here.fd(), state)));
}

TEST(IocpLifetime, ChannelCanOutliveTheSelectorAndLeaksNothing) {
    DescriptorGuard guard;
    for (int i = 0; i < 100; ++i) {
        Pipe pipe;
        auto* const selector = new iocp::Selector(must(iocp::Selector::open()));
        ASSERT_TRUE(
            ok(pipe.body->channel.add(*selector, pipe.handle(), id1, Interest::readable, Trigger::level)));
        pipe.start_reading();
        if (i % 2 == 0) pipe.speak();
        selector->release(); // the first owner releases it, and the channel remains
        EXPECT_EQ(Pipe::Body::alive, 1);
        pipe.close(); // runs completions that were not retrieved from the port
        EXPECT_EQ(Pipe::Body::alive, 0);
    }
}

TEST(IocpLifetime, SelectorCanOutliveAChannelWithAPendingOperation) {
    DescriptorGuard guard;
    iocp::Selector selector(must(iocp::Selector::open()));
    auto events = events_for<iocp::Selector>(4);
    {
        Pipe pipe;
        ASSERT_TRUE(
            ok(pipe.body->channel.add(selector, pipe.handle(), id1, Interest::readable, Trigger::level)));
        pipe.start_reading();
        pipe.body->channel.set(Readiness::readable);
    }
    EXPECT_TRUE(ok(selector.select(events, 20ms)));
    EXPECT_TRUE(events.empty());
    EXPECT_EQ(Pipe::Body::alive, 0);
}
