#include "harness/machine.hpp"

#include "contestants/all.hpp"
#include "harness/processors.hpp"

#include <gnu/libc-version.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include <fstream>
#include <string>

namespace bench {
namespace {

std::string processor_model() {
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);) {
        const auto colon = line.find(": ");
        if (line.starts_with("model name") && colon != line.npos) return line.substr(colon + 2);
    }
    return "unknown";
}

} // namespace

nlohmann::ordered_json machine() {
    ::utsname system{};
    ::uname(&system);
    double load = 0;
    ::getloadavg(&load, 1);

    nlohmann::ordered_json found;
    found["processor"] = processor_model();
    found["processors"] = processors().size();
    found["kernel"] = std::string(system.sysname) + ' ' + system.release;
    found["load"] = load;
    found["compiler"] = MIO_BENCH_COMPILER;
    found["build"] = MIO_BENCH_BUILD_TYPE;
    found["libc"] = ::gnu_get_libc_version();
    found["mio"] = MIO_BENCH_VERSION;
    for (const auto& [name, version] : peers()) found[name] = version;
    if (const auto missing = missing_peers(); !missing.empty()) found["missing"] = missing;
    return found;
}

} // namespace bench
