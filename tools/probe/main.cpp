// mio-probe: the behaviour of each backend of mio on this machine.

#include <CLI/CLI.hpp>

#include "commands.hpp"
#include "os.hpp"

namespace probe {

namespace {

// A text to print instead of running a subcommand: help, or the version.
struct ShowText {
    std::string text;
    ExitStatus status;
};

// A parsed command line.
using Command = std::variant<ShowText, InfoOptions, EventsOptions, WatchOptions, BenchOptions, TraceOptions,
                             DoctorOptions>;

// Wider lines are hard to read.
constexpr std::size_t widest_help = 92;

std::size_t help_width(const Output& output) { return std::min(output.width(), widest_help); }

// "  NAME  MEANING": a row of a table in a text of help.
std::optional<std::vector<Cell>> table_row(const std::string& line) {
    if (!line.starts_with("  ")) return std::nullopt;
    const auto gap = line.find("  ", 2);
    const auto meaning = gap == line.npos ? gap : line.find_first_not_of(' ', gap);
    if (meaning == line.npos) return std::nullopt;
    return std::vector<Cell>{{line.substr(2, gap - 2)}, {line.substr(meaning)}};
}

// Paragraphs are filled, tables aligned, and indented lines, which are commands, left alone.
std::string filled(const std::string& text, const Output& output) {
    std::string result;
    std::string prose;
    Rows table;
    const auto end_block = [&] {
        if (!prose.empty()) {
            for (const auto& line : wrapped(prose, help_width(output))) result += line + '\n';
        }
        if (!table.empty()) result += aligned(table, output);
        prose.clear();
        table.clear();
    };
    for (const auto part : std::views::split(text, '\n')) {
        const std::string line(part.begin(), part.end());
        if (auto row = table_row(line)) {
            if (!prose.empty()) end_block();
            table.push_back(std::move(*row));
        } else if (line.empty() || line.starts_with("  ") || line.ends_with(':')) {
            end_block();
            result += line + '\n';
        } else {
            if (!table.empty()) end_block();
            prose += (prose.empty() ? "" : " ") + line;
        }
    }
    end_block();
    return result;
}

// Help that fits the terminal.
class HelpFormatter : public CLI::Formatter {
  public:
    std::string make_option(const CLI::Option* option, bool is_positional) const override {
        return entry(make_option_name(option, is_positional) + make_option_opts(option),
                     make_option_desc(option));
    }
    std::string make_subcommand(const CLI::App* app) const override {
        return entry(app->get_display_name(true), app->get_description());
    }
    std::string make_description(const CLI::App* app) const override {
        return filled(app->get_description(), output_);
    }
    std::string make_usage(const CLI::App* app, std::string name) const override {
        std::string text;
        auto usage = CLI::Formatter::make_usage(app, std::move(name));
        usage.pop_back(); // the line feed
        for (const auto& line : wrapped(usage, help_width(output_))) text += line + '\n';
        return text;
    }
    std::string make_footer(const CLI::App* app) const override { return filled(app->get_footer(), output_); }

  private:
    [[nodiscard]] std::string entry(const std::string& name, const std::string& meaning) const {
        constexpr std::size_t name_width = 27;
        constexpr std::size_t least_width = 50; // below it, the meaning goes under the name
        const bool is_beside = output_.width() >= least_width && name.size() <= name_width;
        return aligned({{{is_beside ? padded(name, name_width) : name}, {meaning}}}, output_);
    }

    Output output_;
};

// Options of every subcommand, before or after its name.
struct CommonOptions {
    bool json = false;
    std::string colours = "auto";

    void add_to(CLI::App& app, const std::string& json_description) {
        app.add_flag("--json", json, json_description);
        app.add_option("--color", colours,
                       "Colours: auto (on a terminal, unless NO_COLOR is set), always or never")
            ->option_text("WHEN")
            ->check(CLI::IsMember({"auto", "always", "never"}));
    }
    [[nodiscard]] Colours chosen_colours() const {
        if (colours == "always") return Colours::always;
        return colours == "never" ? Colours::never : Colours::automatic;
    }
};

// One subcommand: declares its arguments, and returns its options after parsing.
class Subcommand {
  public:
    Subcommand(CLI::App& app, CommonOptions& common, const char* name, const char* description,
               const char* json_description = "Print one JSON document")
        : app_(*app.add_subcommand(name, description)), common_(common) {
        common.add_to(app_, json_description);
    }

    [[nodiscard]] bool was_chosen() const { return app_.parsed(); }

  protected:
    CLI::App& app_;
    CommonOptions& common_;
};

// The value of the option `name`; throws `WrongUsage` if it cannot be parsed.
template <class T> T value_of(std::string_view name, Parsed<T> parsed) {
    if (!parsed) throw WrongUsage{std::string(name) + ' ' + parsed.error()};
    return std::move(*parsed);
}

// An option whose value a function of `shared.hpp` parses: an empty one is an error like any other.
template <class T> class ParsedOption {
  public:
    ParsedOption(CLI::App& app, const char* names, const char* type, const char* description,
                 Parsed<T> (*parse)(std::string_view))
        : option_(app.add_option(names, text_, description)->type_name(type)), parse_(parse) {}
    ParsedOption(const ParsedOption&) = delete;
    ParsedOption& operator=(const ParsedOption&) = delete;

    [[nodiscard]] std::optional<T> value() const {
        if (option_->count() == 0) return std::nullopt;
        return value_of(option_->get_name(), parse_(text_));
    }
    [[nodiscard]] const std::string& text() const { return text_; }
    void require() { option_->required(); }

  private:
    std::string text_;
    CLI::Option* option_;
    Parsed<T> (*parse_)(std::string_view);
};

class Info : public Subcommand {
  public:
    Info(CLI::App& app, CommonOptions& common)
        : Subcommand(app, common, "info", "Describe this build and the facilities of this machine") {
        app_.footer("Facilities are found by trying them: one that a sandbox forbids shows as no.\n\n"
                    "Example:\n  mio-probe info");
    }

    [[nodiscard]] InfoOptions options() const { return {.json = common_.json}; }
};

class Events : public Subcommand {
  public:
    Events(CLI::App& app, CommonOptions& common)
        : Subcommand(app, common, "events", "Run scenarios on real sockets and print the events") {
        app_.add_option("--scenario", options_.scenarios,
                        "Run only these; * stands for any characters, ? for one; see --list")
            ->type_name("NAME");
        app_.add_option("--backend", options_.backends,
                        "Run them on these, side by side (default: the one that Poll uses)")
            ->type_name("A[,B...]")
            ->delimiter(',');
        app_.add_flag("--list", options_.list, "List the scenarios");
        app_.add_flag(
            "--check", options_.check,
            "Compare with the documented events; exit status 1 on a difference, 130 if a signal ended it "
            "before all had run");
        app_.footer(
            "Backends of this build: " + joined(backends())
            + ". Side by side, steps whose predicates differ, all records taken together, are marked.\n\n"
              "Predicates: "
            + std::string(predicate_legend)
            + ".\n\nExamples:\n  mio-probe events --check\n"
              "  mio-probe events --scenario 'tcp-peer-*' --backend "
            + joined(backends(), ","));
    }

    [[nodiscard]] EventsOptions options() const {
        auto options = options_;
        options.json = common_.json;
        return options;
    }

  private:
    EventsOptions options_;
};

class Watch : public Subcommand {
  public:
    Watch(CLI::App& app, CommonOptions& common)
        : Subcommand(app, common, "watch",
                     "Watch sockets, pipes, descriptors and timers, and print each event",
                     "Print one JSON object per line"),
          interest_(app_, "--interest", "[rwp]",
                    "Letters: r readable, w writable, p priority (rw for connections, r for others)",
                    parse_interest),
          trigger_(app_, "--trigger", "KIND", "edge, level or oneshot (edge)", parse_trigger),
          shown_(app_, "-s,--show", "BYTES",
                 "Print at most so many bytes of each read (1024; with --json all)", parse_count),
          send_(app_, "--send", "TEXT|@FILE",
                "Send this on each connection, made or accepted; \\n, \\r, \\t, \\0, \\\\ and \\xHH are "
                "escapes",
                parse_data),
          count_(app_, "--count", "N", "End after N events", parse_count),
          time_(app_, "--for", "DURATION", "End after this time: 250ms, 1.5s, 2m, 1h; 5 is 5s",
                parse_duration) {
        app_.add_option("TARGET", targets_, "The source to watch; see below")->required()->type_name("");
        app_.add_flag("--read", read_, "Read and print the data that arrives");
        app_.add_flag("--hex", hex_, "Print it as a hexadecimal dump; implies --read");
        app_.add_flag("--echo", echo_, "Send what arrives back to where it came from; implies --read");
        app_.add_option(
                "--time", time_style_,
                "Time of each line: elapsed since the start, absolute, or delta since the line before")
            ->option_text("STYLE")
            ->check(CLI::IsMember({"elapsed", "absolute", "delta"}));
        app_.add_flag("--counters", counters_, "At the end, print what the polling loop did");
        app_.footer(footer());
    }

    [[nodiscard]] WatchOptions options() const {
        WatchOptions options;
        for (const auto& target : targets_) {
            options.targets.push_back(value_of("TARGET", parse_target(target)));
        }
        options.interest = interest_.value();
        options.trigger = trigger_.value().value_or(options.trigger);
        options.time = time_.value();
        options.count = count_.value();
        options.read = read_ || hex_ || echo_;
        options.hex = hex_;
        options.shown = shown_.value();
        options.send = send_.value().value_or("");
        options.echo = echo_;
        if (time_style_ == "absolute") options.time_style = TimeStyle::absolute;
        if (time_style_ == "delta") options.time_style = TimeStyle::delta;
        options.counters = counters_;
        options.json = common_.json;
        require_sense(options);
        return options;
    }

  private:
    void require_sense(const WatchOptions& options) const {
        const auto require = [&](bool has_it, std::string_view what) {
            if (!has_it) throw WrongUsage{"--interest '" + interest_.text() + "': " + std::string(what)};
        };
        const bool writes = options.echo || !options.send.empty();
        if (options.interest) {
            require(!options.read || options.interest->is_readable(), "--read needs r among the interests");
            require(!writes || options.interest->is_writable(),
                    "--send and --echo need w among the interests");
        }
        const bool has_connection = std::ranges::any_of(options.targets, has_connections);
        const bool has_peers =
            has_connection || std::ranges::any_of(options.targets, [](const Target& target) {
                return std::holds_alternative<UdpTarget>(target.kind);
            });
        if (!options.send.empty() && !has_connection)
            throw WrongUsage{"--send: needs a target with connections: tcp, listen, unix or unix-listen"};
        if (options.echo && !has_peers)
            throw WrongUsage{"--echo: needs a target with peers: tcp, listen, udp, unix or unix-listen"};
    }

    static std::string footer() {
        return "Targets:\n"
               "  tcp://HOST:PORT     Connects; tries the addresses of a name in turn\n"
               "  listen://HOST:PORT  Listens, and watches what it accepts; port 0: any free port; no host: "
               "all "
               "addresses\n"
               "  udp://HOST:PORT     Binds a UDP socket; port 0: any free port; no host: all addresses\n"
               "  unix://PATH         Connects to a Unix socket\n"
               "  unix-listen://PATH  Listens on a Unix socket, and watches what it accepts; replaces a "
               "stale socket "
               "file, and removes its own at the end\n"
               "  pipe://FIFO         The reading end of a FIFO; reopened when its writers close\n"
               "  fd://N              An inherited descriptor: mio-probe watch fd://5 5<FIFO\n"
               "  stdin               Standard input\n"
               "  timer://DURATION    Deadlines of the poll, one after the other, and how late each wait "
               "ends\n"
               "  alarm://DURATION    The same with a mio::time::Alarm, a source that is more precise\n\n"
               "Ends when nothing is left to watch, or with Ctrl-C; then prints a summary by source: its "
               "events, those "
               "with each predicate, and the bytes read and written. Without --read, no data is read, and a "
               "connection "
               "is closed when its peer closes. With level, and with oneshot, which is re-armed after each "
               "event, a "
               "condition that holds is reported at most ten times a second.\n\n"
               "Predicates: "
               + std::string(predicate_legend)
               + ".\n\nExamples:\n"
                 "  mio-probe watch listen://:8080 --read\n"
                 "  mio-probe watch tcp://example.com:80 --send 'GET / HTTP/1.0\\r\\n\\r\\n' --read\n"
                 "  mio-probe watch listen://127.0.0.1:7 udp://127.0.0.1:7 --echo --time absolute\n"
                 "  mio-probe watch timer://100ms --for 5s";
    }

    std::vector<std::string> targets_;
    ParsedOption<mio::Interest> interest_;
    ParsedOption<mio::Trigger> trigger_;
    ParsedOption<std::uint64_t> shown_;
    ParsedOption<std::string> send_;
    ParsedOption<std::uint64_t> count_;
    ParsedOption<std::chrono::milliseconds> time_;
    std::string time_style_;
    bool read_ = false;
    bool hex_ = false;
    bool echo_ = false;
    bool counters_ = false;
};

class Doctor : public Subcommand {
  public:
    Doctor(CLI::App& app, CommonOptions& common)
        : Subcommand(app, common, "doctor", "Check this machine for problems, and suggest remedies") {
        app_.footer("Checks limits, the facilities that the kernel and a sandbox allow, connections over the "
                    "loopback, "
                    "and the precision of timeouts. It changes nothing.\n\n"
                    "Verdicts:\n"
                    "  ok    As it should be\n"
                    "  note  Worth knowing, but not wrong\n"
                    "  warn  Works, but fails under load or costs more than it should\n"
                    "  fail  A part of the library cannot work\n\n"
                    "Exit status: 0 no verdict worse than note, 1 a warn or a fail.\n\n"
                    "Example:\n  mio-probe doctor");
    }

    [[nodiscard]] DoctorOptions options() const { return {.json = common_.json}; }
};

class Trace : public Subcommand {
  public:
    Trace(CLI::App& app, CommonOptions& common)
        : Subcommand(app, common, "trace", "Show what a running process has registered (Linux)"),
          process_(app_, "PID", "", "The id of the process", parse_count) {
        process_.require();
        app_.footer("For each epoll descriptor of the process: the descriptors registered with it, what they "
                    "are, and "
                    "their interest, trigger and token. It reads /proc and does not disturb the process. Of "
                    "a program that "
                    "does not use mio, token is what it stored with epoll_ctl(2), often a pointer.\n\n"
                    "Example:\n  mio-probe trace \"$(pidof server)\"");
    }

    [[nodiscard]] TraceOptions options() const {
        return {.process = *process_.value(), .json = common_.json};
    }

  private:
    ParsedOption<std::uint64_t> process_;
};

class Bench : public Subcommand {
  public:
    Bench(CLI::App& app, CommonOptions& common)
        : Subcommand(app, common, "bench", "Measure the library against the same loops on bare system calls"),
          rounds_(app_, "--rounds", "N", "End each workload after N rounds", parse_count),
          time_(app_, "--for", "DURATION",
                "End each workload after this time: 250ms, 1.5s, 2m, 1h; 5 is 5s (2s)", parse_duration) {
        app_.add_option("NAME", options_.workloads, "Measure only these; see --list")->type_name("");
        app_.add_flag("--list", options_.list, "List the workloads");
        app_.footer(
            "Each round runs the loop on this library and the one on bare system calls, alternating the "
            "order. "
            "The ratio is the median over all rounds; above 1 the library takes longer. With fewer than "
            + std::to_string(bench_fewest_pairs)
            + " pairs of rounds there is none. What has no loop on bare calls, such as a coroutine that "
              "returns at once, is measured alone.\n\n"
              "The first limit that is reached ends a workload; Ctrl-C ends all with the results so far.\n\n"
              "Example:\n  mio-probe bench pingpong coroutine --for 5s");
    }

    [[nodiscard]] BenchOptions options() const {
        auto options = options_;
        options.rounds = rounds_.value();
        options.time = time_.value();
        options.json = common_.json;
        return options;
    }

  private:
    BenchOptions options_;
    ParsedOption<std::uint64_t> rounds_;
    ParsedOption<std::chrono::milliseconds> time_;
};

std::string version_text() {
    return "mio-probe " + std::string(version()) + " (backend " + std::string(mio::backend()) + ", "
           + compiler() + ", " + standard_library() + ")";
}

std::string in_one_line(std::string text) {
    std::ranges::replace(text, '\n', ' ');
    return text;
}

ExitStatus show(const ShowText& text) {
    if (text.status == ExitStatus::done) {
        Output().write(text.text);
    } else {
        std::cerr << text.text;
    }
    return text.status;
}

ExitStatus run_command(const Command& command) {
    if (const auto* text = std::get_if<ShowText>(&command)) return show(*text);
    const auto run_chosen = [](const auto& options) {
        if constexpr (std::is_same_v<decltype(options), const ShowText&>) {
            return ExitStatus::done;
        } else {
            return run(options);
        }
    };
    return std::visit(run_chosen, command);
}

std::vector<const CLI::App*> subcommands_of(const CLI::App& app) {
    return app.get_subcommands([](const CLI::App*) { return true; });
}

std::vector<std::string_view> names_of(const std::vector<const CLI::App*>& apps) {
    std::vector<std::string_view> names;
    for (const auto* app : apps) names.push_back(app->get_name());
    return names;
}

// For the first argument that nothing accepts.
std::string suggestion_for(const CLI::App& app) {
    const auto unknown = app.remaining(true);
    if (unknown.empty()) return {};
    const auto& word = unknown.front();
    const auto chosen = app.get_subcommands();
    if (!word.starts_with('-')) {
        return chosen.empty() ? did_you_mean(word, names_of(subcommands_of(app))) : "";
    }
    std::vector<std::string> names;
    for (const auto* option : (chosen.empty() ? app : *chosen.front()).get_options()) {
        for (const auto& name : option->get_lnames()) names.push_back("--" + name);
    }
    return did_you_mean(word.substr(0, word.find('=')), {names.begin(), names.end()});
}

// One line. An unknown option is reported before a missing positional argument: it may be the reason.
std::string problem_of(const CLI::App& app, const CLI::ParseError& error) {
    const auto unknown = app.remaining(true);
    if (!unknown.empty() && !unknown.front().starts_with('-') && app.get_subcommands().empty())
        return "there is no subcommand '" + in_one_line(unknown.front()) + '\'';
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError) && !unknown.empty())
        return "The following argument was not expected: " + in_one_line(unknown.front());
    return in_one_line(error.what());
}

// The help of the subcommand called `name`, or of the whole program.
std::string help_of(const CLI::App& app, const std::string& name) {
    if (name.empty()) // `app.help()` would be that of the subcommand "help"
        return app.get_formatter()->make_help(&app, app.get_name(), CLI::AppFormatMode::Normal);
    const auto all = subcommands_of(app);
    const auto found = std::ranges::find(all, name, [](const CLI::App* one) { return one->get_name(); });
    if (found != all.end()) return (*found)->help(app.get_name());
    throw WrongUsage{"help '" + name + "': there is no such subcommand; see: mio-probe --help"
                     + did_you_mean(name, names_of(all))};
}

Command parse_command_line(int count, const char* const* arguments) {
    CLI::App app("Shows the behaviour of mio's backends on this machine.", "mio-probe");
    app.formatter(std::make_shared<HelpFormatter>());
    app.set_version_flag("-V,--version", version_text());
    app.require_subcommand(0, 1);
    CommonOptions common;
    common.add_to(app, "Print JSON instead of text");
    app.footer(
        "Each subcommand has its own --help; --json and --color may stand before it or behind it.\n\n"
        "Exit status: 0 success, 1 a difference from the documented events or a failed check, 2 wrong usage, "
        "3 a system call failed, 130 a signal ended events --check before its end.\n\n"
        "Example:\n  mio-probe watch listen://127.0.0.1:8080 --read");
    const Info info(app, common);
    const Events events(app, common);
    const Watch watch(app, common);
    const Bench bench(app, common);
    const Trace trace(app, common);
    const Doctor doctor(app, common);
    auto& help = *app.add_subcommand("help", "Show the help of a subcommand");
    std::string help_subject;
    help.add_option("SUBCOMMAND", help_subject, "The subcommand")->type_name("");

    try {
        app.parse(count, arguments);
    } catch (const CLI::CallForHelp&) {
        return ShowText{app.help(), ExitStatus::done};
    } catch (const CLI::CallForVersion&) {
        return ShowText{paragraph(version_text(), Output()), ExitStatus::done};
    } catch (const CLI::ParseError& error) {
        const auto chosen = app.get_subcommands();
        throw WrongUsage{problem_of(app, error) + "; see: mio-probe "
                         + (chosen.empty() ? "" : chosen.front()->get_name() + ' ') + "--help"
                         + suggestion_for(app)};
    }

    Output::set_colours(common.chosen_colours());
    if (help.parsed()) return ShowText{help_of(app, help_subject), ExitStatus::done};
    if (info.was_chosen()) return info.options();
    if (events.was_chosen()) return events.options();
    if (watch.was_chosen()) return watch.options();
    if (doctor.was_chosen()) return doctor.options();
    if (bench.was_chosen()) return bench.options();
    if (trace.was_chosen()) return trace.options();
    return ShowText{app.help(), ExitStatus::usage};
}

int end(ExitStatus status, std::string_view message) {
    print_error(message);
    return static_cast<int>(status);
}

// Runs the program; its return value is the exit status.
int run_program(int count, const char* const* arguments) {
    try {
        return static_cast<int>(run_command(parse_command_line(count, arguments)));
    } catch (const WrongUsage& wrong) {
        return end(ExitStatus::usage, wrong.message);
    } catch (const Refused& refused) {
        return end(ExitStatus::refused, message_of(refused));
    } catch (const std::exception& error) { // out of memory
        return end(ExitStatus::refused, error.what());
    }
}

} // namespace
} // namespace probe

int main(int count, char** arguments) {
    probe::os::occupy_standard_handles();
    probe::os::ignore_broken_pipes();
    if (const auto status = probe::os::run_as_peer(count, arguments)) return *status;
    return probe::run_program(count, arguments);
}
