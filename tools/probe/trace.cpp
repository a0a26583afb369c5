#include "trace.hpp"
#include "commands.hpp"

namespace probe {

namespace {

// @see epoll_ctl(2)
constexpr std::uint32_t in = 0x001;
constexpr std::uint32_t priority = 0x002;
constexpr std::uint32_t out = 0x004;
constexpr std::uint32_t one_shot = 1U << 30;
constexpr std::uint32_t edge_triggered = 1U << 31;

std::string interest_text(const Registered& source) {
    const auto interest = source.interest();
    return interest.empty() ? "disarmed" : joined(interest, "|");
}

std::string report_of(const TracedProcess& process, const Output& output) {
    auto text = heading("process " + std::to_string(process.id), visible(process.name), output);
    if (process.polls.empty()) return text + "  has no epoll descriptor\n";
    for (const auto& poll : process.polls) {
        const auto count = poll.sources.size();
        text += '\n'
                + heading("epoll " + std::to_string(poll.descriptor),
                          std::to_string(count) + (count == 1 ? " source" : " sources"), output);
        if (poll.sources.empty()) continue;
        Rows rows{{{"fd", Style::strong},
                   {"token", Style::strong},
                   {"trigger", Style::strong},
                   {"interest", Style::strong},
                   {"source", Style::strong}}};
        for (const auto& source : poll.sources) {
            rows.push_back({{std::to_string(source.descriptor)},
                            {std::to_string(source.token)},
                            {std::string(source.trigger())},
                            {interest_text(source)},
                            {source.source, Style::accent}});
        }
        text += aligned(rows, output);
    }
    return text;
}

} // namespace

std::vector<std::string> Registered::interest() const {
    std::vector<std::string> list;
    if ((flags & in) != 0) list.emplace_back("readable");
    if ((flags & out) != 0) list.emplace_back("writable");
    if ((flags & priority) != 0) list.emplace_back("priority");
    return list;
}

std::string_view Registered::trigger() const {
    if ((flags & one_shot) != 0) return "oneshot";
    return (flags & edge_triggered) != 0 ? "edge" : "level";
}

ExitStatus run(const TraceOptions& options) {
    const auto process = read_process(options.process);
    Output output;
    output.write(options.json ? json_of(process) : report_of(process, output));
    return ExitStatus::done;
}

} // namespace probe
