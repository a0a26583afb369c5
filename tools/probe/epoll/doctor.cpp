// What is to be looked at on a system with epoll: Linux and Android.

module;

#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <string_view>
#include <system_error>
#include <vector>

module probe.doctor.checks;

import mio;
import probe.doctor.judgement;
import probe.info.system;

namespace probe {
namespace {

// What is known of each of `facilities()`.
// @see the section "History" of each call's manual page
constexpr std::array needs{
    Need{"epoll_pwait2", {5, 11}, Verdict::warn, "time-outs are rounded up to whole milliseconds", ""},
    Need{"EPOLLEXCLUSIVE", {4, 5}, Verdict::note, "every poller wakes for each connection", ""},
    Need{"epoll busy polling",
         {6, 9},
         Verdict::note,
         "not used by the library",
         "a kernel with CONFIG_NET_RX_BUSY_POLL has it, if the sandbox allows it"},
    Need{"eventfd", {2, 6}, Verdict::fail, "no waker can be made", ""},
    Need{"timerfd", {2, 6}, Verdict::note, "no timers as something to poll", ""},
    Need{"signalfd", {2, 6}, Verdict::note, "no signals as something to poll", ""},
    Need{"pidfd", {5, 3}, Verdict::note, "no processes as something to poll", ""},
    Need{"accept4", {2, 6}, Verdict::fail, "no listener can accept", ""},
    Need{"recvmmsg", {2, 6}, Verdict::fail, "UdpSocket cannot receive many datagrams", ""},
    Need{"RWF_NOSIGNAL", {6, 18}, Verdict::note, "writing to a pipe costs more system calls", ""},
    Need{"SO_REUSEPORT", {3, 9}, Verdict::warn, "no two listeners at one address", ""},
    Need{"IPv6 loopback",
         {},
         Verdict::note,
         "IPv4 only",
         "if it is wanted: sysctl -w net.ipv6.conf.lo.disable_ipv6=0, and a container with IPv6"},
    Need{"abstract Unix address", {}, Verdict::warn, "Unix sockets need a file", ""},
    Need{"io_uring",
         {5, 1},
         Verdict::note,
         "not used by the library",
         "if it is wanted: sysctl -w kernel.io_uring_disabled=0, and a sandbox that allows it"},
};

// Of a facility that is epoll's: the library misses it only where it polls with epoll.
bool is_for(std::string_view facility, std::string_view backend) {
    return facility != "epoll_pwait2" || backend == "epoll";
}

Need need_of(std::string_view facility) {
    const auto found = std::ranges::find(needs, facility, &Need::facility);
    if (found == needs.end()) return {facility, {}, Verdict::note, "", ""};
    auto need = *found;
    if (!is_for(facility, mio::backend())) need.without = Verdict::note;
    return need;
}

// One of `system_limits()`.
const Limit& named(std::string_view name, const std::vector<Limit>& limits) {
    return *std::ranges::find(limits, name, &Limit::name);
}

Check timer_slack() {
    const int slack = ::prctl(PR_GET_TIMERSLACK);
    if (slack == -1) {
        return {"timer slack", Verdict::note, "not known", "see prctl(2)", {errno, mio::os_category()}};
    }
    return judge_timer_slack(std::chrono::nanoseconds(slack));
}

} // namespace

std::vector<Check> system_checks() {
    const auto limits = system_limits();
    std::vector<Check> checks{
        judge_open_files_of_all(named("open files at present", limits)),
        judge_watches(named("watches of one user", limits)),
        judge_backlog(named("connections to accept", limits)),
        judge_ports(named("ports for connecting", limits)),
    };
    const auto kernel = parse_kernel(system().kernel);
    for (const auto& facility : facilities()) {
        checks.push_back(judge_facility(facility, need_of(facility.name), kernel));
    }
    checks.push_back(timer_slack());
    return checks;
}

} // namespace probe
