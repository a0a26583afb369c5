// A selector of any backend in one form, and the fixture in which scenarios run.

#pragma once

#include "os.hpp"
#include "shared.hpp"

namespace probe {

/// Wakes the selector that created it, which outlives it.
class Waker {
  public:
    Waker() = default;
    Waker(const Waker&) = delete;
    Waker& operator=(const Waker&) = delete;
    virtual ~Waker();

    [[nodiscard]] virtual mio::Result<> wake() noexcept = 0;
};

/// A selector to observe. The concept `mio::sys::SelectorBackend` documents its members.
class Selector {
  public:
    Selector() = default;
    Selector(const Selector&) = delete;
    Selector& operator=(const Selector&) = delete;
    virtual ~Selector();

    [[nodiscard]] virtual mio::Result<std::uint64_t> add(mio::RawHandle, mio::Token, mio::Interest,
                                                         mio::Trigger) noexcept = 0;
    [[nodiscard]] virtual mio::Result<> modify(mio::RawHandle, std::uint64_t state, mio::Token, mio::Interest,
                                               mio::Trigger) noexcept = 0;
    [[nodiscard]] virtual mio::Result<> remove(mio::RawHandle, std::uint64_t state) noexcept = 0;
    [[nodiscard]] virtual mio::Result<> rearm(std::uint64_t state, mio::Interest blocked) const noexcept = 0;
    virtual void forget(std::uint64_t state) const noexcept = 0;
    [[nodiscard]] virtual mio::Result<> select(mio::Events&, std::chrono::nanoseconds timeout) noexcept = 0;

    /// Room for the events of this backend.
    [[nodiscard]] virtual mio::Events make_events(std::size_t capacity) const = 0;
    /// A waker whose wakes are reported with `token`. Throws `Refused`.
    [[nodiscard]] virtual std::unique_ptr<Waker> make_waker(mio::Token token) = 0;
};

/// The number of times that a step causes the event of a row.
enum class Times : std::uint8_t {
    never,         ///< the step causes no event
    once,          ///< exactly once
    at_least_once, ///< once or more: the kernel may report a change in several parts
    unsupported,   ///< the backend cannot watch for the condition
};

/// A row of the documented table. A step that causes several events at once, such as one for each direction, has a row for
/// each. Their order is unspecified.
struct Row {
    std::string_view scenario;
    std::string_view step;
    Times times;
    std::string_view flags;      ///< as the backend describes them
    std::string_view predicates; ///< as `letters` gives them
};

/// A backend that can be observed.
struct Backend {
    std::string_view name;
    std::unique_ptr<Selector> (*open)();        ///< throws `Refused`
    std::string (*describe)(const mio::Event&); ///< the OS record with its flag names
    std::vector<Row> contract;                  ///< the documented table
};

/// The rows of one backend in the golden table. Throws `std::runtime_error` if the table cannot be parsed.
std::vector<Row> golden_rows(std::string_view backend);

/// The text of tools/golden/events.txt, embedded at build time.
std::string_view golden_text();
/// True if kqueue is the test double, whose rows replace some of those of kqueue.
bool kqueue_is_double();

/// Every backend of this build, the platform's default first.
std::vector<Backend> observable_backends();

/// Events of one source after one action.
struct Step {
    std::string name;                ///< the action or the condition: "peer closed"
    std::vector<mio::Event> records; ///< in order of arrival
    bool is_unsupported = false;     ///< the backend cannot watch for the condition
};

/// A source whose events are expected, and the name of their step.
struct Awaited {
    mio::Token token;
    std::string step;
};

/// Token of the source in scenarios with a single source.
inline constexpr mio::Token only{};

/// Arguments of a registration.
struct RegisterOptions {
    mio::Interest interest;
    mio::Trigger trigger = mio::Trigger::edge;
    mio::Token token = only;
};

/// Thrown when a backend cannot watch for the condition of a scenario.
struct Unsupported {};

/// Like `mio::Registration`, but with any selector of this build.
class Registration {
  public:
    Registration(Selector& selector, mio::RawHandle handle) noexcept
        : selector_(&selector), handle_(handle) {}
    Registration(Registration&& other) noexcept
        : selector_(other.selector_), handle_(other.handle_), state_(std::exchange(other.state_, 0)) {}
    ~Registration() {
        if (state_ != 0) selector_->forget(state_);
    }

    void add(const RegisterOptions& options);
    void modify(const RegisterOptions& options);
    void remove();
    void rearm(mio::Interest blocked) const;

  private:
    Selector* selector_;
    mio::RawHandle handle_;
    std::uint64_t state_ = 0; // 0: not watched
};

/// A source and its registration, made by `Stage::hold` or `Stage::watch`. Closing the source ends the registration.
/// The members throw `Refused`, and `Unsupported`.
template <class S> class Watched {
  public:
    Watched(Selector& selector, S source)
        : source_(std::move(source)), registration_(selector, source_.raw()) {}

    void add(const RegisterOptions& options) { registration_.add(options); }
    void modify(const RegisterOptions& options) { registration_.modify(options); }
    void remove() { registration_.remove(); }

    /// For operations that never block.
    [[nodiscard]] const S& operator*() const noexcept { return source_; }
    [[nodiscard]] const S* operator->() const noexcept { return &source_; }

    /// Runs `operation` on the source and returns its `mio::Result`; re-arms `direction` if it would block.
    template <class F> auto attempt(mio::Interest direction, F operation) const {
        auto result = operation(source_);
        if (!result && mio::would_block(result.error())) registration_.rearm(direction);
        return result;
    }

  private:
    S source_;
    Registration registration_; // after the source, so that it is destroyed first
};

/// The selector of one scenario, and the events observed so far.
class Stage {
  public:
    /// Throws `Refused`.
    explicit Stage(const Backend& backend);

    /// Makes an unregistered source.
    template <class S> [[nodiscard]] Watched<S> hold(S source) const {
        return Watched<S>(*selector_, std::move(source));
    }
    /// Makes a registered source.
    template <class S> [[nodiscard]] Watched<S> watch(S source, const RegisterOptions& options) const {
        auto watched = hold(std::move(source));
        watched.add(options);
        return watched;
    }
    [[nodiscard]] std::unique_ptr<Waker> make_waker(mio::Token token = only) const {
        return selector_->make_waker(token);
    }

    /// Discards the events that registering causes.
    void settle();

    /// Waits for an event of the only source, then until no further event arrives.
    void observe(std::string step);

    /// Waits for an event of every listed source, then until no further event arrives.
    void observe(const std::vector<Awaited>& sources);

    /// Polls once without waiting. For conditions that every poll reports.
    void observe_now(std::string step);

    /// Polls for a short time and expects no event.
    void observe_silence(std::string step);

    /// Everything observed so far.
    [[nodiscard]] const std::vector<Step>& steps() const noexcept { return steps_; }

  private:
    [[nodiscard]] bool poll_for(std::chrono::milliseconds limit);

    std::unique_ptr<Selector> selector_;
    mio::Events events_;
    std::vector<Step> steps_;
};

/// Default interest of a source that reads and writes.
inline constexpr auto read_write = mio::Interest::readable | mio::Interest::writable;

/// Two connected ends.
template <class S, class Peer = S> struct Pair {
    S local; ///< the end to watch
    Peer peer;
};

/// Two connected ends; the local one is watched.
template <class S, class Peer = S> struct WatchedPair {
    Watched<S> local;
    Peer peer;
};

using TcpPair = Pair<mio::net::TcpStream>;

/// 127.0.0.1 and port 0.
mio::net::SocketAddress loopback() noexcept;

/// A listener on loopback.
mio::net::TcpListener listen_on_loopback();

/// A connection over loopback that is established at both ends.
TcpPair tcp_pair();

/// Watches the local end of `pair`.
template <class S, class Peer>
WatchedPair<S, Peer> watch(Stage& stage, Pair<S, Peer> pair, const RegisterOptions& options) {
    return {stage.watch(std::move(pair.local), options), std::move(pair.peer)};
}
/// As `watch`, and discards the event that registering causes.
template <class S, class Peer>
WatchedPair<S, Peer> watch_settled(Stage& stage, Pair<S, Peer> pair, const RegisterOptions& options) {
    auto watched = watch(stage, std::move(pair), options);
    stage.settle();
    return watched;
}

/// Waits until the kernel reports `state`.
template <class S> void await(const S& source, os::State state) {
    must(os::await(source.raw(), state), "poll");
}
template <class S> void await(const Watched<S>& source, os::State state) { await(*source, state); }

/// Closes `source`.
template <class S> void close(S source) { const auto closed = std::move(source); }

template <class S>
concept Receiving = requires(const S& source, std::span<std::byte> buffer) { source.receive(buffer); };

/// One read or write operation.
template <class S> mio::Result<std::size_t> read(const S& source, std::span<std::byte> buffer) {
    if constexpr (Receiving<S>) {
        return source.receive(buffer);
    } else {
        return source.read(buffer);
    }
}
template <class S> mio::Result<std::size_t> write(const S& source, std::span<const std::byte> bytes) {
    if constexpr (Receiving<S>) {
        return source.send(bytes);
    } else {
        return source.write(bytes);
    }
}
template <class S> mio::Result<std::size_t> read(const Watched<S>& source, std::span<std::byte> buffer) {
    return source.attempt(mio::Interest::readable, [buffer](const S& s) { return read(s, buffer); });
}
template <class S>
mio::Result<std::size_t> write(const Watched<S>& source, std::span<const std::byte> bytes) {
    return source.attempt(mio::Interest::writable, [bytes](const S& s) { return write(s, bytes); });
}

/// Writes `text`, which must fit into the socket buffer.
template <class S> void send(const S& source, std::string_view text) {
    must(write(source, std::as_bytes(std::span(text))), "write");
}

/// Reads up to `count` bytes with one call; at most 256.
template <class S> void read_some(const S& source, std::size_t count) {
    std::array<std::byte, 256> buffer;
    must(read(source, std::span(buffer).first(count)), "read");
}

/// Reads until it would block or until end of stream.
template <class S> void read_everything(const S& source) {
    std::array<std::byte, 64 * 1024> buffer;
    while (true) {
        const auto count = read(source, buffer);
        if (!count && mio::would_block(count.error())) return;
        if (must(count, "read") == 0) return;
    }
}

/// Writes until it would block and no more room appears.
template <class S> void fill(const Watched<S>& source) {
    constexpr std::array<std::byte, 16 * 1024> block{};
    while (true) {
        const auto count = write(source, block);
        if (count) continue;
        if (!mio::would_block(count.error())) must(count, "write");
        if (!must(os::becomes(source->raw(), os::State::writable), "poll")) return;
    }
}

/// Reads at the peer until the local end is writable.
template <class S, class Peer> void make_room(const WatchedPair<S, Peer>& pair) {
    for (int i = 0; i < 100; ++i) {
        read_everything(pair.peer);
        if (must(os::becomes(pair.local->raw(), os::State::writable), "poll")) return;
    }
    await(pair.local, os::State::writable); // reports the failure
}

using WatchedTcpPair = WatchedPair<mio::net::TcpStream>;

/// A connection that is watched for readability only, so that no event reports it as writable.
WatchedTcpPair readable_pair(Stage& stage, mio::Trigger trigger);

/// Sends `text` to the watched end and waits until it has arrived.
void send_and_await(const WatchedTcpPair& pair, std::string_view text);

/// Closes the peer and waits until the watched end has received the end of stream.
void close_and_await(WatchedTcpPair& pair);

/// A sequence of actions on real sockets, and the events that they cause.
struct Scenario {
    std::string_view name;
    std::string_view description;
    void (*run)(Stage&); ///< throws `Refused`, and `Unsupported`
};

// Scenarios by topic. Those of Unix sockets and pipes exist on Unix only.
std::span<const Scenario> tcp_scenarios();
std::span<const Scenario> listener_scenarios();
std::span<const Scenario> udp_scenarios();
std::span<const Scenario> unix_scenarios();
std::span<const Scenario> pipe_scenarios();
std::span<const Scenario> waker_scenarios();
std::span<const Scenario> edge_scenarios();
std::span<const Scenario> level_scenarios();
std::span<const Scenario> oneshot_scenarios();
std::span<const Scenario> registration_scenarios();

/// Every scenario, in the order in which they are shown.
std::vector<Scenario> scenarios();

} // namespace probe
