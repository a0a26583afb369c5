module;

#include <sys/resource.h>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <vector>

module probe.doctor.checks;

import mio;
import probe.doctor.judgement;
import probe.failure;
import probe.os;

namespace probe {
namespace {

std::uint64_t number_of(::rlim_t value) { return value == RLIM_INFINITY ? unlimited : value; }

Check open_files() {
    ::rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) == -1) {
        throw Refused{"getrlimit", {errno, mio::os_category()}, {}};
    }
    return judge_open_files(number_of(files.rlim_cur), number_of(files.rlim_max));
}

} // namespace

std::vector<Check> process_checks() {
    return {open_files(), judge_broken_pipes(os::broken_pipes_were_ignored())};
}

} // namespace probe
