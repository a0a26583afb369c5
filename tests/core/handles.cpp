// Registrations of handles without an object: the state is kept by the Poll.
#include "sockets.hpp"

#include <atomic>
#include <cstddef>
#include <expected>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "differences.hpp"
#include "support.hpp"

using namespace test;
using mio::Errc;
using mio::Trigger;

namespace {

constexpr Token id1{1}, id2{2}, id3{3};

struct Pair {
    explicit Pair(std::pair<plain::Socket, plain::Socket> ends = plain::socket_pair())
        : here(std::move(ends.first)), there(std::move(ends.second)) {
        here.set_non_blocking();
    }
    void speak() const {
        plain::write_all(there, "x");
        plain::await_readable(here);
    }
    [[nodiscard]] mio::RawHandle handle() const { return here.fd(); }

    plain::Socket here;
    plain::Socket there;
};

std::multiset<Token> poll(Loop& loop, std::chrono::milliseconds timeout = 500ms) {
    EXPECT_TRUE(ok(loop.poll.poll(loop.events, timeout)));
    std::multiset<Token> tokens;
    for (const auto& event : loop.events) tokens.insert(event.token());
    return tokens;
}

} // namespace

TEST(Handle, IsAddedModifiedRenewedAndRemoved) {
    Loop loop;
    const Pair pair;
    const auto& registry = loop.registry();
    ASSERT_TRUE(ok(registry.add(pair.handle(), id1, Interest::readable)));
    loop.expect_none();
    pair.speak();
    EXPECT_EQ(poll(loop), std::multiset{id1});
    loop.expect_none();
    ASSERT_TRUE(ok(registry.renew(pair.handle())));
    EXPECT_EQ(poll(loop), std::multiset{id1});
    ASSERT_TRUE(ok(registry.modify(pair.handle(), id2, Interest::writable, Trigger::level)));
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(poll(loop), std::multiset{id2});
        EXPECT_TRUE(loop.events[0].is_writable());
    }
    ASSERT_TRUE(ok(registry.remove(pair.handle())));
    loop.expect_none();
    // It still belongs to the program.
    plain::write_all(pair.here, "y");
    EXPECT_EQ(plain::read_exactly(pair.there, 1), "y");
}

TEST(Handle, OneshotIsArmedAgainByRenew) {
    Loop loop;
    const Pair pair;
    ASSERT_TRUE(ok(loop.registry().add(pair.handle(), id1, Interest::writable, Trigger::oneshot)));
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(poll(loop), std::multiset{id1});
        loop.expect_none();
        ASSERT_TRUE(ok(loop.registry().renew(pair.handle())));
    }
}

TEST(HandleError, ReportsOwnership) {
    Loop loop, other;
    const Pair pair;
    const auto handle = pair.handle();
    const auto& registry = loop.registry();
    EXPECT_TRUE(fails_with(registry.modify(handle, id1, Interest::readable), Errc::not_registered));
    EXPECT_TRUE(fails_with(registry.renew(handle), Errc::not_registered));
    EXPECT_TRUE(fails_with(registry.remove(handle), Errc::not_registered));
    for (const auto trigger : {Trigger::edge, Trigger::level, Trigger::oneshot}) {
        ASSERT_TRUE(ok(registry.add(handle, id1, Interest::writable, trigger)));
        EXPECT_TRUE(fails_with(registry.add(handle, id2, read_write), Errc::already_registered));
        EXPECT_EQ(poll(loop), std::multiset{id1});
        EXPECT_TRUE(fails_with(registry.add(handle, id2, read_write), Errc::already_registered));
        // Another Poll does not know this one's handles.
        EXPECT_TRUE(
            fails_with(other.registry().modify(handle, id1, Interest::readable), Errc::not_registered));
        EXPECT_TRUE(fails_with(other.registry().remove(handle), Errc::not_registered));
        ASSERT_TRUE(ok(registry.remove(handle)));
        EXPECT_TRUE(fails_with(registry.remove(handle), Errc::not_registered));
    }
    loop.expect_none();
}

TEST(HandleError, FailedAddRegistersNothing) {
    Loop loop;
    Pair pair;
    const auto handle = pair.handle();
    if (!differences.has_aio) {
        EXPECT_TRUE(fails_with(loop.registry().add(handle, id1, Interest::lio), Errc::unsupported));
        EXPECT_TRUE(fails_with(loop.registry().remove(handle), Errc::not_registered));
    }
    pair.here.close();
    for (const auto closed : {handle, mio::invalid_handle}) {
        EXPECT_TRUE(fails_with(loop.registry().add(closed, id1, Interest::readable), no_such_handle));
        EXPECT_TRUE(fails_with(loop.registry().remove(closed), Errc::not_registered));
    }
}

TEST(HandleError, IsRefusedWhileASourceWatchesIt) {
    if (!differences.refuses_a_second_source) GTEST_SKIP() << "the second registration replaces the first";
    Loop loop;
    const Pair pair;
    mio::RawSource source(pair.handle());
    ASSERT_TRUE(ok(loop.registry().add(source, id1, Interest::readable)));
    EXPECT_TRUE(
        fails_with(loop.registry().add(pair.handle(), id2, Interest::readable), std::errc::file_exists));
    EXPECT_TRUE(fails_with(loop.registry().remove(pair.handle()), Errc::not_registered));
    ASSERT_TRUE(ok(loop.registry().remove(source)));
    ASSERT_TRUE(ok(loop.registry().add(pair.handle(), id2, Interest::readable)));
    EXPECT_TRUE(fails_with(loop.registry().add(source, id1, Interest::readable), std::errc::file_exists));
    pair.speak();
    EXPECT_EQ(poll(loop), std::multiset{id2});
}

TEST(Handle, CanBeRegisteredWithSeveralPolls) {
    Loop loop, other;
    const Pair pair;
    ASSERT_TRUE(ok(loop.registry().add(pair.handle(), id1, Interest::readable)));
    ASSERT_TRUE(ok(other.registry().add(pair.handle(), id2, Interest::readable)));
    pair.speak();
    EXPECT_EQ(poll(loop), std::multiset{id1});
    EXPECT_EQ(poll(other), std::multiset{id2});
    ASSERT_TRUE(ok(loop.registry().remove(pair.handle())));
    ASSERT_TRUE(ok(other.registry().renew(pair.handle())));
    EXPECT_EQ(poll(other), std::multiset{id2});
}

TEST(Handle, IsSharedByTheClonesOfARegistry) {
    std::optional<Loop> loop(std::in_place);
    const Pair pair;
    const auto clone = must(loop->registry().try_clone());
    ASSERT_TRUE(ok(clone.add(pair.handle(), id1, Interest::writable)));
    EXPECT_TRUE(fails_with(loop->registry().add(pair.handle(), id2, read_write), Errc::already_registered));
    EXPECT_EQ(poll(*loop), std::multiset{id1});
    // After the Poll is gone, its handles count as not registered.
    loop.reset();
    EXPECT_TRUE(fails_with(clone.modify(pair.handle(), id1, Interest::writable), Errc::not_registered));
    EXPECT_TRUE(fails_with(clone.renew(pair.handle()), Errc::not_registered));
    EXPECT_TRUE(fails_with(clone.remove(pair.handle()), Errc::not_registered));
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(ok(clone.add(pair.handle(), id1, Interest::writable)));
}

TEST(Handle, RegistrationEndsWithThePoll) {
    const DescriptorGuard guard;
    Pair pair;
    {
        Loop loop;
        ASSERT_TRUE(ok(loop.registry().add(pair.handle(), id1, read_write)));
        ASSERT_TRUE(ok(loop.registry().add(pair.there.fd(), id2, read_write)));
        EXPECT_FALSE(poll(loop).empty());
    }
    Loop loop;
    ASSERT_TRUE(ok(loop.registry().add(pair.handle(), id3, Interest::writable)));
    EXPECT_EQ(poll(loop), std::multiset{id3});
    ASSERT_TRUE(ok(loop.registry().remove(pair.handle())));
}

TEST(Handle, TryIoThatWouldBlockIsFollowedByAnEvent) {
    Loop loop;
    const Pair pair;
    const auto& registry = loop.registry();
    ASSERT_TRUE(ok(registry.add(pair.handle(), id1, read_write)));
    EXPECT_EQ(poll(loop), std::multiset{id1});
    std::string text(16, '\0');
    const auto read = [&] { return plain::receive(pair.handle(), text.data(), text.size()); };
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(blocks(registry.try_io(pair.handle(), Interest::readable, read)));
        loop.expect_none();
        pair.speak();
        ASSERT_EQ(poll(loop), std::multiset{id1});
        EXPECT_TRUE(loop.events[0].is_readable());
        EXPECT_EQ(must(registry.try_io(pair.handle(), Interest::readable, read)), 1u);
    }
    // The error of the operation is returned, also of a handle that is not registered.
    ASSERT_TRUE(ok(registry.remove(pair.handle())));
    EXPECT_TRUE(blocks(registry.try_io(pair.handle(), Interest::readable, read)));
    const auto failing = []() -> mio::Result<> {
        return std::unexpected(mio::os_error(std::errc::io_error));
    };
    EXPECT_TRUE(fails_with(registry.try_io(pair.handle(), Interest::readable, failing), std::errc::io_error));
}

TEST(Handle, ExhaustedDirectionIsWatchedAgain) {
    Loop loop;
    const Pair pair;
    const auto& registry = loop.registry();
    ASSERT_TRUE(ok(registry.add(pair.handle(), id1, read_write)));
    EXPECT_EQ(poll(loop), std::multiset{id1});
    for (int i = 0; i < 3; ++i) {
        pair.speak();
        ASSERT_EQ(poll(loop), std::multiset{id1});
        // A library reads until it would block, and does not say so.
        EXPECT_EQ(plain::read_exactly(pair.here, 1), "x");
        EXPECT_TRUE(ok(registry.exhausted(pair.handle(), Interest::readable)));
        loop.expect_none();
    }
    ASSERT_TRUE(ok(registry.remove(pair.handle())));
    const auto unknown = registry.exhausted(pair.handle(), Interest::readable);
    EXPECT_TRUE(unknown || unknown.error() == Errc::not_registered);
}

TEST(Handle, LevelTriggerNeedsNoReports) {
    Loop loop;
    const Pair pair;
    ASSERT_TRUE(ok(loop.registry().add(pair.handle(), id1, Interest::readable, Trigger::level)));
    for (int i = 0; i < 3; ++i) {
        pair.speak();
        for (int turn = 0; turn < 2; ++turn) EXPECT_EQ(poll(loop), std::multiset{id1});
        EXPECT_EQ(plain::read_exactly(pair.here, 1), "x");
        loop.expect_none();
    }
}

// Compares with a set, while the table grows and handles come and go.
TEST(Handle, ManyComeAndGoInAnyOrder) {
    Loop loop;
    std::vector<plain::Socket> sockets;
    const std::size_t count = mio::backend() == "iocp" ? 60 : 300;
    for (std::size_t i = 0; i < count; ++i) sockets.push_back(plain::datagram_socket());
    std::mt19937 random(7);
    std::set<std::size_t> registered;
    for (int step = 0; step < 6000; ++step) {
        const auto i = random() % count;
        const auto handle = sockets[i].fd();
        const bool is_registered = registered.contains(i);
        if (random() % 4 == 0) {
            const auto renewed = loop.registry().renew(handle);
            EXPECT_EQ(renewed.has_value(), is_registered);
        } else if (is_registered) {
            ASSERT_TRUE(ok(loop.registry().remove(handle)));
            registered.erase(i);
        } else {
            ASSERT_TRUE(ok(loop.registry().add(handle, Token{i}, Interest::readable)));
            registered.insert(i);
        }
    }
    for (std::size_t i = 0; i < count; ++i)
        EXPECT_EQ(loop.registry().remove(sockets[i].fd()).has_value(), registered.contains(i));
}

TEST(Handle, CallsMayOverlapInEveryWay) {
    Loop loop;
    const Pair pairs[4];
    std::atomic<bool> stop = false;
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
        threads.emplace_back([&, t] {
            std::mt19937 random(static_cast<unsigned>(t));
            const auto clone = must(loop.registry().try_clone());
            // Each call succeeds, or fails because another thread was first.
            const auto expect_or = [](const mio::Result<>& result, Errc code) {
                if (!result) {
                    EXPECT_EQ(result.error(), code) << result.error().message();
                }
            };
            for (int i = 0; i < 2000; ++i) {
                const auto handle = pairs[random() % 4].handle();
                const Token token{static_cast<std::size_t>(t)};
                switch (random() % 5) {
                case 0: expect_or(clone.add(handle, token, read_write), Errc::already_registered); break;
                case 1: expect_or(clone.modify(handle, token, read_write), Errc::not_registered); break;
                case 2: expect_or(clone.renew(handle), Errc::not_registered); break;
                case 3: expect_or(clone.remove(handle), Errc::not_registered); break;
                default: expect_or(clone.exhausted(handle, Interest::readable), Errc::not_registered);
                }
            }
        });
    }
    std::thread polling([&] {
        while (!stop) EXPECT_TRUE(ok(loop.poll.poll(loop.events, 1ms)));
    });
    for (auto& thread : threads) thread.join();
    stop = true;
    polling.join();
    for (const auto& pair : pairs) static_cast<void>(loop.registry().remove(pair.handle()));
    loop.expect_none();
}
