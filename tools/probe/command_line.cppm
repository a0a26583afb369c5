/// @file
/// The command line of mio-probe, turned into what was asked for.

module;

#include <string>
#include <variant>

export module probe.command_line;

import probe.bench;
import probe.doctor;
import probe.events;
import probe.failure;
import probe.info;
import probe.watch;

namespace probe {

/// A text that the user asked for, or has to see instead.
export struct ShowText {
    std::string text;
    ExitStatus status;
};

/// Shows it on standard output if that is what the user asked for, else on standard error.
export ExitStatus run(const ShowText& show);

/// What the user asked for.
export using Command =
    std::variant<ShowText, InfoOptions, EventsOptions, WatchOptions, BenchOptions, DoctorOptions>;

/// Reads the command line. Throws `WrongUsage`.
export Command parse_command_line(int count, const char* const* arguments);

} // namespace probe
