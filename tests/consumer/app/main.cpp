// A small program: a server and a client in one event loop, and a thread that ends it. Returns 0 on success.
#include <array>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>

#if __has_include(<format>)
#include <mio/format.hpp>
#endif

import mio;
import mio.async;
import mio.time;

using namespace std::literals;

namespace {

void check(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "not as documented: %s\n", what);
    std::exit(1);
}

template <class T> T value(mio::Result<T> result, const char* call) {
    if (!result) std::fprintf(stderr, "%s: %s\n", call, result.error().message().c_str());
    check(result.has_value(), call);
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

constexpr mio::Token door{0}, bell{1}, caller{2}, guest{3};

// A custom source: holds a stream and counts its registrations.
class Connection {
  public:
    explicit Connection(mio::net::TcpStream stream) : stream_(std::move(stream)) {}

    mio::Result<> add_to(const mio::Registry& registry, mio::Token token, mio::Interest interest,
                         mio::Trigger trigger) {
        ++calls;
        return stream_.add_to(registry, token, interest, trigger);
    }
    mio::Result<> modify_in(const mio::Registry& registry, mio::Token token, mio::Interest interest,
                            mio::Trigger trigger) {
        ++calls;
        return stream_.modify_in(registry, token, interest, trigger);
    }
    mio::Result<> remove_from(const mio::Registry& registry) {
        ++calls;
        return stream_.remove_from(registry);
    }

    mio::net::TcpStream& stream() { return stream_; }
    int calls = 0;

  private:
    mio::net::TcpStream stream_;
};
static_assert(mio::Source<Connection>);

void addresses_and_words() {
    const auto address = value(mio::net::SocketAddress::parse("[::1]:80"), "parse");
    check(address.ip().is_loopback() && address.port() == 80 && address.to_string() == "[::1]:80",
          "an address");
    using namespace mio::net::literals;
    check("[::1]:80"_addr == address && "::/8"_prefix.contains(address.ip()), "literals");
#if __has_include(<format>)
    check(std::format("{:>10}", address) == "  [::1]:80", "the header for std::format");
#endif
    check(mio::net::SocketAddress::parse("nonsense").error() == mio::Errc::invalid_address, "a bad address");

    const auto both = mio::Interest::readable | mio::Interest::writable;
    check(mio::to_string(both) == "READABLE | WRITABLE", "the names of interests");
    check(both.without(mio::Interest::readable) == mio::Interest::writable, "Interest::without");
    check(!mio::backend().empty(), "the backend's name");

    auto poll = value(mio::Poll::create(), "Poll::create");
    mio::Events no_capacity(0);
    const auto refused = poll.poll(no_capacity, 0ms);
    check(refused.error() == mio::Errc::no_capacity && refused.error() == std::errc::invalid_argument
              && refused.error().category() == mio::error_category(),
          "an error of the library");
}

void round_trip() {
    auto poll = value(mio::Poll::create(), "Poll::create");
    mio::Events events(16);

    auto waker = value(mio::Waker::create(poll.registry(), bell), "Waker::create");
    auto listener = value(mio::net::TcpListener::bind({mio::net::IpAddress::loopback_v4(), 0}), "bind");
    value(poll.registry().add(listener, door, mio::Interest::readable), "add the listener");
    check(poll.registry().add(listener, door, mio::Interest::readable).error()
              == mio::Errc::already_registered,
          "a second add");

    const auto address = value(listener.local_address(), "local_address");
    Connection client(value(mio::net::TcpStream::connect(address), "connect"));
    value(poll.registry().add(client, caller, mio::Interest::writable), "add the client");

    std::optional<mio::net::TcpStream> server;
    std::optional<std::thread> ringer;
    std::string heard;
    bool rung = false;
    while (!rung) {
        value(poll.poll(events, 10s), "poll");
        check(!events.empty(), "an event within ten seconds");
        for (const auto& event : events) {
            if (event.token() == door) {
                auto accepted = listener.accept();
                if (!accepted) {
                    check(mio::would_block(accepted.error()), "a spurious event of a listener");
                    continue;
                }
                server = std::move(accepted->first);
                value(poll.registry().add(*server, guest, mio::Interest::readable),
                      "add the server's stream");
            } else if (event.token() == caller) {
                if (!value(client.stream().finish_connect(), "finish_connect")) continue;
                value(client.stream().write(std::as_bytes(std::span("hello"sv))), "write");
                value(client.stream().shutdown(mio::net::Shutdown::write), "shutdown");
                value(poll.registry().modify(client, caller, mio::Interest::readable), "modify");
                value(poll.registry().remove(client), "remove");
            } else if (event.token() == guest) {
                std::array<std::byte, 4> buffer;
                for (;;) {
                    const auto count = server->read(buffer);
                    if (!count && mio::would_block(count.error())) break;
                    if (value(count, "read") == 0) {
                        if (!ringer) ringer.emplace([&waker] { value(waker.wake(), "wake"); });
                        break;
                    }
                    for (const auto byte : std::span(buffer).first(*count)) heard += static_cast<char>(byte);
                }
            } else {
                check(event.token() == bell && event.is_readable(), "the waker's event");
                rung = true;
            }
        }
    }
    ringer->join();
    check(heard == "hello", "what the client wrote");
    check(client.calls == 3, "each registration of the program's own source goes through it");
}

void timers() {
    using mio::time::after;
    struct Limit : mio::time::Timer {
        int number = 0;
    } first, second;
    first.number = 1;
    second.number = 2;
    mio::time::TimerQueue queue(1);
    value(queue.insert(second, after(1h)), "TimerQueue::insert");
    value(queue.insert(first, after(1ms)), "TimerQueue::insert beyond the capacity");
    mio::time::Timers ids(1);
    const auto id = value(ids.insert(after(1h), {7}), "Timers::insert");
    check(ids.cancel(id) && !ids.cancel(id) && !ids.next(), "a stale id");

    auto poll = value(mio::Poll::create(), "Poll::create");
    mio::Events events(4);
    value(poll.poll_until(events, *queue.next()), "poll_until");
    auto* const due = static_cast<Limit*>(queue.pop(mio::time::Clock::now()));
    check(due != nullptr && due->number == 1 && queue.pop(mio::time::Clock::now()) == nullptr,
          "the first timer");

    auto alarm = mio::time::Alarm::create();
    if (!alarm) {
        check(alarm.error() == mio::Errc::unsupported, "Alarm::create");
        return;
    }
    value(poll.registry().add(*alarm, bell, mio::Interest::readable), "add the alarm");
    value(alarm->arm(after(1ms)), "Alarm::arm");
    value(poll.poll(events, 10s), "poll");
    check(events.size() == 1 && events[0].token() == bell, "the alarm's event");
}

mio::async::Task<std::size_t> echo_once(mio::async::TcpStream stream) {
    std::array<std::byte, 16> buffer{};
    const auto got = co_await stream.read(buffer);
    if (!got) co_return 0;
    co_return (co_await stream.write_all(std::span(buffer).first(*got))).count();
}

mio::async::Task<> echoes() {
    auto listener =
        value(mio::async::TcpListener::bind(value(mio::net::SocketAddress::parse("127.0.0.1:0"), "parse")),
              "TcpListener::bind");
    auto [client, server] = co_await mio::async::when_all(
        mio::async::TcpStream::connect(value(listener.local_address(), "local_address")), listener.accept());
    const std::array<std::byte, 3> sent{std::byte{1}, std::byte{2}, std::byte{3}};
    std::array<std::byte, 3> received{};
    auto stream = value(std::move(client), "connect");
    auto ask = [](mio::async::TcpStream& to, auto& out, auto& in) -> mio::async::Task<bool> {
        co_return (co_await to.write_all(out)).has_value() && (co_await to.read_exact(in)).has_value();
    };
    auto [echoed, asked] = co_await mio::async::when_all(echo_once(value(std::move(server), "accept")),
                                                         ask(stream, sent, received));
    check(echoed == 3 && asked && sent == received, "an echo between coroutines");
    auto late = co_await mio::async::timeout(1ms, stream.read(received));
    check(!late || *late == 0, "the stream ends, or the time is over");
    mio::async::Pool pool(1);
    check(value(co_await pool.run([] { return 7; }), "Pool::run") == 7, "work in the pool");
}

void coroutines() {
    auto loop = value(mio::async::Loop::create(), "Loop::create");
    value(mio::async::run(loop, echoes()), "run");
}

} // namespace

int main() {
    addresses_and_words();
    timers();
    coroutines();
    round_trip();
    std::printf("round trip over %.*s\n", static_cast<int>(mio::backend().size()), mio::backend().data());
}
