// churn [--seconds SECONDS] [--seed NUMBER]: creates, registers, uses and destroys sources, wakers, timers, polls, coroutines and
// loops on several threads, 10 seconds by default. Between rounds, nothing of a round is left, so that the open descriptors
// must be the same each time, and the allocated memory must not grow. Meant for builds with the address sanitizer, which also
// looks for leaks after each round, or the thread sanitizer. The backend is that of the build.
//
// SIGINT and SIGTERM end it after the current round, with the same report.
//
// The last line is for tools/nightly: "soak BACKEND[, SANITIZER]: NUMBER seconds, NUMBER rounds, …". Exit status: 0 passed,
// 1 failed, 2 wrong usage.

#include <malloc.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <expected>
#include <filesystem>
#include <iterator>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

import mio;
import mio.time;
import mio.async;

// Only sanitizers define these.
extern "C" [[gnu::weak]] std::size_t __sanitizer_get_current_allocated_bytes();
extern "C" [[gnu::weak]] int __lsan_do_recoverable_leak_check();
extern "C" [[gnu::weak]] void __tsan_init();

namespace {

using namespace std::chrono_literals;
namespace async = mio::async;
namespace net = mio::net;
using async::Task;
using mio::Interest;
using mio::Token;
using Random = std::mt19937;

// Support.

std::atomic<std::uint64_t> connections = 0, registrations = 0, wakes = 0, tasks = 0;

[[noreturn]] void fail(std::string_view what, const std::string& detail) {
    std::fprintf(stderr, "churn: %.*s: %s\n", static_cast<int>(what.size()), what.data(), detail.c_str());
    std::_Exit(1);
}

void require(bool condition, std::string_view what) {
    if (!condition) fail("wrong", std::string(what));
}

template <class T> T must(mio::Result<T> result, std::string_view what) {
    if (!result) fail(what, result.error().message());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// Whether a result without value is one that peers cause: would-block, or the end of the connection.
template <class T> void expect_only_peer_errors(const mio::Result<T>& result, std::string_view what) {
    if (result || mio::would_block(result.error()) || result.error() == std::errc::connection_reset
        || result.error() == std::errc::broken_pipe || result.error() == std::errc::connection_refused
        || result.error() == std::errc::not_connected)
        return;
    fail(what, result.error().message());
}

std::size_t pick(Random& random, std::size_t most) {
    return std::uniform_int_distribution<std::size_t>(0, most)(random);
}

const net::SocketAddress any_port = *net::SocketAddress::parse("127.0.0.1:0");

// A server that lives as long as the program, with a registry that other threads use.

class Server {
  public:
    Server() {
        must(poll_.registry().add(listener_, listener_token, Interest::readable), "add a listener");
        address = must(listener_.local_address(), "local_address");
        thread_ = std::thread([this] { run(); });
    }
    ~Server() {
        must(stop_.wake(), "wake");
        thread_.join();
    }

    /// Waits until no connection is left.
    void settle() const {
        const auto deadline = std::chrono::steady_clock::now() + 60s;
        while (open_.load() != 0) {
            require(std::chrono::steady_clock::now() < deadline,
                    "the server keeps connections that have ended");
            std::this_thread::sleep_for(1ms);
        }
    }

    /// Counted by clients before they connect.
    void expect_client() { ++open_; }
    const mio::Registry& registry() const { return poll_.registry(); }

    net::SocketAddress address = any_port;
    static constexpr std::size_t foreign_tokens = std::size_t{1} << 20; ///< the first one for other threads

  private:
    static constexpr Token listener_token{SIZE_MAX}, stop_token{SIZE_MAX - 1};

    void run() {
        mio::Events events(64);
        while (true) {
            // The timeout keeps the path of timed waits busy.
            if (const auto polled = poll_.poll(events, 50ms); !polled) {
                require(mio::interrupted(polled.error()), "poll");
                continue;
            }
            bool clients_wait = false;
            for (const auto& event : events) {
                if (event.token() == stop_token) return;
                if (event.token() == listener_token)
                    clients_wait = true;
                else if (event.token().value < streams_.size() && streams_[event.token().value])
                    echo(event.token().value);
            }
            while (clients_wait) {
                auto accepted = listener_.accept();
                if (!accepted) {
                    require(mio::would_block(accepted.error()), "accept");
                    break;
                }
                accept(std::move(accepted->first));
            }
        }
    }

    void accept(net::TcpStream stream) {
        auto place = std::ranges::find_if(streams_, [](const auto& kept) { return kept == nullptr; });
        if (place == streams_.end()) {
            streams_.emplace_back();
            place = std::prev(streams_.end());
        }
        *place = std::make_unique<net::TcpStream>(std::move(stream));
        const auto index = static_cast<std::size_t>(place - streams_.begin());
        must(poll_.registry().add(**place, Token{index}, Interest::readable | Interest::writable), "add");
    }

    void echo(std::size_t index) {
        std::array<std::byte, 4096> buffer;
        while (true) {
            const auto read = streams_[index]->read(buffer);
            if (!read && mio::would_block(read.error())) return;
            expect_only_peer_errors(read, "the server reads");
            if (!read || *read == 0) break;
            expect_only_peer_errors(streams_[index]->write(std::span(buffer).first(*read)),
                                    "the server writes");
        }
        streams_[index].reset();
        --open_;
    }

    mio::Poll poll_ = must(mio::Poll::create(), "Poll");
    net::TcpListener listener_ = must(net::TcpListener::bind(any_port), "bind");
    mio::Waker stop_ = must(mio::Waker::create(poll_.registry(), stop_token), "Waker");
    std::vector<std::unique_ptr<net::TcpStream>> streams_;
    std::atomic<int> open_ = 0;
    std::thread thread_;
};

// What the threads do in a round.

/// Connections to the server that end in every way.
void churn_connections(Server& server, Random random) {
    auto poll = must(mio::Poll::create(), "Poll");
    mio::Events events(8);
    std::array<std::byte, 2000> buffer{};
    for (int i = 0; i < 40; ++i) {
        server.expect_client();
        ++connections;
        auto connected = net::TcpStream::connect(server.address);
        // All ports are in TIME_WAIT: a fast machine uses them up.
        for (int tries = 0;
             !connected && connected.error() == std::errc::address_not_available && tries < 1000; ++tries) {
            std::this_thread::sleep_for(10ms);
            connected = net::TcpStream::connect(server.address);
        }
        auto stream = must(std::move(connected), "connect");
        must(poll.registry().add(stream, Token{1}, Interest::readable | Interest::writable,
                                 random() % 2 ? mio::Trigger::edge : mio::Trigger::level),
             "add");
        while (true) {
            must(poll.poll(events, 60s), "poll");
            require(!events.empty(), "a connection is not established");
            if (events.begin()->is_writable()) break;
        }
        const auto error = must(stream.take_error(), "take_error");
        require(!error, "connecting failed");
        must(stream.set_nodelay(true), "set_nodelay");
        const auto size = pick(random, buffer.size());
        const auto written = stream.write(std::span(buffer).first(size));
        expect_only_peer_errors(written, "write");
        switch (random() % 5) {
        case 0: break; // closed, perhaps with unread data
        case 1: must(stream.set_linger(0ms), "set_linger"); break;
        case 2: must(poll.registry().remove(stream), "remove"); break;
        case 3: must(poll.registry().modify(stream, Token{2}, Interest::readable), "modify"); [[fallthrough]];
        default:
            // Everything comes back, and then the end.
            must(stream.shutdown(net::Shutdown::write), "shutdown");
            std::size_t received = 0;
            while (true) {
                const auto read = stream.read(buffer);
                if (read && *read == 0) break;
                if (read)
                    received += *read;
                else if (mio::would_block(read.error()))
                    must(poll.poll(events, 60s), "poll");
                else
                    fail("read", read.error().message());
            }
            require(received == written.value_or(0), "an echo is not complete");
        }
        ++registrations;
    }
}

using Source = std::variant<net::UdpSocket, net::UnixStream, net::UnixDatagram, net::PipeReceiver,
                            net::PipeSender, mio::time::Alarm>;

/// Sources of every kind, in random states, on a poll of this thread.
void churn_sources(Random random) {
    auto poll = must(mio::Poll::create(), "Poll");
    mio::Events events(16);
    std::vector<std::pair<std::unique_ptr<Source>, bool>> sources; // and whether it is registered
    const auto keep = [&](auto source) {
        sources.emplace_back(std::make_unique<Source>(std::move(source)), false);
    };
    constexpr std::array interests{Interest::readable, Interest::writable,
                                   Interest::readable | Interest::writable};
    constexpr std::array triggers{mio::Trigger::edge, mio::Trigger::level, mio::Trigger::oneshot};
    std::array<std::byte, 64> buffer{};

    for (int i = 0; i < 600; ++i) {
        if (sources.size() < 12) {
            switch (random() % 5) {
            case 0: keep(must(net::UdpSocket::bind(any_port), "bind")); break;
            case 1: {
                auto [a, b] = must(net::UnixStream::pair(), "pair");
                keep(std::move(a)), keep(std::move(b));
                break;
            }
            case 2: {
                auto [a, b] = must(net::UnixDatagram::pair(), "pair");
                keep(std::move(a)), keep(std::move(b));
                break;
            }
            case 3: {
                auto [sender, receiver] = must(net::make_pipe(), "make_pipe");
                keep(std::move(sender)), keep(std::move(receiver));
                break;
            }
            default: keep(must(mio::time::Alarm::create(), "Alarm"));
            }
        }
        auto& [source, is_registered] = sources[pick(random, sources.size() - 1)];
        const Token token{random()};
        const auto interest = std::holds_alternative<mio::time::Alarm>(*source)
                                  ? Interest::readable
                                  : interests[pick(random, interests.size() - 1)];
        const auto trigger = triggers[pick(random, triggers.size() - 1)];
        std::visit(
            [&](auto& object) {
                using Type = std::remove_cvref_t<decltype(object)>;
                switch (random() % 8) {
                case 0:
                case 1:
                    // kqueue refuses a pipe whose reader has gone.
                    if (is_registered) {
                        const auto modified = poll.registry().modify(object, token, interest, trigger);
                        expect_only_peer_errors(modified, "modify");
                        if (!modified) static_cast<void>(poll.registry().remove(object));
                        is_registered = modified.has_value();
                    } else {
                        const auto added = poll.registry().add(object, token, interest, trigger);
                        expect_only_peer_errors(added, "add");
                        is_registered = added.has_value();
                    }
                    ++registrations;
                    break;
                case 2:
                    if (is_registered) must(poll.registry().remove(object), "remove");
                    is_registered = false;
                    break;
                case 3:
                case 4:
                    if constexpr (requires { object.write(buffer); }) {
                        expect_only_peer_errors(object.write(buffer), "write");
                    } else if constexpr (std::same_as<Type, net::UdpSocket>) {
                        const auto sent =
                            object.send_to(buffer, must(object.local_address(), "local_address"));
                        expect_only_peer_errors(sent, "send_to");
                    } else if constexpr (requires { object.arm(mio::time::Clock::now()); }) {
                        must(object.arm(mio::time::after(std::chrono::microseconds(random() % 2000))), "arm");
                    }
                    break;
                case 5:
                case 6:
                    if constexpr (requires { object.read(buffer); })
                        expect_only_peer_errors(object.read(buffer), "read");
                    else if constexpr (requires { object.receive(buffer); })
                        expect_only_peer_errors(object.receive(buffer), "receive");
                    break;
                default: must(poll.poll(events, std::chrono::microseconds(random() % 100)), "poll");
                }
            },
            *source);
        if (random() % 8 == 0) {
            // Destroyed while it is registered, or not.
            std::swap(sources[pick(random, sources.size() - 1)], sources.back());
            sources.pop_back();
        }
    }
    if (random() % 2) {
        // The poll ends before its sources.
        const auto clone = must(poll.registry().try_clone(), "try_clone");
        auto ended = std::move(poll);
    }
}

/// Sources and wakers in the server's poll, which another thread waits for.
void churn_shared_poll(const Server& server, Random random) {
    const auto registry = must(server.registry().try_clone(), "try_clone");
    std::vector<mio::Waker> wakers;
    for (int i = 0; i < 200; ++i) {
        auto [a, b] = must(net::UnixStream::pair(), "pair");
        const Token token{Server::foreign_tokens + random() % 1000};
        must(registry.add(a, token, Interest::readable), "add");
        ++registrations;
        static_cast<void>(b.write(std::as_bytes(std::span("x", 1))));
        if (random() % 2)
            must(registry.modify(a, token, Interest::writable, mio::Trigger::oneshot), "modify");
        if (random() % 2) must(registry.remove(a), "remove");

        if (wakers.size() < 8) wakers.push_back(must(mio::Waker::create(registry, token), "Waker"));
        must(wakers[pick(random, wakers.size() - 1)].wake(), "wake");
        ++wakes;
        if (random() % 4 == 0) wakers.erase(wakers.begin());
        if (wakers.empty()) wakers.push_back(must(mio::Waker::create(registry, token), "Waker"));
    }
}

void churn_timers(Random random) {
    mio::time::TimerQueue queue;
    mio::time::Timers ids;
    std::vector<std::unique_ptr<mio::time::Timer>> timers;
    std::vector<mio::time::TimerId> pending;
    const auto now = mio::time::Clock::now();
    for (int i = 0; i < 1000; ++i) {
        timers.push_back(std::make_unique<mio::time::Timer>());
        must(queue.insert(*timers.back(), now + std::chrono::milliseconds(random() % 1000)), "insert");
        pending.push_back(
            must(ids.insert(now + std::chrono::milliseconds(random() % 1000), Token{1}), "insert"));
        if (random() % 2)
            timers.erase(timers.begin() + static_cast<std::ptrdiff_t>(pick(random, timers.size() - 1)));
        if (random() % 2) ids.cancel(pending[pick(random, pending.size() - 1)]);
        if (random() % 8 == 0) static_cast<void>(queue.pop(now + std::chrono::milliseconds(random() % 1000)));
    }
}

// Coroutines.

Task<> echo(async::TcpStream stream) {
    std::array<std::byte, 1024> buffer;
    while (true) {
        const auto got = co_await stream.read(buffer);
        if (!got || *got == 0) co_return;
        if (!co_await stream.write_all(std::span(buffer).first(*got))) co_return;
    }
}

Task<> serve(async::TcpListener& listener, async::Group& clients) {
    while (auto stream = co_await listener.accept()) clients.spawn(echo(std::move(*stream)));
}

Task<> ask(net::SocketAddress peer, std::size_t size) {
    ++connections;
    auto stream = co_await async::TcpStream::connect(peer);
    if (!stream) co_return; // cancelled
    std::vector<std::byte> out(size), in(size);
    const auto [written, got] = co_await async::when_all(stream->write_all(out), stream->read_exact(in));
    static_cast<void>(written);
    static_cast<void>(got);
}

Task<> send_numbers(async::Channel<int>& channel, async::RemoteLoop remote) {
    for (int i = 0; i < 50; ++i) {
        ++tasks;
        if (!co_await channel.send(i)) co_return;
        const auto twice = co_await remote.call([i] { return 2 * i; });
        if (!twice) co_return;
        require(*twice == 2 * i, "a call of another loop returned something else");
    }
    channel.close();
}

Task<> receive_numbers(async::Channel<int>& channel) {
    int expected = 0;
    while (const auto number = co_await channel.receive())
        require(*number == expected++, "a channel's order");
}

Task<> play(async::RemoteLoop remote, Random random) {
    auto listener = must(async::TcpListener::bind(any_port), "bind");
    const auto address = must(listener.local_address(), "local_address");
    async::Group server(co_await async::this_context());
    server.spawn(serve(listener, server));
    async::Group clients(co_await async::this_context());
    for (int i = 0; i < 20; ++i) clients.spawn(ask(address, pick(random, 20'000)));
    async::Channel<int> channel(pick(random, 3));
    clients.spawn(send_numbers(channel, remote));
    clients.spawn(receive_numbers(channel));
    for (int i = 0; i < 10; ++i) {
        // Ended by a time limit, or by the loop's end.
        clients.spawn([](std::chrono::microseconds limit) -> Task<> {
            static_cast<void>(co_await async::timeout(limit, async::sleep_for(1h)));
        }(std::chrono::microseconds(random() % 2000)));
    }
    if (random() % 2) {
        static_cast<void>(co_await async::sleep_for(std::chrono::microseconds(random() % 5000)));
        clients.cancel();
    }
    static_cast<void>(co_await clients.join());
    server.cancel();
    static_cast<void>(co_await server.join());
}

void churn_tasks(async::RemoteLoop remote, Random random) {
    for (int i = 0; i < 3; ++i) {
        auto loop = must(async::Loop::create(), "Loop");
        must(async::run(loop, play(remote, Random(random()))), "run");
        ++tasks;
        // Suspended coroutines are destroyed with the loop.
        async::spawn(loop, []() -> Task<> { static_cast<void>(co_await async::sleep_for(1h)); }());
        must(loop.turn(0ns), "turn");
    }
}

/// A loop on a thread of its own, which lives as long as the program.
class LoopThread {
  public:
    LoopThread() : remote(loop_.remote()) {
        thread_ = std::thread([this] {
            while (!stop_) must(loop_.turn(), "turn");
        });
    }
    ~LoopThread() {
        struct Stop : async::Parcel {
            explicit Stop(std::atomic<bool>& set) : Parcel(&opened), flag(set) {}
            static void opened(async::Parcel& parcel, const async::Context*) noexcept {
                static_cast<Stop&>(parcel).flag = true;
            }
            std::atomic<bool>& flag;
        } stop(stop_);
        must(remote.post(stop), "post");
        thread_.join();
    }

  private:
    async::Loop loop_ = must(async::Loop::create(), "Loop");
    std::atomic<bool> stop_ = false;
    std::thread thread_;

  public:
    async::RemoteLoop remote;
};

// Measurements.

std::size_t allocated_bytes() {
    if (__sanitizer_get_current_allocated_bytes != nullptr) return __sanitizer_get_current_allocated_bytes();
    return ::mallinfo2().uordblks;
}

std::size_t descriptors() {
    using Iterator = std::filesystem::directory_iterator;
    return static_cast<std::size_t>(std::distance(Iterator("/proc/self/fd"), Iterator()));
}

/// Blocks the signals that ask the program to end, also for all threads that start later, so that they interrupt no call.
void block_end_signals() {
    ::sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGINT);
    ::sigaddset(&signals, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

bool is_asked_to_end() {
    ::sigset_t pending;
    ::sigemptyset(&pending);
    ::sigpending(&pending);
    return ::sigismember(&pending, SIGINT) == 1 || ::sigismember(&pending, SIGTERM) == 1;
}

/// The files of the open descriptors, for the report of a failure.
void list_descriptors() {
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code ignored;
        const auto target = std::filesystem::read_symlink(entry.path(), ignored);
        std::fprintf(stderr, "churn: descriptor %s is %s\n", entry.path().filename().c_str(), target.c_str());
    }
}

std::string_view sanitizer() {
    if (__lsan_do_recoverable_leak_check != nullptr) return ", address sanitizer";
    if (__tsan_init != nullptr) return ", thread sanitizer";
    return "";
}

/// The growth between the second and the last quarter: the least of each, because buffers are larger in some rounds.
std::ptrdiff_t growth(std::span<const std::size_t> samples) {
    const auto quarter = samples.size() / 4;
    if (quarter == 0) return 0;
    const auto before = std::ranges::min(samples.subspan(quarter, quarter));
    const auto after = std::ranges::min(samples.last(quarter));
    return static_cast<std::ptrdiff_t>(after) - static_cast<std::ptrdiff_t>(before);
}

int run(std::chrono::seconds limit, unsigned seed) {
    const auto start = std::chrono::steady_clock::now();
    int failures = 0;
    std::vector<std::size_t> memory;
    memory.reserve(1 << 20);
    std::size_t rounds = 0, descriptors_before = 0, descriptors_now = 0;
    Random random(seed);
    {
        Server server;
        LoopThread other;
        while (std::chrono::steady_clock::now() - start < limit && memory.size() < memory.capacity()
               && !is_asked_to_end()) {
            {
                std::vector<std::thread> threads;
                for (int i = 0; i < 2; ++i) {
                    threads.emplace_back(churn_connections, std::ref(server), Random(random()));
                    threads.emplace_back(churn_sources, Random(random()));
                    threads.emplace_back(churn_shared_poll, std::cref(server), Random(random()));
                }
                threads.emplace_back(churn_timers, Random(random()));
                threads.emplace_back(churn_tasks, other.remote, Random(random()));
                for (auto& thread : threads) thread.join();
            }
            server.settle();
            ++rounds;
            if (__lsan_do_recoverable_leak_check != nullptr && rounds % 16 == 0
                && __lsan_do_recoverable_leak_check() != 0) {
                std::fprintf(stderr, "churn: leaks after round %zu\n", rounds);
                ++failures;
                break;
            }
            // A call whose caller has ended keeps the caller's poll until the other loop has opened it.
            const auto patience = std::chrono::steady_clock::now() + 10s;
            descriptors_now = descriptors();
            if (rounds <= 3)
                descriptors_before =
                    rounds == 1 ? descriptors_now : std::min(descriptors_before, descriptors_now);
            while (descriptors_now > descriptors_before && std::chrono::steady_clock::now() < patience) {
                std::this_thread::sleep_for(1ms);
                descriptors_now = descriptors();
            }
            memory.push_back(allocated_bytes());
            if (descriptors_now > descriptors_before) {
                std::fprintf(stderr, "churn: %zu descriptors after the first rounds, %zu after round %zu\n",
                             descriptors_before, descriptors_now, rounds);
                list_descriptors();
                ++failures;
                break;
            }
        }
    }
    // Without a sanitizer, what malloc keeps for threads counts.
    const std::ptrdiff_t allowed = sanitizer().empty() ? 256 * 1024 : 4096;
    const auto grown = growth(memory);
    if (grown > allowed) {
        std::fprintf(stderr, "churn: the allocated memory grew by %td bytes\n", grown);
        ++failures;
    }
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - start).count();
    std::printf(
        "soak %s%s: %lld seconds, %zu rounds, %llu connections, %llu registrations, %llu wakes, %td bytes "
        "grown, %lld descriptors grown, %d failures\n",
        std::string(mio::backend()).c_str(), std::string(sanitizer()).c_str(),
        static_cast<long long>(seconds), rounds, static_cast<unsigned long long>(connections),
        static_cast<unsigned long long>(registrations), static_cast<unsigned long long>(wakes), grown,
        static_cast<long long>(descriptors_now) - static_cast<long long>(descriptors_before), failures);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

} // namespace

int main(int argc, char** argv) {
    unsigned seconds = 10, seed = 1;
    for (int i = 1; i < argc; i += 2) {
        const std::string_view option = argv[i], text = i + 1 < argc ? argv[i + 1] : "";
        unsigned& value = option == "--seed" ? seed : seconds;
        const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
        if ((option != "--seed" && option != "--seconds") || parsed.ec != std::errc{}
            || parsed.ptr != text.data() + text.size()) {
            std::fputs("usage: churn [--seconds SECONDS] [--seed NUMBER]\n", stderr);
            return 2;
        }
    }
    block_end_signals();
    return run(std::chrono::seconds(seconds), seed);
}
