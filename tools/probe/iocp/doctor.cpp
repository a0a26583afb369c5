// What is to be looked at on a system with completion ports: Windows and Wine.

module;

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <vector>

module probe.doctor.checks;

import probe.doctor.judgement;
import probe.info.system;

namespace probe {
namespace {

// One for each of `facilities()`.
constexpr std::array needs{
    Need{"Winsock",
         {},
         Verdict::fail,
         "no socket can be made",
         "see whether ws2_32.dll loads, and its services run"},
    Need{"AFD device", {}, Verdict::fail, "no socket can be watched", "under Wine, take 7.13 or newer"},
    Need{"completion port", {}, Verdict::fail, "nothing can be waited for", ""},
    Need{"fine timer", {}, Verdict::note, "not used by the library", ""},
    Need{"IPv6", {}, Verdict::note, "IPv4 only", ""},
    Need{"Unix sockets", {}, Verdict::note, "UnixStream is refused", "Windows 10, version 1803, has them"},
};

Need need_of(std::string_view facility) {
    const auto found = std::ranges::find(needs, facility, &Need::facility);
    return found == needs.end() ? Need{facility, {}, Verdict::note, "", ""} : *found;
}

} // namespace

std::vector<Check> system_checks() {
    std::vector<Check> checks;
    for (const auto& facility : facilities())
        checks.push_back(judge_facility(facility, need_of(facility.name), std::nullopt));
    return checks;
}

} // namespace probe
