#include <sys/types.h>

#include <sys/socket.h>

#include <ifaddrs.h>
#include <net/if.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include "doctor.hpp"
#include "os.hpp"

namespace probe {

namespace {

// @see os-release(5)
std::string distribution() {
    constexpr std::string_view key = "PRETTY_NAME=";
    std::ifstream file("/etc/os-release");
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with(key)) continue;
        std::string_view value = std::string_view(line).substr(key.size());
        if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
            value = value.substr(1, value.size() - 2);
        }
        return std::string(value);
    }
    return {};
}

std::string limit_text(::rlim_t value) {
    return value == RLIM_INFINITY ? "unlimited" : std::to_string(value);
}

} // namespace

System system() {
    ::utsname names{};
    ::uname(&names); // fails only for a bad address
    return {names.sysname, names.release, names.machine, distribution()};
}

std::optional<LoopbackInterface> loopback_interface() {
    ::ifaddrs* list = nullptr;
    if (::getifaddrs(&list) == -1) return std::nullopt;
    std::optional<LoopbackInterface> found;
    for (const auto* entry = list; entry != nullptr && !found; entry = entry->ifa_next) {
        if ((entry->ifa_flags & IFF_LOOPBACK) != 0)
            found = {entry->ifa_name, (entry->ifa_flags & IFF_UP) != 0};
    }
    ::freeifaddrs(list);
    return found;
}

std::vector<Limit> process_limits() {
    ::rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) == -1) {
        return {{"open files", "", "descriptors of one process", {errno, mio::os_category()}}};
    }
    return {{"open files, soft", limit_text(files.rlim_cur), "descriptors of one process: ulimit -n", {}},
            {"open files, hard", limit_text(files.rlim_max), "how far the soft limit can be raised", {}}};
}

namespace {

std::uint64_t number_of(::rlim_t value) {
    return value == RLIM_INFINITY ? unlimited : static_cast<std::uint64_t>(value);
}

Check open_files() {
    ::rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) == -1) {
        throw Refused{"getrlimit", {errno, mio::os_category()}, {}};
    }
    return check_open_files(number_of(files.rlim_cur), number_of(files.rlim_max));
}

} // namespace

std::vector<Check> process_checks() {
    return {open_files(), check_broken_pipes(os::broken_pipes_were_ignored())};
}

} // namespace probe
