#include "watch.hpp"
#include "commands.hpp"

namespace probe {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Source = std::variant<Connection<Tcp>, Listener<Tcp>, Datagrams, Connection<Local>, Listener<Local>,
                            Fifo, Descriptor, Timer>;

constexpr mio::Token interrupt_token{std::numeric_limits<std::size_t>::max()};

// Level triggers, and one-shots, which are re-armed at once, repeat a condition that holds, too fast to read.
constexpr auto time_between_rounds = 100ms;

// The addresses of each target with a host, by its name. Looked up before anything else, since it can take long: Ctrl-C
// ends the program at this stage as it ends any other.
using Addresses = std::map<std::string, std::vector<mio::net::SocketAddress>, std::less<>>;

// Runs `f`, and adds the name of the target to its exceptions.
template <class F> auto with_name_of(const Target& target, Log& log, F f) {
    try {
        return f();
    } catch (Refused& refused) {
        log.final_failure(target.name, refused);
        refused.call = target.name + ": " + refused.call;
        throw;
    }
}

std::vector<mio::net::SocketAddress> resolve(std::string_view host, std::uint16_t port) {
    using mio::net::IpAddress;
    // No host, which only a target that is bound may have: all addresses of this machine.
    if (host.empty()) return {{IpAddress::any_v6(), port}, {IpAddress::any_v4(), port}};
    return must(mio::net::resolve(host, std::to_string(port)), "resolve");
}

Addresses resolve(const std::vector<Target>& targets, Log& log) {
    Addresses addresses;
    for (const auto& target : targets) {
        const auto resolve_host = [&](const auto& kind) {
            if constexpr (requires { kind.host; }) {
                addresses[target.name] =
                    with_name_of(target, log, [&] { return resolve(kind.host, kind.port); });
            }
        };
        std::visit(resolve_host, target.kind);
    }
    return addresses;
}

// Checked first: a descriptor that the program opens would take the number of one that is not open.
void require_open_descriptors(const std::vector<Target>& targets, Log& log) {
    for (const auto& target : targets) {
        const auto* descriptor = std::get_if<DescriptorTarget>(&target.kind);
        if (descriptor == nullptr) continue;
        with_name_of(target, log, [&] { must(os::require_open(descriptor->handle), "fcntl"); });
    }
}

Source make_source(Context& context, const Target& target, const Addresses& addresses) {
    struct Maker {
        Context& context;
        const std::string& name;
        const Addresses& addresses;

        Source operator()(const TcpTarget&) const { return Connection<Tcp>(context, name, resolved()); }
        Source operator()(const ListenTarget&) const { return Listener<Tcp>(context, name, resolved()); }
        Source operator()(const UdpTarget&) const { return Datagrams(context, name, resolved()); }
        Source operator()(const UnixTarget& t) const { return Connection<Local>(context, name, {t.address}); }
        Source operator()(const UnixListenTarget& t) const {
            return Listener<Local>(context, name, {t.address});
        }
        Source operator()(const FifoTarget& t) const { return Fifo(context, name, t.path); }
        Source operator()(const DescriptorTarget& t) const { return Descriptor(context, name, t.handle); }
        Source operator()(const TimerTarget& t) const { return Timer(context, name, t); }

        [[nodiscard]] const std::vector<mio::net::SocketAddress>& resolved() const {
            return addresses.find(name)->second;
        }
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

std::string in_microseconds(std::chrono::nanoseconds time) {
    return std::to_string(std::chrono::round<std::chrono::microseconds>(time).count()) + " µs";
}

// Without zeros, for legibility.
Cell count_cell(std::uint64_t count) {
    return count == 0 ? Cell{".", Style::faint} : Cell{std::to_string(count)};
}

std::string lateness_of(const Summary& summary) {
    const auto& late = *summary.lateness;
    return "expired " + std::to_string(late.count()) + (late.count() == 1 ? " time" : " times") + ", late by "
           + in_microseconds(late.minimum()) + " at best, " + in_microseconds(late.at(0.5))
           + " as the median, " + in_microseconds(late.maximum()) + " at most";
}

// "listen://127.0.0.1:80: 2 events, R 2, read 12 bytes"
std::string sentence_of(const Summary& summary) {
    std::string text =
        summary.source + ": " + std::to_string(summary.events) + (summary.events == 1 ? " event" : " events");
    const auto add = [&](std::string_view name, std::uint64_t count) {
        if (count != 0) text += ", " + std::string(name) + ' ' + std::to_string(count);
    };
    for (std::size_t i = 0; i < predicate_count; ++i) add(letters_of(i), summary.predicates[i]);
    add("connections", summary.connections);
    add("bytes read", summary.bytes_read);
    add("bytes written", summary.bytes_written);
    return text;
}

std::string text_of(const std::vector<Summary>& summaries, const Output& output) {
    std::vector<Cell> head{{"summary", Style::strong}, {"events", Style::strong}};
    for (std::size_t i = 0; i < predicate_count; ++i)
        head.push_back({std::string(letters_of(i)), Style::strong});
    for (const auto* name : {"read", "written"}) head.push_back({name, Style::strong});
    Rows rows{std::move(head)};
    std::string late;
    for (const auto& summary : summaries) {
        std::vector<Cell> row{{summary.source, Style::accent}, count_cell(summary.events)};
        if (summary.connections != 0) row.front().text += " (" + std::to_string(summary.connections) + ')';
        for (const auto count : summary.predicates) row.push_back(count_cell(count));
        row.push_back(count_cell(summary.bytes_read));
        row.push_back(count_cell(summary.bytes_written));
        rows.push_back(std::move(row));
        if (summary.lateness && !summary.lateness->empty())
            late += paragraph(visible(summary.source) + ": " + lateness_of(summary), output, 2);
    }
    if (fits(rows, output)) return aligned(rows, output) + late;
    std::string text;
    for (const auto& summary : summaries) text += paragraph(visible(sentence_of(summary)), output, 2);
    return text + late;
}

class Session {
  public:
    Session(const WatchOptions& options, Output& output, Log& log)
        : options_(options), output_(output), log_(log) {
        must(poll_.registry().add(interrupt_.source(), interrupt_token, mio::Interest::readable),
             "Registry::add");
        if (options_.time) deadline_ = log_.start() + *options_.time;
    }

    ExitStatus run(const Addresses& addresses) {
        for (const auto& target : options_.targets) {
            with_name_of(target, log_, [&] { start(make_source(context_, target, addresses)); });
        }
        std::string_view reason = end_reason();
        while (reason.empty()) {
            round();
            reason = end_reason();
        }
        if (options_.counters) log_counters();
        const auto events = context_.events;
        const auto count = std::to_string(events) + (events == 1 ? " event" : " events");
        if (options_.json) log_summaries();
        log_.remark("watch", "done", std::string(reason) + ", " + count,
                    {{"reason", std::string(reason)}, {"events", events}});
        if (!options_.json) output_.write('\n' + text_of(context_.summaries, output_));
        return was_refused_ ? ExitStatus::refused : ExitStatus::done;
    }

  private:
    struct Entry {
        Source source;
        std::optional<Clock::time_point> resume_at;
    };
    using Entries = std::map<std::size_t, Entry>;

    // Empty while the program continues.
    [[nodiscard]] std::string_view end_reason() const {
        if (interrupt_.requested()) return "interrupted";
        if (output_.closed()) return "standard output closed";
        if (!context_.wants_more()) return "count reached";
        if (deadline_ && Clock::now() >= *deadline_) return "time is up";
        if (entries_.empty()) return "nothing left to watch";
        return "";
    }

    // Writes all events of a poll before handling them, so that the times in the log are in order.
    void round() {
        poll();
        const auto time = context_.polled_at = Clock::now();
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

    // The next time at which there is something to do without an event.
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

    // False for the event of a signal, and for events beyond the requested number.
    bool log(const mio::Event& event, Clock::time_point time) {
        const auto entry = entries_.find(event.token().value);
        if (entry == entries_.end() || !context_.wants_more()) return false;
        ++context_.events;
        context_.summary_of(group_of(entry->second.source)).count(event);
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
            log_.final_failure(name_of(source), refused);
            print_error(name_of(source) + ": " + message_of(refused));
            entries_.erase(entry);
        }
    }

    void start(Source source) {
        const auto token = std::visit([](const auto& s) { return s.token(); }, source);
        const auto entry = entries_.emplace(token.value, Entry{std::move(source), {}}).first;
        const auto outcome = std::visit([](auto& s) { return s.start(); }, entry->second.source);
        static_cast<void>(
            context_.summary_of(group_of(entry->second.source))); // also of a source without events
        apply(entry, outcome);
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

    [[nodiscard]] static const std::string& group_of(const Source& source) {
        return std::visit(
            [](const auto& s) -> const std::string& {
                if constexpr (requires { s.group(); }) {
                    return s.group();
                } else {
                    return s.name();
                }
            },
            source);
    }

    void log_summaries() {
        for (const auto& summary : context_.summaries) {
            std::vector<Field> fields{{"events", summary.events}};
            for (std::size_t i = 0; i < predicate_count; ++i)
                fields.emplace_back(name_of_predicate(i), summary.predicates[i]);
            fields.emplace_back("connections", summary.connections);
            fields.emplace_back("bytes_read", summary.bytes_read);
            fields.emplace_back("bytes_written", summary.bytes_written);
            if (summary.lateness) {
                const auto microseconds = [](std::chrono::nanoseconds time) {
                    return static_cast<std::uint64_t>(
                        std::chrono::round<std::chrono::microseconds>(time).count());
                };
                const auto& late = *summary.lateness;
                fields.emplace_back("expiries", late.count());
                fields.emplace_back("late_us_minimum", microseconds(late.minimum()));
                fields.emplace_back("late_us_median", microseconds(late.at(0.5)));
                fields.emplace_back("late_us_maximum", microseconds(late.maximum()));
            }
            log_.remark(summary.source, "summary", "", fields);
        }
    }

    const WatchOptions& options_;
    Output& output_;
    Log& log_;
    Interrupt interrupt_;
    mio::Poll poll_ = must(mio::Poll::create(), "Poll::create");
    mio::Events events_{64};
    mio::PollCounters counters_;
    Context context_{poll_.registry(), options_, log_};
    std::optional<Clock::time_point> deadline_;
    Entries entries_; // by token
    bool was_refused_ = false;
};

} // namespace

ExitStatus run(const WatchOptions& options) {
    Output output;
    Log log(output, {.json = options.json,
                     .hex = options.hex,
                     .shown = options.shown,
                     .time_style = options.time_style,
                     .source_width = source_width(options.targets)});
    if (options.json) log.remark("watch", "start", "", header_fields("watch"));
    require_open_descriptors(options.targets, log);
    const auto addresses = resolve(options.targets, log);
    return Session(options, output, log).run(addresses);
}

} // namespace probe
