#include "stage.hpp"

namespace probe {

Waker::~Waker() = default;

Selector::~Selector() = default;

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto patience = 2000ms; // for an expected event, on a busy machine
constexpr auto quiet = 10ms;      // without an event: then no more are expected
constexpr auto silence = 30ms;    // for events that must not occur

// The value of a selector's result; throws `Refused` or `Unsupported` for an error.
template <class T> T supported(mio::Result<T> result, const char* call) {
    if (!result && result.error() == mio::Errc::unsupported) throw Unsupported{};
    return must(std::move(result), call);
}

} // namespace

void Registration::add(const RegisterOptions& options) {
    state_ =
        supported(selector_->add(handle_, options.token, options.interest, options.trigger), "Selector::add");
}

void Registration::modify(const RegisterOptions& options) {
    supported(selector_->modify(handle_, state_, options.token, options.interest, options.trigger),
              "Selector::modify");
}

void Registration::remove() {
    must(selector_->remove(handle_, state_), "Selector::remove");
    state_ = 0;
}

void Registration::rearm(mio::Interest blocked) const {
    if (state_ != 0) must(selector_->rearm(state_, blocked), "Selector::rearm");
}

Stage::Stage(const Backend& backend) : selector_(backend.open()), events_(selector_->make_events(16)) {}

// Returns true if there was an event. A signal does not shorten it: Ctrl-C takes effect between two scenarios.
bool Stage::poll_for(std::chrono::milliseconds limit) {
    const auto deadline = Clock::now() + limit;
    while (true) {
        const auto selected = selector_->select(events_, deadline - Clock::now());
        if (selected || !mio::interrupted(selected.error())) {
            must(selected, "Selector::select");
            return !events_.empty();
        }
    }
}

void Stage::settle() {
    while (poll_for(quiet)) {
    }
}

void Stage::observe(std::string step) { observe({Awaited{only, std::move(step)}}); }

void Stage::observe(const std::vector<Awaited>& sources) {
    const auto first = steps_.size();
    for (const auto& source : sources) steps_.push_back({source.step, {}});
    const auto is_missing = [&] {
        return std::any_of(steps_.begin() + static_cast<std::ptrdiff_t>(first), steps_.end(),
                           [](const Step& step) { return step.records.empty(); });
    };
    const auto deadline = Clock::now() + patience;
    while (true) {
        const bool waits = is_missing() && Clock::now() < deadline;
        const bool came = poll_for(waits ? patience : quiet);
        for (const auto& event : events_) {
            const auto source = std::ranges::find(sources, event.token(), &Awaited::token);
            if (source == sources.end()) continue;
            steps_[first + static_cast<std::size_t>(source - sources.begin())].records.push_back(event);
        }
        if (!came && !waits) return;
    }
}

void Stage::observe_now(std::string step) {
    static_cast<void>(poll_for(patience));
    steps_.push_back({std::move(step), {events_.begin(), events_.end()}});
}

void Stage::observe_silence(std::string step) {
    static_cast<void>(poll_for(silence));
    steps_.push_back({std::move(step), {events_.begin(), events_.end()}});
}

mio::net::SocketAddress loopback() noexcept { return {mio::net::IpAddress::loopback_v4(), 0}; }

mio::net::TcpListener listen_on_loopback() { return must(mio::net::TcpListener::bind(loopback()), "bind"); }

TcpPair tcp_pair() {
    const auto listener = listen_on_loopback();
    const auto address = must(listener.local_address(), "getsockname");
    auto local = must(mio::net::TcpStream::connect(address), "connect");
    await(listener, os::State::readable);
    auto [peer, peer_address] = must(listener.accept(), "accept");
    await(local, os::State::writable);
    must(local.finish_connect(), "connect");
    return {std::move(local), std::move(peer)};
}

WatchedTcpPair readable_pair(Stage& stage, mio::Trigger trigger) {
    return watch(stage, tcp_pair(), {mio::Interest::readable, trigger});
}

void send_and_await(const WatchedTcpPair& pair, std::string_view text) {
    send(pair.peer, text);
    await(pair.local, os::State::readable);
}

void close_and_await(WatchedTcpPair& pair) {
    close(std::move(pair.peer));
    await(pair.local, os::State::read_closed);
}

} // namespace probe
