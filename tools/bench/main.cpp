// mio-bench: this library, the bare system calls and other libraries, side by side. See docs/performance.md.

#include "contestants/all.hpp"
#include "harness/machine.hpp"
#include "harness/plot.hpp"
#include "harness/processors.hpp"
#include "harness/report.hpp"
#include "harness/suite.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace bench {
namespace {

struct Options {
    std::vector<std::string> workloads;
    std::vector<std::string> contestants;
    std::size_t rounds = 9;
    double scale = 1;
    std::string json;
    std::string plot;
    bool list = false;
    bool describe = false;
    std::optional<std::uint64_t> once;
};

bool is_among(const std::vector<std::string>& names, std::string_view name) {
    return names.empty() || std::ranges::find(names, name) != names.end();
}

// The selected cases, grouped by workload.
std::vector<std::vector<const Case*>> chosen(const Suite& suite, const Options& options) {
    for (const auto& name : options.workloads) {
        if (std::ranges::none_of(suite.cases(), [&](const Case& one) { return one.workload.name == name; }))
            throw std::invalid_argument("there is no workload '" + name + "'; see --list");
    }
    for (const auto& name : options.contestants) {
        if (std::ranges::none_of(suite.cases(), [&](const Case& one) { return one.contestant == name; }))
            throw std::invalid_argument("there is no contestant '" + name + "'; see --list");
    }
    std::vector<std::vector<const Case*>> groups;
    for (const auto& one : suite.cases()) {
        if (!is_among(options.workloads, one.workload.name) || !is_among(options.contestants, one.contestant))
            continue;
        if (groups.empty() || groups.back().front()->workload.name != one.workload.name)
            groups.emplace_back();
        groups.back().push_back(&one);
    }
    return groups;
}

// Why `workload` cannot be measured here, or nothing.
std::string obstacle(const Workload& workload) {
    if (workload.processors > processors().size())
        return "needs " + std::to_string(workload.processors) + " processors";
    const auto limit = descriptor_limit();
    if (workload.descriptors > limit) {
        return "needs " + std::to_string(workload.descriptors) + " descriptors, and the limit is "
               + std::to_string(limit);
    }
    return {};
}

void list(const std::vector<std::vector<const Case*>>& groups) {
    for (const auto& group : groups) {
        std::cout << group.front()->workload.name << ": " << group.front()->workload.description << "\n ";
        for (const auto* one : group)
            std::cout << ' ' << one->contestant << (one == group.back() ? "\n" : ",");
    }
    for (const auto& name : missing_peers())
        std::cout << "not built, because it is not installed: " << name << '\n';
}

void write(const std::string& path, const std::string& text) {
    if (path == "-") {
        std::cout << text;
        return;
    }
    std::ofstream file(path);
    file << text;
    file.close();
    if (!file) throw std::runtime_error("cannot write " + path);
}

void measure(const std::vector<std::vector<const Case*>>& groups, const Options& options) {
    // With the document on standard output, the table is for whom watches.
    std::ostream& table = options.json == "-" || options.plot == "-" ? std::cerr : std::cout;
    nlohmann::ordered_json document{{"machine", machine()}, {"rounds", options.rounds}};
    document["skipped"] = nlohmann::ordered_json::object();
    print_machine(table, document["machine"]);
    print_heading(table);
    std::vector<Line> all;
    for (const auto& group : groups) {
        const auto& workload = group.front()->workload;
        if (const auto reason = obstacle(workload); !reason.empty()) {
            table << '\n' << workload.name << ": skipped, it " << reason << '\n';
            document["skipped"][std::string(workload.name)] = reason;
            continue;
        }
        const double operations = std::max(1.0, static_cast<double>(workload.operations) * options.scale);
        const auto lines =
            lines_of(interleave(group, options.rounds, static_cast<std::uint64_t>(operations)));
        print(table, lines);
        all.insert(all.end(), lines.begin(), lines.end());
    }
    document["results"] = to_json(all);
    if (!options.json.empty()) write(options.json, document.dump(2) + '\n');
    if (!options.plot.empty()) write(options.plot, plot(all));
}

void run(const Options& options) {
    Suite suite;
    enter_all(suite);
    const auto groups = chosen(suite, options);
    if (options.list) {
        list(groups);
    } else if (options.describe) {
        std::cout << machine().dump(2) << '\n';
    } else if (options.once) {
        for (const auto& group : groups) {
            if (const auto reason = obstacle(group.front()->workload); !reason.empty())
                throw std::runtime_error(std::string(group.front()->workload.name) + ' ' + reason);
            for (const auto* one : group) one->run(*options.once);
        }
    } else {
        measure(groups, options);
    }
}

} // namespace
} // namespace bench

int main(int argc, char** argv) {
    CLI::App app(
        "The same work on this library, on the bare system calls and on other libraries, side by side");
    bench::Options options;
    app.add_option("workload", options.workloads, "Measure only these; see --list")->type_name("NAME");
    app.add_option("--contestant", options.contestants, "Run only these contestants; see --list")
        ->type_name("NAME");
    app.add_option("--rounds", options.rounds, "Rounds of each contestant")
        ->capture_default_str()
        ->check(CLI::Range(1, 10'000));
    app.add_option("--scale", options.scale, "Multiplies the operations of each turn")
        ->capture_default_str()
        ->check(CLI::Range(1e-4, 1e4));
    app.add_option("--json", options.json,
                   "Write all results, with each sample, to this file ('-': standard output)");
    app.add_option("--plot", options.plot, "Draw the ratios as SVG into this file ('-': standard output)");
    app.add_flag("--list", options.list, "Name workloads and contestants");
    app.add_flag("--describe", options.describe, "Print the machine and the build as JSON");
    app.add_option("--once", options.once,
                   "Run this many operations once and print nothing: for callgrind and strace");
    app.footer("Examples:\n  mio-bench\n  mio-bench pingpong chain --contestant bare mio --rounds 25\n"
               "  mio-bench --json result.json --plot result.svg");
    CLI11_PARSE(app, argc, argv);

    try {
        bench::run(options);
    } catch (const std::exception& error) {
        std::cerr << "mio-bench: " << error.what() << '\n';
        return EXIT_FAILURE;
    }
}
