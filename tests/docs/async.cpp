// The snippets of docs/async.md do what the page says. Nothing waits for the 5 s of a limit.

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <coroutine>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <functional>
#include <future>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tcp.hpp"

#include "async_snippets.cpp"

#include "client.hpp"

int first_program(); // the `main` of the first snippet

namespace {

namespace page = docs::async;
using test::must;

/// Declarations that the snippets assume, and the peer of `stream`.
struct Page {
    Loop loop = must(Loop::create());
    Pool pool{1};
    TcpListener listener = must(TcpListener::bind(test::local_v4()));
    std::optional<TcpStream> stream, peer;
    std::array<std::byte, 64> buffer{};
    std::vector<std::string> reached;

    Page() { must(run(loop, connect())); }
    Page(const Page&) = delete;
    Page& operator=(const Page&) = delete;

    Surroundings here() {
        return {*stream, listener, loop,
                pool,    buffer,   [this](std::string_view text) { reached.emplace_back(text); }};
    }
    /// Runs a snippet, and `other` beside it.
    void run_beside(Task<> snippet, Task<> other) {
        must(run(loop, [](Task<> first, Task<> second) -> Task<> {
            Group group(co_await this_context());
            group.spawn(std::move(first)); // which destroys it when it has ended
            co_await std::move(second);
            must(co_await group.join());
        }(std::move(snippet), std::move(other))));
    }

  private:
    Task<> connect() {
        auto [client, server] =
            co_await when_all(TcpStream::connect(must(listener.local_address())), listener.accept());
        peer = must(std::move(client));
        stream = must(std::move(server));
    }
};

/// Reads `size` bytes.
Task<std::string> text_from(TcpStream& stream, std::size_t size) {
    std::string text(size, ' ');
    const auto got =
        co_await timeout(test::generous_margin, stream.read_exact(std::as_writable_bytes(std::span(text))));
    if (!got) co_return "";
    co_return text;
}

// In a process of its own: a network of its own has the port free.
[[noreturn]] void use_first_program() {
    if (::unshare(CLONE_NEWNET) == 0 || ::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0) {
        const auto socket = must(mio::net::TcpSocket::v4());
        ::ifreq loopback{};
        std::strcpy(loopback.ifr_name, "lo");
        loopback.ifr_flags = IFF_UP;
        if (::ioctl(socket.raw(), SIOCSIFFLAGS, &loopback) != 0) ::_exit(3);
    }
    std::thread client([] {
        auto stream = connected_to(must(mio::net::SocketAddress::parse("127.0.0.1:9000")));
        auto loop = must(Loop::create());
        ::_exit(must(run(loop, [](TcpStream to) -> Task<int> {
            const auto first = co_await echo_of(to, "hello");
            const auto second = co_await echo_of(to, "again");
            co_return first == "hello" && second == "again" ? 0 : 1;
        }(TcpStream(std::move(stream))))));
    });
    first_program();
    ::_exit(2);
}

} // namespace

TEST(DocsAsyncDeathTest, FirstProgramEchoes) {
    testing::FLAGS_gtest_death_test_style = "threadsafe";
    EXPECT_EXIT(use_first_program(), testing::ExitedWithCode(0), "");
}

TEST(DocsAsync, TaskReturnsTheResultOfAnOperation) {
    Page here;
    EXPECT_EQ(must(must(run(here.loop, page::greet(*here.stream)))), 5U);
    EXPECT_EQ(must(run(here.loop, text_from(*here.peer, 5))), "hello");
}

TEST(DocsAsync, CombinatorsEndWhenTheirOperationsDo) {
    Page here;
    here.run_beside(page::tasks_2(here.here()), [](Page& page) -> Task<> {
        std::array<std::byte, 64> request{};
        EXPECT_TRUE(co_await page.peer->read_exact(request));
        EXPECT_TRUE(co_await page.peer->write_all(request));
        EXPECT_TRUE(co_await page.peer->write_all(std::span(request).first(1)));
        EXPECT_TRUE(co_await TcpStream::connect(must(page.listener.local_address())));
    }(here));
}

TEST(DocsAsync, GroupThatIsCancelledEndsItsTasks) {
    Page here;
    must(run(here.loop, page::tasks_3(here.here())));
    EXPECT_TRUE(here.reached.empty()) << "the tasks went on";
    EXPECT_TRUE(must(run(here.loop, at_end(*here.peer))));
}

TEST(DocsAsync, RoutesAreFunctionsThatReturnTasks) {
    for (const auto* path : {"/echo", "/close", "/others"}) {
        SCOPED_TRACE(path);
        Page here;
        const bool echoes = std::string_view(path) != "/close";
        here.run_beside(page::handle(path, std::move(*here.stream)),
                        [](TcpStream& peer, bool has_echo) -> Task<> {
                            if (has_echo) {
                                EXPECT_EQ(co_await echo_of(peer, "hello"), "hello");
                                must(peer.shutdown(mio::net::Shutdown::write));
                            }
                            EXPECT_TRUE(co_await at_end(peer));
                        }(*here.peer, echoes));
    }
}

TEST(DocsAsync, WorkEndsWhenItIsDone) {
    Page here;
    must(run(here.loop, page::operations(here.here())));
}

TEST(DocsAsync, WorkEndsWhenTheClientHasGivenUp) {
    Page here;
    std::promise<void> release;
    // The pool's only thread is busy.
    spawn(here.loop, [](Pool& pool, std::promise<void>& until) -> Task<> {
        static_cast<void>(co_await pool.run([&until] { until.get_future().wait(); }));
    }(here.pool, release));
    must(here.loop.turn(0ns));
    here.run_beside(page::operations(here.here()), [](Page& page) -> Task<> {
        co_await yield();
        test::set_linger_zero(page.peer->source().raw());
        page.peer.reset();
    }(here));
    release.set_value();
    must(here.loop.shut_down());
}

TEST(DocsAsync, SourceOfTheProgramIsAwaited) {
    Page here;
    here.run_beside(page::operations_2(here.here()), []() -> Task<> {
        co_await yield();
        ::raise(SIGTERM); // blocked by the snippet, else it ends the test
    }());
}

TEST(DocsAsync, LoopsAndThreadsExchangeValues) {
    Page here;
    must(run(here.loop, page::between_loops_and_threads(here.here())));
    EXPECT_EQ(here.reached, std::vector<std::string>{"do *job"});
}

TEST(DocsAsync, ShieldedFarewellIsSentAfterCancellation) {
    Page here;
    Scope scope;
    const auto snippet = [&]() -> Task<> { co_await within(scope, page::cancellation(here.here())); };
    here.run_beside(snippet(), [](Page& page, Scope& around) -> Task<> {
        co_await yield();
        around.cancel();
        EXPECT_EQ(co_await text_from(*page.peer, 3), "bye");
    }(here, scope));
}
