// Coroutines: a loop, streams, datagrams, files, groups, channels and a pool of threads.

#include <array>
#include <atomic>
#include <coroutine>
#include <cstdint>
#include <memory>
#include <stop_token>
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
            if (!is_lasting_fault(ran.error())) fail("run", ran.error());
        } catch (const std::bad_alloc&) {
            if (!has_fired()) report("run: throws bad_alloc without need");
        }
    }
    give_up("run");
}

// The value of an operation. None ends because a call was interrupted or would have blocked.
template <class T> T value_of(const char* what, Result<T> result) {
    if (!result) {
        // After a fault from then on, a peer may stay silent for ever.
        const bool is_late = may_give_up() && result.error() == std::errc::timed_out;
        if (!is_lasting_fault(result.error()) && !is_late) fail(what, result.error());
        throw Abandoned{};
    }
    if constexpr (!std::is_void_v<T>) return *std::move(result);
}

// As `value_of`. EAGAIN of a TCP socket means that there is no port or route.
TcpStream connected(Result<TcpStream> result) {
    if (!result && armed_fault().number == SYS_connect && mio::would_block(result.error())) throw Abandoned{};
    return value_of("connect", std::move(result));
}

Task<> tcp() {
    auto listener = attempt("bind", [] { return TcpListener::bind(any_port()); });
    const auto address = attempt("local_address", [&] { return listener.local_address(); });
    auto client = connected(co_await timeout(patience, TcpStream::connect(address)));
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
            if (!part && !is_lasting_fault(part.error())) fail("read_exact", part.error());
            if (!part) throw Abandoned{};
        }
    };
    auto write_all = [](TcpStream& to, std::span<const std::byte> bytes, std::size_t& count) -> Task<> {
        co_await yield(); // the reader waits before there is data
        while (count < bytes.size()) {
            const auto part = co_await timeout(patience, to.write_all(bytes.subspan(count)));
            count += part.count();
            if (!part && !is_lasting_fault(part.error())) fail("write_all", part.error());
            if (!part) {
                static_cast<void>(to.shutdown(mio::net::Shutdown::both));
                to.close();
                throw Abandoned{};
            }
        }
    };
    co_await when_all(read_all(server, buffer, got), write_all(client, hello, written));
    check(text_of(buffer) == "hello", "data");
}

// Operations on streams that `tcp` does not have.
Task<> streams() {
    auto listener = attempt("bind", [] { return TcpListener::bind(any_port()); });
    const auto address = attempt("local_address", [&] { return listener.local_address(); });
    auto socket = attempt("TcpSocket::v4", [] { return mio::net::TcpSocket::v4(); });
    auto client = connected(co_await timeout(patience, TcpStream::connect(std::move(socket), address)));
    auto server =
        std::move(value_of("accept_from", co_await timeout(patience, listener.accept_from())).first);
    std::array<std::byte, 16> buffer{};
    const std::array<mio::net::IoSlice, 2> slices{bytes_of("d"), bytes_of("ef")};
    const std::array<mio::net::IoSliceMut, 1> rooms{std::span<std::byte>(buffer)};
    value_of("writable", co_await timeout(patience, client.writable()));
    value_of("write_vectored", co_await timeout(patience, client.write_vectored(slices)));
    value_of("readable", co_await timeout(patience, server.readable()));
    check(value_of("peek", co_await timeout(patience, server.peek(buffer))) == 3, "peek");
    check(value_of("read_vectored", co_await timeout(patience, server.read_vectored(rooms))) == 3,
          "read_vectored");
    value_of("write", co_await timeout(patience, client.write(bytes_of("four"))));
    const auto read = [&](mio::net::TcpStream& from) { return from.read(buffer); };
    check(value_of("perform", co_await timeout(patience, server.perform(Interest::readable, read))) == 4,
          "perform");
    attempt("shutdown", [&] { return client.shutdown(mio::net::Shutdown::write); });
    attempt("shutdown", [&] { return server.shutdown(mio::net::Shutdown::write); });
    value_of("hung_up", co_await timeout(patience, server.hung_up()));
}

Task<> datagrams() {
    auto a = attempt("bind", [] { return UdpSocket::bind(any_port()); });
    auto b = attempt("bind", [] { return UdpSocket::bind(any_port()); });
    const auto to = attempt("local_address", [&] { return b.source().local_address(); });
    std::array<std::byte, 16> buffer{};
    value_of("send_to", co_await a.send_to(bytes_of("one"), to));
    check(value_of("receive_from", co_await timeout(patience, b.receive_from(buffer))).first == 3,
          "receive_from");
    attempt("connect", [&] { return a.source().connect(to); });
    value_of("send", co_await timeout(patience, a.send(bytes_of("second"))));
    check(value_of("peek_from", co_await timeout(patience, b.peek_from(buffer))).first == 6, "peek_from");
    check(value_of("receive", co_await timeout(patience, b.receive(buffer))) == 6, "receive");
    const std::array<mio::net::OutgoingDatagram, 1> out{
        mio::net::OutgoingDatagram{.bytes = bytes_of("third"), .peer = to}};
    std::array<mio::net::IncomingDatagram, 1> in{mio::net::IncomingDatagram{.buffer = buffer}};
    check(value_of("send_many", co_await timeout(patience, a.send_many(out))) == 1, "send_many");
    check(value_of("receive_many", co_await timeout(patience, b.receive_many(in))) == 1, "receive_many");
    check(in[0].size == 5, "a datagram");
}

Task<> local_datagrams() {
    struct Left {
        ~Left() { pass(SYS_unlinkat, AT_FDCWD, other_path, 0); }
    } left;
    const auto address = *mio::net::UnixAddress::from_path(other_path);
    auto a = attempt("unbound", [] { return UnixDatagram::unbound(); });
    auto b = attempt("bind", [] { return UnixDatagram::bind(other_path); });
    std::array<std::byte, 16> buffer{};
    value_of("send_to", co_await timeout(patience, a.send_to(bytes_of("one"), address)));
    check(value_of("receive", co_await timeout(patience, b.receive(buffer))) == 3, "receive");
    auto [c, d] = attempt("pair", [] { return UnixDatagram::pair(); });
    const std::array<mio::RawHandle, 1> handles{a.source().raw()};
    std::array<mio::OwnedHandle, 1> received;
    value_of("send_with_fds", co_await timeout(patience, c.send_with_fds(bytes_of("two"), handles)));
    check(value_of("receive_with_fds", co_await timeout(patience, d.receive_with_fds(buffer, received))).fds
              == 1,
          "a descriptor");
}

Task<> local() {
    auto [a, b] = attempt("pair", [] { return UnixStream::pair(); });
    auto [sender, receiver] = attempt("make_pipe", [] { return mio::async::make_pipe(); });
    std::array<std::byte, 16> buffer{};
    value_of("write", co_await a.write(bytes_of("abc")));
    check(value_of("read", co_await timeout(patience, b.read(buffer))) == 3, "read");
    value_of("write", co_await sender.write(bytes_of("abc")));
    check(value_of("read", co_await timeout(patience, receiver.read(buffer))) == 3, "read");
    const std::array<mio::RawHandle, 1> handles{sender.source().raw()};
    std::array<mio::OwnedHandle, 1> received;
    value_of("send_with_fds", co_await timeout(patience, a.send_with_fds(bytes_of("two"), handles)));
    check(value_of("receive_with_fds", co_await timeout(patience, b.receive_with_fds(buffer, received))).fds
              == 1,
          "a descriptor");
    attempt("shutdown", [&] { return a.shutdown(mio::net::Shutdown::both); });
}

Task<> listeners() {
    struct Left {
        ~Left() { pass(SYS_unlinkat, AT_FDCWD, socket_path, 0); }
    } left;
    {
        auto first = attempt("bind", [] { return UnixListener::bind(socket_path); });
        auto client =
            value_of("connect", co_await timeout(patience, UnixStream::connect(std::string(socket_path))));
        value_of("accept_from", co_await timeout(patience, first.accept_from()));
    }
    auto listener = attempt("bind_replacing", [] {
        auto bound = UnixListener::bind_replacing(socket_path);
        // A full queue belongs to a listener.
        if (!bound && bound.error() == std::errc::address_in_use && has_fired()) throw Abandoned{};
        return bound;
    });
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
    attempt("try_send", [&] { return channel->try_send(2); });
    check(attempt("try_receive", [&] { return channel->try_receive(); }) == 2, "channel");

    const auto here = co_await this_context();
    Event event;
    spawn(*here.loop, [](Event& to_set) -> Task<> {
        co_await yield();
        to_set.set();
    }(event));
    value_of("wait", co_await shield(event.wait()));
    Scope scope;
    scope.cancel();
    const auto cancelled = co_await within(scope, sleep_for(10s));
    check(!cancelled, "a cancelled sleep");
    std::stop_source source;
    source.request_stop();
    const auto stopped = co_await stoppable<std::stop_callback>(source.get_token(), sleep_for(10s));
    check(!stopped, "a stopped sleep");
    value_of("sleep_until",
             co_await timeout_at(mio::time::after(patience), sleep_until(mio::time::after(50us))));
}

// A loop over a poll of the program, and one that is shut down.
void loops() {
    Loop polled;
    auto over = attempt("over", [&] { return mio::async::Loop::over(polled.poll); });
    bool is_done = false;
    spawn(over, construct([&] {
              return [](bool& done) -> Task<> {
                  static_cast<void>(co_await sleep_for(100us));
                  done = true;
              }(is_done);
          }));
    for (int left = most_attempts; left > 0; --left) {
        if (is_done) break;
        const auto until = over.deadline().value_or(mio::time::after(20ms));
        attempt("poll_until", [&] { return polled.poll.poll_until(polled.events, until); });
        for (const auto& event : polled.events) static_cast<void>(over.handle(event));
        over.finish();
    }
    if (!is_done) give_up("a loop over a poll");

    auto loop = attempt("Loop::create", [] { return mio::async::Loop::create(); });
    spawn(loop, construct([] { return []() -> Task<> { static_cast<void>(co_await sleep_for(10s)); }(); }));
    value_of("turn", loop.turn(100us));
    // Without memory for its timer, the sleep has ended.
    check(!construct([&] { return dump(loop); }).empty() || has_fired(), "dump");
    value_of("shut_down", loop.shut_down());
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
    if (!put && !is_lasting_fault(put.error())) fail("write_all_at", put.error());
    const auto got = co_await file.read_exact_at(buffer, 0);
    if (!got && !is_lasting_fault(got.error())) fail("read_exact_at", got.error());
    const auto put_some = value_of("write_at", co_await file.write_at(bytes_of("0123456789"), 0));
    check(put_some > 0, "write_at");
    check(value_of("read_at", co_await file.read_at(buffer, 0)) == 10, "read_at");
    value_of("sync", co_await file.sync());
    value_of("size", co_await file.size());
    value_of("resize", co_await file.resize(10));
    const auto found = co_await resolve(*pool, "127.0.0.1", "80");
    if (!found && !has_fired()) fail("resolve", found.error());
}

Task<> sending() {
    auto pool = construct([] { return std::make_unique<Pool>(1); });
    auto listener = attempt("bind", [] { return TcpListener::bind(any_port()); });
    const auto address = attempt("local_address", [&] { return listener.local_address(); });
    auto client = connected(co_await timeout(patience, TcpStream::connect(address)));
    auto server = value_of("accept", co_await timeout(patience, listener.accept()));
    auto file = value_of("open", co_await File::open(*pool, file_path));
    const auto sent = co_await timeout(patience, send_file(client, file, 0, 10));
    value_of("send_file", sent.result());
    std::array<std::byte, 10> buffer{};
    const auto got = co_await timeout(patience, server.read_exact(buffer));
    value_of("read_exact", got.result());
    check(text_of(buffer) == "0123456789", "the file");
}

} // namespace

const Part async_parts[] = {
    {"async tcp", [] { play_on_loop(&tcp); }},
    {"async streams", [] { play_on_loop(&streams); }},
    {"async datagrams", [] { play_on_loop(&datagrams); }},
    {"async local", [] { play_on_loop(&local); }},
    {"async local datagrams", [] { play_on_loop(&local_datagrams); }},
    {"async listeners", [] { play_on_loop(&listeners); }},
    {"async structure", [] { play_on_loop(&structure); }},
    {"async loops", &loops},
    {"async sending", [] { play_on_loop(&sending); }},
    {"async threads", [] { play_on_loop(&threads); }},
    {},
};

} // namespace faults
