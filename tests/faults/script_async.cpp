// Coroutines: a loop, streams, datagrams, files, groups, channels and a pool of threads.

#include <array>
#include <atomic>
#include <coroutine>
#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include <fcntl.h>
#include <sys/syscall.h>

#include "trap.hpp"

#include "script.hpp"

namespace faults {
namespace {

using namespace mio::async;
using mio::net::IpAddress;
using mio::net::SocketAddress;

constexpr auto patience = 4s;

SocketAddress any_port() { return {IpAddress::loopback_v4(), 0}; }

// Plays a task on a loop of its own. Its coroutines may not get the memory for their frames.
void play_on_loop(Task<> (*task)()) {
    for (int i = 0; i < most_attempts; ++i) {
        auto loop = attempt("Loop::create", [] { return mio::async::Loop::create(); });
        try {
            const auto ran = run(loop, task());
            if (ran) return;
            check(!mio::interrupted(ran.error()), "a loop goes on after EINTR");
            if (!is_the_fault(ran.error())) fail("run", ran.error());
        } catch (const std::bad_alloc&) {
            if (!has_fired()) report("run: throws bad_alloc without need");
        }
    }
    throw Abandoned{};
}

template <class T> T value_of(const char* what, Result<T> result) {
    if (!result) {
        // After a fault from then on, a peer may stay silent for ever.
        const bool is_late = has_fired() && result.error() == std::errc::timed_out;
        if (!is_the_fault(result.error()) && !is_late) fail(what, result.error());
        throw Abandoned{};
    }
    if constexpr (!std::is_void_v<T>) return *std::move(result);
}

Task<> tcp() {
    auto listener = attempt("bind", [] { return TcpListener::bind(any_port()); });
    const auto address = attempt("local_address", [&] { return listener.local_address(); });
    auto client = value_of("connect", co_await timeout(patience, TcpStream::connect(address)));
    auto server = value_of("accept", co_await timeout(patience, listener.accept()));
    std::array<std::byte, 5> buffer{};
    std::size_t written = 0, got = 0;
    const auto hello = bytes_of("hello");
    auto read_all = [](TcpStream& from, std::span<std::byte> into, std::size_t& count) -> Task<> {
        while (count < into.size()) {
            const auto part = co_await timeout(patience, from.read_exact(into.subspan(count)));
            count += part.count();
            if (part.error() == mio::Errc::end_of_stream && has_fired())
                throw Abandoned{}; // the writer has given up
            if (!part && !is_the_fault(part.error())) fail("read_exact", part.error());
            if (!part && !is_transient(armed_fault().error)) throw Abandoned{};
        }
    };
    auto write_all = [](TcpStream& to, std::span<const std::byte> bytes, std::size_t& count) -> Task<> {
        co_await yield(); // the reader waits before there is data
        while (count < bytes.size()) {
            const auto part = co_await timeout(patience, to.write_all(bytes.subspan(count)));
            count += part.count();
            if (!part && !is_the_fault(part.error())) fail("write_all", part.error());
            if (!part && !is_transient(armed_fault().error)) {
                static_cast<void>(to.shutdown(mio::net::Shutdown::both));
                to.close();
                throw Abandoned{};
            }
        }
    };
    co_await when_all(read_all(server, buffer, got), write_all(client, hello, written));
    check(text_of(buffer) == "hello", "data");
}

Task<> datagrams() {
    auto a = attempt("bind", [] { return UdpSocket::bind(any_port()); });
    auto b = attempt("bind", [] { return UdpSocket::bind(any_port()); });
    const auto to = attempt("local_address", [&] { return b.source().local_address(); });
    std::array<std::byte, 16> buffer{};
    value_of("send_to", co_await a.send_to(bytes_of("one"), to));
    check(value_of("receive_from", co_await timeout(patience, b.receive_from(buffer))).first == 3,
          "receive_from");
}

Task<> local() {
    auto [a, b] = attempt("pair", [] { return UnixStream::pair(); });
    auto [sender, receiver] = attempt("make_pipe", [] { return mio::async::make_pipe(); });
    std::array<std::byte, 16> buffer{};
    value_of("write", co_await a.write(bytes_of("abc")));
    check(value_of("read", co_await timeout(patience, b.read(buffer))) == 3, "read");
    value_of("write", co_await sender.write(bytes_of("abc")));
    check(value_of("read", co_await timeout(patience, receiver.read(buffer))) == 3, "read");
}

Task<> listeners() {
    struct Left {
        ~Left() { pass(SYS_unlinkat, AT_FDCWD, socket_path, 0); }
    } left;
    auto listener = attempt("bind", [] { return UnixListener::bind(socket_path); });
    auto client =
        value_of("connect", co_await timeout(patience, UnixStream::connect(std::string(socket_path))));
    auto server = value_of("accept", co_await timeout(patience, listener.accept()));
    std::array<std::byte, 16> buffer{};
    value_of("write", co_await client.write(bytes_of("abc")));
    check(value_of("read", co_await timeout(patience, server.read(buffer))) == 3, "read");
}

Task<> structure() {
    value_of("sleep_for", co_await sleep_for(100us));
    const auto late = co_await timeout(200us, sleep_for(10s));
    if (late) report("timeout: none");
    if (late.error() != std::errc::timed_out && !is_the_fault(late.error())) fail("timeout", late.error());
    static_cast<void>(co_await when_any(sleep_for(100us), sleep_for(10s)));
    Group group(co_await this_context());
    int done = 0;
    for (int i = 0; i < 3; ++i) {
        group.spawn([](int& count) -> Task<> {
            static_cast<void>(co_await sleep_for(50us));
            ++count;
        }(done));
    }
    static_cast<void>(co_await group.join());
    check(done == 3, "three tasks");
    auto channel = construct([] { return std::make_unique<Channel<int>>(1); });
    auto [sent, received] = co_await when_all(channel->send(1), channel->receive());
    value_of("send", std::move(sent));
    check(value_of("receive", std::move(received)) == 1, "channel");
}

Task<> threads() {
    auto pool = construct([] { return std::make_unique<Pool>(1); });
    const auto here = (co_await this_context()).loop->remote();
    std::atomic<bool> was_there = false;
    value_of("run", co_await timeout(patience, pool->run([&] { was_there = true; })));
    check(was_there, "the pool runs it");
    check(value_of("call", co_await here.call([] { return 3; })) == 3, "call");

    const auto options = OpenOptions{.read = true, .write = true};
    auto file = value_of("open", co_await File::open(*pool, file_path, options));
    std::array<std::byte, 10> buffer{};
    const auto put = co_await file.write_all_at(bytes_of("0123456789"), 0);
    if (!put && !is_the_fault(put.error())) fail("write_all_at", put.error());
    const auto got = co_await file.read_exact_at(buffer, 0);
    if (!got && !is_the_fault(got.error())) fail("read_exact_at", got.error());
    value_of("sync", co_await file.sync());
    value_of("size", co_await file.size());
    value_of("resize", co_await file.resize(10));
    const auto found = co_await resolve(*pool, "127.0.0.1", "80");
    if (!found && !has_fired()) fail("resolve", found.error());
}

} // namespace

const Part async_parts[] = {
    {"async tcp", [] { play_on_loop(&tcp); }},
    {"async datagrams", [] { play_on_loop(&datagrams); }},
    {"async local", [] { play_on_loop(&local); }},
    {"async listeners", [] { play_on_loop(&listeners); }},
    {"async structure", [] { play_on_loop(&structure); }},
    {"async threads", [] { play_on_loop(&threads); }},
    {},
};

} // namespace faults
