// Everything that is printed as JSON. One unit includes the JSON library, which takes long to compile.

#pragma once

#include "doctor.hpp"
#include "info.hpp"
#include "shared.hpp"

namespace probe {

/// A detail of a line of JSON: a name and a value.
using Field = std::pair<std::string_view, std::variant<std::string, std::uint64_t, std::vector<std::string>>>;

/// Version of the documents' schema, incremented when a member is removed, renamed or changes its type.
inline constexpr unsigned json_schema = 1;

/// The members with which every document begins, and the first line of `watch`.
std::vector<Field> header_fields(std::string_view command);

/// One JSON document, as `mio-probe info --json` and `mio-probe doctor --json` print it.
std::string json_of(const MachineReport& report);
std::string json_of(const System& system, const std::vector<Check>& checks);

/// One JSON object on a line of its own, as `mio-probe watch --json` prints it. `time` is that of the day, in UTC.
std::string json_line(std::int64_t time_us, std::string_view time, std::string_view source,
                      std::string_view kind, const std::vector<Field>& fields);

} // namespace probe
