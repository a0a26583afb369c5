#include "watch.hpp"
#include "commands.hpp"

namespace probe {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Source = std::variant<Connection<Tcp>, Listener<Tcp>, Datagrams, Connection<Local>, Listener<Local>,
                            Fifo, Descriptor>;

constexpr mio::Token interrupt_token{std::numeric_limits<std::size_t>::max()};

// Level triggers, and oneshot, which is re-armed at once, repeat a condition that holds: too fast to read.
constexpr auto time_between_rounds = 100ms;

// The addresses of each connection to make, by the name of its target. Looked up before anything else, since it can
// take long: Ctrl-C ends the program at this stage as it ends any other.
using Addresses = std::map<std::string, std::vector<mio::net::SocketAddress>, std::less<>>;

Addresses resolve(const std::vector<Target>& targets) {
    Addresses addresses;
    for (const auto& target : targets) {
        const auto* tcp = std::get_if<TcpTarget>(&target.kind);
        if (tcp == nullptr) continue;
        auto found = mio::net::resolve(tcp->host, std::to_string(tcp->port));
        addresses[target.name] = must(std::move(found), target.name + ": resolve");
    }
    return addresses;
}

// Checked first: a descriptor that the program opens would take the number of one that is not open.
void require_open_descriptors(const std::vector<Target>& targets) {
    for (const auto& target : targets) {
        const auto* descriptor = std::get_if<DescriptorTarget>(&target.kind);
        if (descriptor != nullptr) must(os::require_open(descriptor->handle), target.name + ": fcntl");
    }
}

Source make_source(Context& context, const Target& target, const Addresses& addresses) {
    struct Maker {
        Context& context;
        const std::string& name;
        const Addresses& addresses;

        Source operator()(const TcpTarget&) const {
            return Connection<Tcp>(context, name, addresses.find(name)->second);
        }
        Source operator()(const ListenTarget& t) const { return Listener<Tcp>(context, name, t.address); }
        Source operator()(const UdpTarget& t) const { return Datagrams(context, name, t.address); }
        Source operator()(const UnixTarget& t) const { return Connection<Local>(context, name, {t.address}); }
        Source operator()(const UnixListenTarget& t) const {
            return Listener<Local>(context, name, t.address);
        }
        Source operator()(const FifoTarget& t) const { return Fifo(context, name, t.path); }
        Source operator()(const DescriptorTarget& t) const { return Descriptor(context, name, t.handle); }
    };
    return std::visit(Maker{context, target.name, addresses}, target.kind);
}

// Wide enough for every target, and for an accepted connection over IPv4.
std::size_t source_width(const std::vector<Target>& targets) {
    std::size_t width = std::string_view("#10 127.0.0.1:54321").size();
    for (const auto& target : targets) {
        // Port 0 may become a port of five digits.
        const bool is_bound = std::holds_alternative<ListenTarget>(target.kind)
                              || std::holds_alternative<UdpTarget>(target.kind);
        width = std::max(width, target.name.size() + (is_bound ? 4 : 0));
    }
    return width;
}

// With microseconds: "12.345 ms".
std::string in_milliseconds(std::chrono::nanoseconds time) {
    const auto microseconds = std::chrono::round<std::chrono::microseconds>(time).count();
    auto fraction = std::to_string(microseconds % 1000);
    fraction.insert(0, 3 - fraction.size(), '0');
    return std::to_string(microseconds / 1000) + '.' + fraction + " ms";
}

class Session {
  public:
    Session(const WatchOptions& options, Output& output)
        : options_(options), output_(output),
          log_(output, {options.json, options.hex, source_width(options.targets)}) {
        must(poll_.registry().add(interrupt_.source(), interrupt_token, mio::Interest::readable),
             "Registry::add");
        if (options_.time) deadline_ = log_.start() + *options_.time;
    }

    ExitStatus run(const Addresses& addresses) {
        for (const auto& target : options_.targets) {
            try {
                start(make_source(context_, target, addresses));
            } catch (Refused& refused) {
                refused.call = target.name + ": " + refused.call;
                throw;
            }
        }
        std::string_view reason = end_reason();
        while (reason.empty()) {
            round();
            reason = end_reason();
        }
        if (options_.counters) log_counters();
        const auto count = std::to_string(count_) + (count_ == 1 ? " event" : " events");
        log_.remark("watch", "done", std::string(reason) + ", " + count,
                    {{"reason", std::string(reason)}, {"events", count_}});
        return was_refused_ ? ExitStatus::refused : ExitStatus::done;
    }

  private:
    struct Entry {
        Source source;
        std::optional<Clock::time_point> resume_at;
    };
    using Entries = std::map<std::size_t, Entry>;

    // Empty while there is reason to go on.
    [[nodiscard]] std::string_view end_reason() const {
        if (interrupt_.requested()) return "interrupted";
        if (output_.closed()) return "standard output closed";
        if (options_.count && count_ >= *options_.count) return "count reached";
        if (deadline_ && Clock::now() >= *deadline_) return "time is up";
        if (entries_.empty()) return "nothing left to watch";
        return "";
    }

    // Writes all events of a poll before handling them, so that the times in the log are in order.
    void round() {
        poll();
        const auto time = Clock::now();
        std::vector<mio::Event> seen;
        for (const auto& event : events_) {
            if (log(event, time)) seen.push_back(event);
        }
        for (const auto& event : seen) handle(event);
        resume_due();
        if (!seen.empty() && options_.trigger != mio::Trigger::edge) pause();
    }

    void poll() {
        const auto moment = next_moment();
        const auto polled = moment ? poll_.poll_until(events_, *moment, counters_)
                                   : poll_.poll(events_, std::nullopt, counters_);
        if (!polled && !mio::interrupted(polled.error())) throw Refused{"Poll::poll", polled.error(), {}};
    }

    void log_counters() {
        const auto time = counters_.time_in_polls();
        const auto gap = counters_.longest_gap();
        log_.remark("watch", "counters",
                    "polls: " + std::to_string(counters_.polls()) + ", events: "
                        + std::to_string(counters_.events()) + ", time in polls: " + in_milliseconds(time)
                        + ", longest gap: " + in_milliseconds(gap),
                    {{"polls", counters_.polls()},
                     {"events", counters_.events()},
                     {"nanoseconds_in_polls", static_cast<std::uint64_t>(time.count())},
                     {"longest_gap_nanoseconds", static_cast<std::uint64_t>(gap.count())}});
    }

    // When there is something to do, event or not.
    [[nodiscard]] std::optional<Clock::time_point> next_moment() const {
        auto moment = deadline_;
        for (const auto& [token, entry] : entries_) {
            if (entry.resume_at && (!moment || *entry.resume_at < *moment)) moment = entry.resume_at;
        }
        return moment;
    }

    void pause() {
        auto time = time_between_rounds;
        if (deadline_) {
            time = std::min(time, std::chrono::ceil<std::chrono::milliseconds>(*deadline_ - Clock::now()));
        }
        interrupt_.wait(time);
    }

    // False for the event of a signal, and for one too many.
    bool log(const mio::Event& event, Clock::time_point time) {
        const auto entry = entries_.find(event.token().value);
        if (entry == entries_.end() || (options_.count && count_ >= *options_.count)) return false;
        ++count_;
        log_.event(time, name_of(entry->second.source), event);
        return true;
    }

    void handle(const mio::Event& event) {
        const auto entry = entries_.find(event.token().value);
        if (entry == entries_.end()) return;
        const bool oneshot = options_.trigger == mio::Trigger::oneshot;
        act(entry, [&](auto& source) {
            const auto outcome = source.handle(event);
            if (oneshot && !outcome.is_finished) must(source.rearm(), "Registry::modify");
            return outcome;
        });
    }

    void resume_due() {
        for (auto next = entries_.begin(); next != entries_.end();) {
            const auto entry = next++;
            if (!entry->second.resume_at || Clock::now() < *entry->second.resume_at) continue;
            act(entry, [](auto& source) { return source.resume(); });
        }
    }

    // Runs an action of a source. If the source fails, the others continue.
    template <class F> void act(Entries::iterator entry, F action) {
        auto& source = entry->second.source;
        try {
            apply(entry, std::visit(action, source));
        } catch (const Refused& refused) {
            was_refused_ = true;
            log_.failure(name_of(source), refused);
            std::cerr << "mio-probe: " << name_of(source) << ": " << message_of(refused) << '\n';
            entries_.erase(entry);
        }
    }

    void start(Source source) {
        const auto token = std::visit([](const auto& s) { return s.token(); }, source);
        const auto entry = entries_.emplace(token.value, Entry{std::move(source), {}}).first;
        apply(entry, std::visit([](auto& s) { return s.start(); }, entry->second.source));
    }

    void apply(Entries::iterator entry, const Outcome& outcome) {
        const auto start_accepted = [this](auto& source) {
            if constexpr (requires { source.take_accepted(); }) {
                for (auto& connection : source.take_accepted()) start(std::move(connection));
            }
        };
        std::visit(start_accepted, entry->second.source);
        if (outcome.is_finished) {
            entries_.erase(entry);
        } else {
            entry->second.resume_at = outcome.resume_at;
        }
    }

    [[nodiscard]] static const std::string& name_of(const Source& source) {
        return std::visit([](const auto& s) -> const std::string& { return s.name(); }, source);
    }

    const WatchOptions& options_;
    Output& output_;
    Log log_;
    Interrupt interrupt_;
    mio::Poll poll_ = must(mio::Poll::create(), "Poll::create");
    mio::Events events_{64};
    mio::PollCounters counters_;
    Context context_{poll_.registry(), options_, log_};
    std::optional<Clock::time_point> deadline_;
    Entries entries_; // by token
    std::uint64_t count_ = 0;
    bool was_refused_ = false;
};

} // namespace

ExitStatus run(const WatchOptions& options) {
    require_open_descriptors(options.targets);
    const auto addresses = resolve(options.targets);
    Output output;
    return Session(options, output).run(addresses);
}

} // namespace probe
