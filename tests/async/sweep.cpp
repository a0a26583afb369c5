// Each suspension of a scenario is in turn the one at which the scenario is cancelled, or destroyed where it stands. The
// scenarios count what they own, and account for every byte, value and connection. Run it with the address sanitizer.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "async.hpp"

namespace {

using namespace std::chrono_literals;
using namespace test;
using mio::Result;
using mio::net::SocketAddress;

enum class How {
    cancel_at_once,  // while the coroutine is being suspended
    cancel_later,    // between two turns of the loop
    drop,            // between two turns
    drop_by_another, // by a coroutine of the same loop, during a turn
};
constexpr How ways[] = {How::cancel_at_once, How::cancel_later, How::drop, How::drop_by_another};
constexpr bool is_drop(How how) { return how == How::drop || how == How::drop_by_another; }

/// Counts suspensions and acts at one of them.
class Injection {
  public:
    explicit Injection(int at) : left_(at) { current = this; }
    Injection(const Injection&) = delete;
    ~Injection() { current = nullptr; }

    static void suspended() {
        if (current != nullptr && --current->left_ == 0) {
            current->has_fired = true;
            if (current->act) current->act();
        }
    }

    std::function<void()> act;
    bool has_fired = false;

  private:
    inline static Injection* current = nullptr;
    int left_;
};

/// An awaitable whose suspensions are counted, and which must be resumed once for each.
template <class A> class [[nodiscard]] Counted {
  public:
    template <class U> explicit Counted(U&& inner) : inner_(std::forward<U>(inner)) {}

    void bind(async::Frame& frame) { inner_.bind(frame); }
    bool await_ready() { return inner_.await_ready(); }
    bool await_suspend(std::coroutine_handle<> coroutine) {
        if constexpr (std::is_void_v<decltype(inner_.await_suspend(coroutine))>)
            inner_.await_suspend(coroutine);
        else if (!inner_.await_suspend(coroutine))
            return false;
        is_suspended_ = true;
        Injection::suspended();
        return true;
    }
    decltype(auto) await_resume() {
        EXPECT_FALSE(is_resumed_) << "resumed twice";
        is_resumed_ = true;
        return inner_.await_resume();
    }

  private:
    A inner_;
    bool is_suspended_ = false;
    bool is_resumed_ = false;
};
template <async::Waitable A> auto counted(A awaitable) {
    return Counted<async::AwaiterType<A>>(std::move(awaitable));
}

/// An object that is counted while it lives, also after moves.
struct Tracked {
    inline static std::atomic<int> live = 0;

    explicit Tracked(int number) noexcept : value(number) { ++live; }
    Tracked(Tracked&& other) noexcept : value(other.value) { ++live; }
    Tracked& operator=(Tracked&& other) noexcept {
        value = other.value;
        return *this;
    }
    ~Tracked() { --live; }

    int value;
};

/// Turns `loop` until `is_done`, and fails if nothing happens for long.
template <class F> void turn_until(async::Loop& loop, F is_done) {
    for (int turns = 0; !is_done(); ++turns) {
        const auto before = mio::time::Clock::now();
        ASSERT_TRUE(ok(loop.turn(10s)));
        ASSERT_TRUE(mio::time::Clock::now() - before < 9s && turns < 1'000'000) << async::dump(loop);
    }
}

/// Runs a scenario with an injection at the `at`-th suspension. False: it has ended before.
template <class Scenario> bool run_once(int at, How how) {
    auto loop = must(async::Loop::create());
    Scenario scenario;
    std::optional<async::Group> group(std::in_place, loop), others(std::in_place, loop);
    async::Event killed;
    Injection injection(at);

    group->spawn(scenario.run());
    if (how == How::cancel_at_once) injection.act = [&] { group->cancel(); };
    if (how == How::drop_by_another) {
        injection.act = [&] { killed.set(); };
        others->spawn([](async::Event& when, std::optional<async::Group>& victims) -> Task<> {
            if (co_await when.wait()) victims.reset();
        }(killed, group));
    }
    bool is_later = how == How::cancel_later || how == How::drop;
    turn_until(loop, [&] {
        if (is_later && injection.has_fired) {
            is_later = false;
            if (how == How::drop)
                group.reset();
            else
                group->cancel();
        }
        return !group || group->empty();
    });
    const bool has_fired = injection.has_fired;
    injection.act = nullptr;
    others.reset();
    group.reset();
    must(async::run(loop, scenario.check(has_fired && is_drop(how), has_fired)));
    return has_fired;
}

template <class Scenario> void sweep() {
    for (const How how : ways) {
        int at = 1;
        for (; run_once<Scenario>(at, how); ++at) {
            ASSERT_FALSE(testing::Test::HasFailure())
                << "suspension " << at << ", way " << static_cast<int>(how);
            EXPECT_EQ(Tracked::live, 0);
            ASSERT_LT(at, 5000);
        }
        EXPECT_GT(at, 3) << "the scenario hardly waits";
        EXPECT_EQ(Tracked::live, 0);
    }
}

// Bytes.

std::byte pattern(std::size_t index) { return static_cast<std::byte>((index * 2654435761u) >> 13); }

/// Sends a known sequence of bytes through TCP, in many ways, and receives it in many ways.
class Transfer {
  public:
    Task<> run() {
        auto listener = must(async::TcpListener::bind(must(SocketAddress::parse("127.0.0.1:0"))));
        auto [client, server] = co_await counted(
            async::when_all(async::TcpStream::connect(must(listener.local_address())), listener.accept()));
        if (!client || !server) co_return;
        client_ = std::move(*client);
        server_ = std::move(*server);
        EXPECT_TRUE(ok(client_->source().set_send_buffer(16 * 1024)));
        co_await counted(async::when_all(write(), read()));
    }

    Task<> check(bool is_dropped, bool has_fired) {
        if (!client_ || !server_) co_return;
        if (!has_fired) {
            EXPECT_EQ(sent_, total);
            EXPECT_EQ(received_.size(), total);
        }
        // The streams are usable. Data that nothing has received yet can be read.
        const std::size_t before = received_.size();
        auto [ended, drained] = co_await async::when_all(end(), drain());
        EXPECT_TRUE(ended && drained);
        if (!is_dropped) {
            EXPECT_EQ(received_.size(), sent_);
            for (std::size_t i = 0; i < received_.size(); ++i)
                if (received_[i] != pattern(i))
                    co_return ADD_FAILURE() << "byte " << i << " of " << received_.size();
            co_return;
        }
        // Operations that were destroyed have taken their result with them, at most one read and one write.
        const auto rest = std::span(received_).subspan(before);
        for (std::size_t lost = 0; lost <= largest; ++lost) {
            std::size_t i = 0;
            while (i < rest.size() && rest[i] == pattern(before + lost + i)) ++i;
            // A rest that is empty or short matches in several places.
            if (i == rest.size() && before + lost + i >= sent_) co_return;
        }
        ADD_FAILURE() << "the rest is not what was sent";
    }

  private:
    static constexpr std::size_t total = 250'000, largest = 20'000;

    std::span<const std::byte> next(std::size_t size) {
        buffer_.resize(std::min(size, total - sent_));
        for (std::size_t i = 0; i < buffer_.size(); ++i) buffer_[i] = pattern(sent_ + i);
        return buffer_;
    }
    Task<> write() {
        while (sent_ < total) {
            const auto some = co_await counted(client_->write(next(3000)));
            if (!some) co_return;
            sent_ += *some;
            const auto all = co_await counted(client_->write_all(next(largest)));
            sent_ += all.count();
            if (!all) co_return;
            // Times out, or not.
            const auto limited = co_await counted(async::timeout(200us, client_->write_all(next(9000))));
            sent_ += limited.count();
            if (!limited && limited.error() != std::errc::timed_out) co_return;
            const auto either =
                co_await counted(async::when_any(client_->write_all(next(5000)), async::sleep_for(100us)));
            const auto& written = std::get<0>(either.second);
            sent_ += written.count();
            if (!written && written.error() != std::errc::operation_canceled) co_return;
            if ((co_await async::this_context()).scope->is_cancelled()) co_return;
        }
    }
    Task<> read() {
        std::array<std::byte, largest> buffer;
        const auto keep = [&](std::size_t count) {
            received_.insert(received_.end(), buffer.begin(),
                             buffer.begin() + static_cast<std::ptrdiff_t>(count));
        };
        while (received_.size() < total) {
            const auto some = co_await counted(server_->read(std::span(buffer).first(1000)));
            if (!some) co_return;
            keep(*some);
            if (received_.size() == total) co_return;
            const auto exact = co_await counted(server_->read_exact(
                std::span(buffer).first(std::min<std::size_t>(4000, total - received_.size()))));
            keep(exact.count());
            if (!exact) co_return;
            if (received_.size() == total) co_return;
            const auto limited = co_await counted(async::timeout(
                100us,
                server_->read_exact(std::span(buffer).first(std::min(largest, total - received_.size())))));
            keep(limited.count());
            if (!limited && limited.error() != std::errc::timed_out) co_return;
        }
    }
    Task<Result<>> end() { co_return client_->shutdown(mio::net::Shutdown::write); }
    Task<Result<>> drain() {
        std::array<std::byte, 4096> buffer;
        while (true) {
            const auto got = co_await async::timeout(5s, server_->read(buffer));
            if (!got) co_return std::unexpected(got.error());
            if (*got == 0) co_return {};
            received_.insert(received_.end(), buffer.begin(),
                             buffer.begin() + static_cast<std::ptrdiff_t>(*got));
        }
    }

    Tracked lives_{0};
    std::optional<async::TcpStream> client_, server_;
    std::vector<std::byte> buffer_, received_;
    std::size_t sent_ = 0;
};

TEST(Sweep, NoByteOfAStreamIsLost) { sweep<Transfer>(); }

// Connections.

/// Accepts connections with limits; those that were not accepted are still pending.
class Accepting {
  public:
    Task<> run() { co_await counted(async::when_all(connect(), accept())); }

    Task<> check(bool is_dropped, bool) {
        int left = 0;
        while (co_await async::timeout(20ms, listener_.accept())) ++left;
        // One connection may have been in an operation that was destroyed.
        EXPECT_LE(accepted_ + left, static_cast<int>(clients_.size()));
        EXPECT_GE(accepted_ + left, static_cast<int>(clients_.size()) - (is_dropped ? 1 : 0));
    }

  private:
    Task<> connect() {
        const auto peer = must(listener_.local_address());
        for (int i = 0; i < count; ++i) {
            if (!co_await counted(async::sleep_for(80us))) co_return;
            clients_.push_back(must(mio::net::TcpStream::connect(peer)));
        }
    }
    Task<> accept() {
        while (accepted_ < count) {
            const Tracked local(accepted_);
            auto limited = co_await counted(async::timeout(50us, listener_.accept()));
            if (limited)
                ++accepted_;
            else if (limited.error() != std::errc::timed_out)
                co_return;
            auto plain = accepted_ == count
                             ? Result<async::TcpStream>(std::unexpected(async::canceled_error()))
                             : co_await counted(listener_.accept());
            if (!plain) co_return;
            ++accepted_;
            auto late = co_await counted(async::when_any(listener_.accept(), async::sleep_for(50us)));
            if (std::get<0>(late.second)) ++accepted_;
            co_await counted(async::yield());
        }
    }

    static constexpr int count = 6;

    async::TcpListener listener_ = must(async::TcpListener::bind(must(SocketAddress::parse("127.0.0.1:0"))));
    std::vector<mio::net::TcpStream> clients_;
    int accepted_ = 0;
};

TEST(Sweep, NoConnectionIsLost) { sweep<Accepting>(); }

// Hang-ups.

/// Waits for a hang-up in several ways at once, beside a read, while the peer sends and then resets the connection.
class HangingUp {
  public:
    Task<> run() {
        auto listener = must(async::TcpListener::bind(must(SocketAddress::parse("127.0.0.1:0"))));
        auto [client, server] = co_await counted(
            async::when_all(async::TcpStream::connect(must(listener.local_address())), listener.accept()));
        if (!client || !server) co_return;
        peer_ = std::move(*client);
        stream_ = std::move(*server);
        EXPECT_TRUE(ok(peer_->source().set_linger(std::chrono::seconds(0)))); // closing it resets
        // While the peer is there, nothing is reported.
        EXPECT_FALSE(co_await counted(async::timeout(20us, stream_->hung_up())));
        const auto early = co_await counted(async::when_any(stream_->hung_up(), async::yield()));
        EXPECT_FALSE(std::get<0>(early.second));
        co_await counted(async::when_all(reset(), watch_with_limit(), watch(), watch(), read()));
    }
    Task<> check(bool is_dropped, bool has_fired) {
        if (!peer_) co_return;
        if (!has_fired) {
            EXPECT_EQ(reported_, 3);
        }
        // An operation that is destroyed after its report takes it along.
        const bool may_be_lost = is_dropped && has_reset_;
        close();
        if (reported_ == 0 && !may_be_lost) {
            EXPECT_TRUE(ok(co_await async::timeout(10s, stream_->hung_up())));
        }
    }

  private:
    Task<> reset() {
        co_await counted(async::yield());
        EXPECT_TRUE(ok(peer_->source().write(bytes_of("x"))));
        co_await counted(async::yield());
        close();
        co_await counted(async::yield());
    }
    void close() {
        if (!std::exchange(has_reset_, true)) peer_->close();
    }
    Task<> watch() {
        const Tracked local(1);
        note(co_await counted(stream_->hung_up()));
    }
    Task<> watch_with_limit() {
        const Tracked local(2);
        note(co_await counted(async::timeout(10s, stream_->hung_up())));
    }
    void note(const Result<>& hung_up) {
        if (hung_up) {
            ++reported_;
        } else {
            EXPECT_TRUE(fails_with(hung_up, std::errc::operation_canceled));
        }
    }
    Task<> read() {
        std::byte one{};
        while (true) {
            const auto got = co_await counted(stream_->read(std::span(&one, 1)));
            if (!got || *got == 0) co_return;
        }
    }

    Tracked lives_{0};
    std::optional<async::TcpStream> peer_, stream_;
    bool has_reset_ = false;
    int reported_ = 0;
};

TEST(Sweep, HangUpsAreReportedOrCancelled) { sweep<HangingUp>(); }

// Values.

template <std::size_t capacity> class Values {
  public:
    Task<> run() { co_await counted(async::when_all(send(0), send(100), receive(), receive())); }
    Task<> check(bool is_dropped, bool) {
        while (const auto left = channel_.try_receive()) received_.insert(left->value);
        for (const int value : received_) EXPECT_TRUE(tried_.contains(value)) << value;
        std::size_t lost = 0;
        for (const int value : sent_) lost += !received_.contains(value);
        // A value that was passed to a receiver is destroyed with it.
        EXPECT_LE(lost, is_dropped ? 2u : 0u);
        if (!is_dropped) {
            EXPECT_EQ(received_, sent_);
        }
        co_return;
    }

  private:
    Task<> send(int first) {
        for (int value = first; value < first + 12; ++value) {
            tried_.insert(value);
            Result<> sent;
            if (value % 3 == 0)
                sent = co_await counted(async::timeout(30us, channel_.send(Tracked(value))));
            else
                sent = co_await counted(channel_.send(Tracked(value)));
            if (sent)
                sent_.insert(value);
            else if (sent.error() != std::errc::timed_out)
                break;
        }
        if (++ended_ == 2) channel_.close();
    }
    Task<> receive() {
        while (true) {
            const auto value = co_await counted(channel_.receive());
            if (!value) co_return;
            EXPECT_TRUE(received_.insert(value->value).second) << "received twice";
            const auto limited = co_await counted(async::timeout(20us, channel_.receive()));
            if (limited)
                received_.insert(limited->value);
            else if (limited.error() != std::errc::timed_out)
                co_return;
            co_await counted(async::yield());
        }
    }

    async::Channel<Tracked> channel_{capacity};
    std::set<int> tried_, sent_, received_;
    int ended_ = 0;
};

TEST(Sweep, NoValueOfAChannelIsLost) {
    sweep<Values<0>>();
    sweep<Values<1>>();
    sweep<Values<5>>();
}

// Structure.

/// Groups, events, scopes and combinators inside each other.
class Nested {
  public:
    Task<> run() {
        Tracked local(1);
        async::Event event;
        async::Scope scope;
        async::Group group(co_await async::this_context());
        for (int i = 0; i < 3; ++i) group.spawn(member, Tracked(i), std::ref(event));
        co_await counted(async::yield());
        auto any = co_await counted(
            async::when_any(counted(async::sleep_for(50us)), counted(event.wait()), leaf(2)));
        static_cast<void>(any);
        static_cast<void>(
            co_await counted(async::timeout(1ms, async::within(scope, async::shield(leaf(1))))));
        static_cast<void>(co_await counted(async::shield(async::timeout(20us, counted(event.wait())))));
        static_cast<void>(co_await counted(async::within(scope, async::timeout(20us, group.join()))));
        event.set();
        co_await counted(async::when_all(leaf(1), canceller(scope), async::within(scope, leaf(50))));
        const auto here = co_await async::this_context();
        EXPECT_TRUE(ok(co_await counted(async::shield(async::sleep_for(1us)))));
        EXPECT_EQ((co_await async::this_context()).scope, here.scope);
        static_cast<void>(co_await counted(group.join()));
        reached_end_ = true;
    }
    Task<> check(bool is_dropped, bool) {
        if (!is_dropped) {
            EXPECT_TRUE(reached_end_);
        }
        co_return;
    }

  private:
    static Task<> member(Tracked, async::Event& event) {
        Tracked local(3);
        static_cast<void>(co_await counted(event.wait()));
        static_cast<void>(co_await counted(async::sleep_for(10us)));
    }
    static Task<Result<>> leaf(int steps) {
        Tracked local(4);
        for (int i = 0; i < steps; ++i)
            if (auto slept = co_await counted(async::sleep_for(20us)); !slept) co_return slept;
        co_return {};
    }
    static Task<> canceller(async::Scope& scope) {
        co_await counted(async::yield());
        scope.cancel();
        co_await counted(async::yield());
    }

    bool reached_end_ = false;
};

TEST(Sweep, NestedScopesEndWithoutLeaks) { sweep<Nested>(); }

// Other threads.

/// Work in a pool and on another loop.
class Elsewhere {
  public:
    Elsewhere() {
        thread_ = std::thread([this, loop = must(async::Loop::create())]() mutable {
            remote_.emplace(loop.remote());
            is_started_ = true;
            must(async::run(loop, [](async::Channel<int>& stop) -> Task<> {
                static_cast<void>(co_await stop.receive());
            }(stop_)));
            async::Loop ended(std::move(loop)); // on its thread
        });
        while (!is_started_) std::this_thread::yield();
    }
    ~Elsewhere() {
        stop_.close();
        thread_.join();
    }

    Task<> run() {
        for (int i = 0; i < 3; ++i) {
            const auto got = co_await counted(pool_.run([owned = Tracked(i)] { return owned.value; }));
            if (!got) co_return;
            EXPECT_EQ(*got, i);
            const auto called =
                co_await counted(remote_->call([owned = Tracked(i)]() { return owned.value; }));
            if (!called) co_return;
            EXPECT_EQ(*called, i);
            const auto task = co_await counted(async::timeout(1s, remote_->call(Sleeps{Tracked(i)})));
            if (!task) co_return;
            auto [one, two] =
                co_await counted(async::when_all(pool_.run([owned = Tracked(i)] { return owned.value; }),
                                                 async::resolve(pool_, "127.0.0.1", "80")));
            if (!one || !two) co_return;
        }
    }
    Task<> check(bool, bool) {
        // Both still work.
        EXPECT_EQ(must(co_await pool_.run([] { return 7; })), 7);
        EXPECT_EQ(must(co_await remote_->call([] { return 8; })), 8);
    }

  private:
    struct Sleeps {
        Tracked owned;
        Task<int> operator()() {
            static_cast<void>(co_await async::sleep_for(100us));
            co_return owned.value;
        }
    };

    async::Channel<int> stop_{1};
    std::atomic<bool> is_started_ = false;
    std::optional<async::RemoteLoop> remote_;
    std::thread thread_;
    async::Pool pool_{2};
};

TEST(Sweep, WorkOnOtherThreadsIsGivenBack) { sweep<Elsewhere>(); }

// Files.

class Writing {
  public:
    ~Writing() {
        std::error_code ignored;
        std::filesystem::remove(path_, ignored);
    }

    Task<> run() {
        auto file = co_await counted(
            async::File::open(pool_, path_, {.write = true, .create = true, .truncate = true}));
        if (!file) co_return;
        std::vector<std::byte> data(200'000), back(200'000);
        for (std::size_t i = 0; i < data.size(); ++i) data[i] = pattern(i);
        const auto put = co_await counted(file->write_all_at(data, 0));
        written_ = put.count();
        if (!put) co_return;
        if (!co_await counted(file->sync())) co_return;
        const auto size = co_await counted(file->size());
        if (!size) co_return;
        EXPECT_EQ(*size, data.size());
        const auto got = co_await counted(file->read_exact_at(back, 0));
        if (!got) co_return;
        EXPECT_EQ(back, data);
    }
    Task<> check(bool, bool) {
        if (written_ == 0) co_return;
        auto file = must(co_await async::File::open(pool_, path_));
        std::vector<std::byte> back(written_);
        EXPECT_TRUE(co_await file.read_exact_at(back, 0));
        for (std::size_t i = 0; i < back.size(); ++i)
            if (back[i] != pattern(i)) co_return ADD_FAILURE() << "byte " << i;
    }

  private:
    std::string path_ = fresh_path("sweep");
    std::size_t written_ = 0;
    async::Pool pool_{1};
};

TEST(Sweep, FilesHaveWhatWasReportedAsWritten) { sweep<Writing>(); }

} // namespace
