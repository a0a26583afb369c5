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
using Command = std::variant<ShowText, InfoOptions, EventsOptions, WatchOptions, BenchOptions, DoctorOptions>;

// One subcommand: declares its arguments, and returns its options after parsing.
class Subcommand {
  public:
    Subcommand(CLI::App& app, const char* name, const char* description)
        : app_(*app.add_subcommand(name, description)) {}

    [[nodiscard]] bool was_chosen() const { return app_.parsed(); }

  protected:
    CLI::App& app_;
};

// The value of the option `name`; throws `WrongUsage` if it cannot be parsed.
template <class T> T value_of(std::string_view name, Parsed<T> parsed) {
    if (!parsed) throw WrongUsage{std::string(name) + ' ' + parsed.error()};
    return std::move(*parsed);
}

class Info : public Subcommand {
  public:
    explicit Info(CLI::App& app)
        : Subcommand(app, "info", "Describe this build and the facilities of this machine") {
        app_.add_flag("--json", options_.json, "Print one JSON document");
        app_.footer("Facilities are found by trying them: one that a sandbox forbids shows as no.\n\n"
                    "Example:\n  mio-probe info");
    }

    [[nodiscard]] InfoOptions options() const { return options_; }

  private:
    InfoOptions options_;
};

class Events : public Subcommand {
  public:
    explicit Events(CLI::App& app)
        : Subcommand(app, "events", "Play scenarios on real sockets and print the events") {
        app_.add_option("--scenario", options_.scenarios, "Play only these; see --list")->type_name("NAME");
        app_.add_option("--backend", options_.backends,
                        "Play them on these, side by side\n(default: the one that Poll uses)")
            ->type_name("A[,B...]")
            ->delimiter(',');
        app_.add_flag("--list", options_.list, "List the scenarios");
        app_.add_flag("--check", options_.check,
                      "Compare with the documented events; exit status 1 on a\ndifference");
        app_.add_flag("--json", options_.json, "Print one JSON document");
        app_.footer("Backends of this build: " + joined(backends())
                    + ". Side by side, steps\n"
                      "whose predicates differ, all records taken together, are marked.\n\nPredicates: "
                    + std::string(predicate_legend)
                    + ".\n\nExamples:\n  mio-probe events --check\n"
                      "  mio-probe events --scenario tcp-peer-close tcp-peer-reset");
    }

    [[nodiscard]] EventsOptions options() const { return options_; }

  private:
    EventsOptions options_;
};

class Watch : public Subcommand {
  public:
    explicit Watch(CLI::App& app)
        : Subcommand(app, "watch", "Watch sockets, pipes and descriptors, and print each event") {
        app_.add_option("TARGET", targets_, "The source to watch; see below")->required()->type_name("");
        app_.add_option("--interest", interest_,
                        "Letters: r readable, w writable, p priority\n(rw for connections, r for others)")
            ->type_name("[rwp]");
        app_.add_option("--trigger", trigger_, "edge, level or oneshot (edge)")->type_name("KIND");
        app_.add_flag("--read", read_, "Read and print the data that arrives");
        app_.add_flag("--hex", hex_, "Print it as a hexadecimal dump; implies --read");
        app_.add_option("--count", count_, "End after N events")->type_name("N");
        app_.add_option("--for", time_, "End after this time: 250ms, 5s, 2m, 1h")->type_name("DURATION");
        app_.add_flag("--counters", counters_, "At the end, print what the polling loop did");
        app_.add_flag("--json", json_, "Print one JSON object per line");
        app_.footer(footer());
    }

    [[nodiscard]] WatchOptions options() const {
        WatchOptions options;
        for (const auto& target : targets_) {
            options.targets.push_back(value_of("TARGET", parse_target(target)));
        }
        if (!interest_.empty()) options.interest = value_of("--interest", parse_interest(interest_));
        if (!trigger_.empty()) options.trigger = value_of("--trigger", parse_trigger(trigger_));
        if (!time_.empty()) options.time = value_of("--for", parse_duration(time_));
        if (!count_.empty()) options.count = value_of("--count", parse_count(count_));
        options.read = read_ || hex_;
        options.hex = hex_;
        options.counters = counters_;
        options.json = json_;
        if (options.read && options.interest && !options.interest->is_readable()) {
            throw WrongUsage{"--interest '" + interest_ + "': --read needs r among the interests"};
        }
        return options;
    }

  private:
    static std::string footer() {
        return "Targets:\n"
               "  tcp://HOST:PORT     Connects; tries the addresses of a name in turn\n"
               "  listen://ADDR:PORT  Listens, and watches what it accepts; port 0: any free port\n"
               "  udp://ADDR:PORT     Binds a UDP socket; port 0: any free port\n"
               "  unix://PATH         Connects to a Unix socket\n"
               "  unix-listen://PATH  Listens on a Unix socket, and watches what it accepts; replaces a\n"
               "                      stale socket file, and removes its own at the end\n"
               "  pipe://FIFO         The reading end of a FIFO; reopened when its writers close\n"
               "  fd://N              An inherited descriptor: mio-probe watch fd://5 5<FIFO\n"
               "  stdin               Standard input\n\n"
               "Ends when nothing is left to watch, or with Ctrl-C. Without --read, no data is read, and\n"
               "a connection is closed when its peer closes. With level, and with oneshot, which is\n"
               "re-armed after each event, a condition that holds is reported at most ten times a\n"
               "second.\n\n"
               "Predicates: "
               + std::string(predicate_legend)
               + ".\n\nExamples:\n"
                 "  mio-probe watch listen://127.0.0.1:8080 --read\n"
                 "  mio-probe watch tcp://example.com:80 --for 5s\n"
                 "  mio-probe watch udp://127.0.0.1:5353 unix-listen:///tmp/probe --hex";
    }

    std::vector<std::string> targets_;
    std::string interest_;
    std::string trigger_;
    bool read_ = false;
    bool hex_ = false;
    bool counters_ = false;
    std::string count_;
    std::string time_;
    bool json_ = false;
};

class Doctor : public Subcommand {
  public:
    explicit Doctor(CLI::App& app)
        : Subcommand(app, "doctor", "Check this machine for problems, and suggest remedies") {
        app_.add_flag("--json", options_.json, "Print one JSON document");
        app_.footer(
            "Checks limits, the facilities that the kernel and a sandbox allow, and the precision of\n"
            "time-outs. It changes nothing. Verdicts:\n"
            "  ok    As it should be\n"
            "  note  Worth knowing, but not wrong\n"
            "  warn  Works, but fails under load or costs more than it should\n"
            "  fail  A part of the library cannot work\n\n"
            "Exit status: 0 no verdict worse than note, 1 a warn or a fail.\n\n"
            "Example:\n  mio-probe doctor");
    }

    [[nodiscard]] DoctorOptions options() const { return options_; }

  private:
    DoctorOptions options_;
};

class Bench : public Subcommand {
  public:
    explicit Bench(CLI::App& app)
        : Subcommand(app, "bench", "Measure the library against the same loops on bare system calls") {
        app_.add_option("NAME", options_.workloads, "Measure only these; see --list")->type_name("");
        app_.add_option("--rounds", rounds_, "End each workload after N pairs of rounds")->type_name("N");
        app_.add_option("--for", time_, "End each workload after this time: 250ms, 5s, 2m, 1h\n(default: 2s)")
            ->type_name("DURATION");
        app_.add_flag("--list", options_.list, "List the workloads");
        app_.add_flag("--json", options_.json, "Print one JSON document");
        app_.footer("Each round runs the loop on this library and the one on bare system calls, alternating\n"
                    "the order. The ratio is the median over all rounds; above 1 the library takes longer.\n"
                    "The first limit that is reached ends a workload; Ctrl-C ends all with the results so\n"
                    "far.\n\n"
                    "Example:\n  mio-probe bench pingpong echo --for 5s");
    }

    [[nodiscard]] BenchOptions options() const {
        auto options = options_;
        if (!rounds_.empty()) options.rounds = value_of("--rounds", parse_count(rounds_));
        if (!time_.empty()) options.time = value_of("--for", parse_duration(time_));
        return options;
    }

  private:
    BenchOptions options_;
    std::string rounds_;
    std::string time_;
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

Command parse_command_line(int count, const char* const* arguments) {
    CLI::App app("Shows the behaviour of mio's backends on this machine.", "mio-probe");
    app.set_version_flag("--version", version_text());
    app.get_formatter()->column_width(30);
    app.footer("Each subcommand has its own --help.\n\n"
               "Exit status: 0 success, 1 a difference from the documented events or a failed check,\n"
               "2 wrong usage, 3 a system call failed.\n\n"
               "Example:\n  mio-probe watch listen://127.0.0.1:8080 --read");
    const Info info(app);
    const Events events(app);
    const Watch watch(app);
    const Bench bench(app);
    const Doctor doctor(app);

    try {
        app.parse(count, arguments);
    } catch (const CLI::CallForHelp&) {
        return ShowText{app.help(), ExitStatus::done};
    } catch (const CLI::CallForVersion&) {
        return ShowText{version_text() + '\n', ExitStatus::done};
    } catch (const CLI::ParseError& error) {
        throw WrongUsage{in_one_line(error.what()) + "; see: mio-probe --help"};
    }

    if (info.was_chosen()) return info.options();
    if (events.was_chosen()) return events.options();
    if (watch.was_chosen()) return watch.options();
    if (doctor.was_chosen()) return doctor.options();
    if (bench.was_chosen()) return bench.options();
    return ShowText{app.help(), ExitStatus::usage};
}

int end(ExitStatus status, std::string_view message) {
    std::cerr << "mio-probe: " << visible(message) << '\n';
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
    return probe::run_program(count, arguments);
}
