#include "doctor.hpp"
#include "commands.hpp"
#include "json.hpp"

namespace probe {

namespace {

// If waiting fails, the failure is a finding, not an error of the program.
Check timeouts() {
    try {
        return check_timeouts(measure_timer_resolution());
    } catch (const Refused& refused) {
        return {"timeouts", Verdict::fail, refused.call, "nothing can be polled here; see what else failed",
                refused.error};
    }
}

std::vector<Check> examine() {
    auto checks = process_checks();
    std::ranges::move(system_checks(), std::back_inserter(checks));
    checks.push_back(timeouts());
    return checks;
}

Style style_of(Verdict verdict) {
    switch (verdict) {
    case Verdict::ok: return Style::good;
    case Verdict::note: return Style::accent;
    case Verdict::warn: return Style::caution;
    case Verdict::fail: return Style::bad;
    }
    std::unreachable();
}

std::string finding_of(const Check& check) {
    return check.error ? check.finding + ": " + error_text(check.error) : check.finding;
}

std::string table_of(const std::vector<Check>& checks, const Output& output) {
    std::vector<std::vector<Cell>> rows;
    for (const auto& check : checks) {
        rows.push_back({{std::string(name_of(check.verdict)), style_of(check.verdict)},
                        {check.name},
                        {finding_of(check)}});
        if (!check.advice.empty()) rows.push_back({{}, {}, {check.advice, Style::faint}});
    }
    return aligned(rows, output);
}

// "1 fail, 2 warn, 3 note, 15 ok": the worst first.
std::string summary_of(const std::vector<Check>& checks, const Output& output) {
    std::string text;
    for (const auto verdict : {Verdict::fail, Verdict::warn, Verdict::note, Verdict::ok}) {
        const auto count = std::ranges::count(checks, verdict, &Check::verdict);
        if (count == 0) continue;
        if (!text.empty()) text += ", ";
        text += output.styled(std::to_string(count) + ' ' + std::string(name_of(verdict)), style_of(verdict));
    }
    return text + '\n';
}

std::string report_of(const System& system, const std::vector<Check>& checks, const Output& output) {
    return heading("mio-probe doctor",
                   "backend " + std::string(mio::backend()) + " on " + system.name + ' ' + system.kernel,
                   output)
           + table_of(checks, output) + '\n' + summary_of(checks, output);
}

} // namespace

ExitStatus run(const DoctorOptions& options) {
    const auto about = system();
    const auto checks = examine();
    Output output;
    output.write(options.json ? json_of(about, checks) : report_of(about, checks, output));
    return worst_of(checks) <= Verdict::note ? ExitStatus::done : ExitStatus::differs;
}

} // namespace probe
