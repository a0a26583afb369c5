module mio.core.process;

import mio.std;

namespace mio {

std::string to_string(Signal signal) {
    const std::pair<Signal, std::string_view> names[] = {
        {Signal::interrupt, "interrupt"}, {Signal::terminate, "terminate"},
        {Signal::hangup, "hangup"},       {Signal::quit, "quit"},
        {Signal::user1, "user1"},         {Signal::user2, "user2"},
        {Signal::child, "child"},         {Signal::window_change, "window_change"},
        {Signal::resume, "resume"},       {Signal::kill, "kill"},
    };
    for (const auto& [named, name] : names) {
        if (named == signal) return std::string(name);
    }
    return "signal " + std::to_string(signal.number());
}

} // namespace mio
