#include "doctor.hpp"

namespace probe {

namespace {

using namespace std::chrono_literals;

// As many as one listener's full backlog on a current kernel.
constexpr std::uint64_t enough_open_files = 4096;
constexpr std::uint64_t few_open_files = 256;
constexpr std::uint64_t many_open_files = 65536;
// Several processes of one user.
constexpr std::uint64_t enough_watches = 4 * enough_open_files;
// The backlog that `TcpListener::bind` requests, and one that absorbs a burst.
constexpr std::uint64_t usual_backlog = 128;
constexpr std::uint64_t enough_backlog = 1024;
constexpr std::uint64_t enough_ports = 10'000;
constexpr std::uint64_t few_ports = 1000;
// The default of Linux.
constexpr auto usual_slack = 50us;
constexpr auto coarse = 1ms;

std::string text_of(std::uint64_t number) {
    return number == unlimited ? "unlimited" : std::to_string(number);
}

// "50 µs", or whole milliseconds from ten on.
std::string text_of(std::chrono::nanoseconds time) {
    if (time >= 10ms)
        return std::to_string(std::chrono::round<std::chrono::milliseconds>(time).count()) + " ms";
    if (time >= 1us)
        return std::to_string(std::chrono::round<std::chrono::microseconds>(time).count()) + " µs";
    return std::to_string(time.count()) + " ns";
}

std::string text_of(KernelVersion kernel) {
    return std::to_string(kernel.version) + '.' + std::to_string(kernel.patch_level);
}

// Exactly `N` numbers with spaces between them.
template <std::size_t N> std::optional<std::array<std::uint64_t, N>> parse_numbers(std::string_view text) {
    std::array<std::uint64_t, N> numbers{};
    const char* at = text.data();
    const char* const end = at + text.size();
    const auto skip_spaces = [&] { at = std::find_if(at, end, [](char c) { return c != ' '; }); };
    for (auto& number : numbers) {
        skip_spaces();
        const auto [next, error] = std::from_chars(at, end, number);
        if (error != std::errc{}) return std::nullopt;
        at = next;
    }
    skip_spaces();
    return at == end ? std::optional(numbers) : std::nullopt;
}

Check unknown(std::string name, const Limit& limit) {
    return {std::move(name), Verdict::note,
            limit.error ? "not known" : "not understood: '" + limit.value + "'",
            "check it yourself: " + limit.purpose, limit.error};
}

bool is_shortage(const std::error_code& error) {
    return error == std::errc::too_many_files_open || error == std::errc::too_many_files_open_in_system;
}

} // namespace

std::string_view name_of(Verdict verdict) noexcept {
    switch (verdict) {
    case Verdict::ok: return "ok";
    case Verdict::note: return "note";
    case Verdict::warn: return "warn";
    case Verdict::fail: return "fail";
    }
    std::unreachable();
}

Verdict worst_of(std::span<const Check> checks) noexcept {
    auto worst = Verdict::ok;
    for (const auto& check : checks) worst = std::max(worst, check.verdict);
    return worst;
}

std::optional<KernelVersion> parse_kernel(std::string_view release) {
    KernelVersion kernel;
    const char* const end = release.data() + release.size();
    const auto first = std::from_chars(release.data(), end, kernel.version);
    if (first.ec != std::errc{} || first.ptr == end || *first.ptr != '.') return std::nullopt;
    const auto second = std::from_chars(first.ptr + 1, end, kernel.patch_level);
    if (second.ec != std::errc{}) return std::nullopt;
    return kernel;
}

Check check_facility(const Facility& facility, const Need& need, std::optional<KernelVersion> kernel) {
    if (!facility.error) return {facility.name, Verdict::ok, facility.purpose, {}, {}};
    if (is_shortage(facility.error)) {
        return {facility.name, Verdict::warn, "could not be tried", "see the limits of open files",
                facility.error};
    }
    const auto advice = [&](const std::string& cure) {
        return need.consequence.empty() ? cure : std::string(need.consequence) + "; " + cure;
    };
    if (kernel && *kernel < need.since) {
        return {facility.name, need.without, "this kernel lacks it",
                advice("Linux " + text_of(need.since) + " or newer has it"), facility.error};
    }
    return {facility.name, need.without, "forbidden or left out",
            advice(need.cure.empty() ? "let the sandbox (container, seccomp filter) allow it"
                                     : std::string(need.cure)),
            facility.error};
}

Check check_loopback(const Facility& facility, const std::optional<LoopbackInterface>& loopback,
                     const LoopbackRemedies& remedies) {
    if (!facility.error || is_shortage(facility.error)) return check_facility(facility, {}, std::nullopt);
    const bool is_v6 = facility.name.contains("IPv6");
    Check check{facility.name, is_v6 ? Verdict::note : Verdict::warn, "no connection", {}, facility.error};
    const std::string consequence =
        is_v6 ? "IPv4 only; " : "programs on this machine cannot reach each other; ";
    const auto advise = [&](std::string_view cure) { check.advice = consequence + std::string(cure); };
    if (loopback && !loopback->is_up) {
        check.finding = "the interface " + loopback->name + " is down";
        advise(remedies.set_up);
    } else if (facility.error == std::errc::address_family_not_supported) {
        check.finding = "the system has no such sockets";
        advise(is_v6 ? "a kernel with IPv6, and a sandbox that allows it" : "let the sandbox allow them");
    } else if (facility.error == std::errc::address_not_available) {
        check.finding = "the address is not assigned";
        advise(is_v6 ? remedies.assign_v6 : remedies.assign_v4);
    } else if (facility.error == std::errc::timed_out || facility.error == std::errc::connection_refused) {
        advise("a packet filter seems to drop it: " + std::string(remedies.see_filter));
    } else if (facility.error == std::errc::operation_not_permitted
               || facility.error == std::errc::permission_denied) {
        check.finding = "forbidden";
        advise("let the sandbox (container, seccomp filter) and the packet filter allow it");
    } else {
        advise("see the interface and its routes: " + std::string(remedies.see_routes));
    }
    return check;
}

Check check_open_files(std::uint64_t soft, std::uint64_t hard) {
    Check check{"open files", Verdict::ok, text_of(soft) + " of one process", {}, {}};
    if (hard != soft) check.finding += ", can be raised to " + text_of(hard);
    if (soft >= enough_open_files) return check;
    check.verdict = soft < few_open_files ? Verdict::fail : Verdict::warn;
    check.advice = "every connection is one; ";
    if (hard >= enough_open_files) {
        check.advice += "ulimit -n " + std::to_string(std::min(hard, many_open_files))
                        + " in the shell, LimitNOFILE= in the unit, or setrlimit(2) in the program";
    } else {
        check.advice +=
            "root has to raise the hard limit: limits.conf(5), LimitNOFILE= of the unit, --ulimit of the "
            "container";
    }
    return check;
}

Check check_open_files_of_all(const Limit& limit, std::string_view setting) {
    constexpr auto name = "open files, all";
    const auto numbers = parse_numbers<3>(limit.value);
    if (!numbers) return unknown(name, limit);
    const auto [used, free, most] = *numbers;
    Check check{name, Verdict::ok, std::to_string(used) + " of " + std::to_string(most), {}, {}};
    // Divided, since many kernels say 2^63 - 1: it must not overflow.
    if (used >= most - most / 20) {
        check.verdict = Verdict::fail;
    } else if (most < many_open_files || used >= most - most / 5) {
        check.verdict = Verdict::warn;
    } else {
        return check;
    }
    check.advice = "only root can open more; " + std::string(setting) + "="
                   + std::to_string(std::max(2 * most, 4 * many_open_files))
                   + ", or find the process that holds so many";
    return check;
}

Check check_backlog(const Limit& limit, std::string_view setting) {
    constexpr auto name = "listener's backlog";
    const auto numbers = parse_numbers<1>(limit.value);
    if (!numbers) return unknown(name, limit);
    const auto most = numbers->front();
    Check check{
        name, Verdict::ok, "at most " + std::to_string(most) + " connections wait to be accepted", {}, {}};
    if (most >= enough_backlog) return check;
    check.verdict = most < usual_backlog ? Verdict::fail : Verdict::warn;
    check.advice =
        "a burst of more is dropped, and its clients try again after a second; " + std::string(setting);
    return check;
}

Check check_watches(const Limit& limit) {
    constexpr auto name = "watches of one user";
    const auto numbers = parse_numbers<1>(limit.value);
    if (!numbers) return unknown(name, limit);
    const auto most = numbers->front();
    Check check{name, Verdict::ok, std::to_string(most) + " registrations with epoll", {}, {}};
    if (most >= enough_watches) return check;
    check.verdict = most < few_open_files ? Verdict::fail : Verdict::warn;
    check.advice = "adding one more fails with ENOSPC; sysctl -w fs.epoll.max_user_watches=1048576";
    return check;
}

Check check_ports(const Limit& limit, std::string_view setting) {
    constexpr auto name = "ports for connecting";
    const auto numbers = parse_numbers<2>(limit.value);
    if (!numbers || numbers->front() > numbers->back()) return unknown(name, limit);
    const auto [first, last] = *numbers;
    const auto count = last - first + 1;
    Check check{name,
                Verdict::ok,
                std::to_string(count) + ", from " + std::to_string(first) + " to " + std::to_string(last),
                {},
                {}};
    if (count >= enough_ports) return check;
    check.verdict = count < few_ports ? Verdict::fail : Verdict::warn;
    check.advice =
        "the limit of connections to one destination, those closed within the last minute included; "
        + std::string(setting);
    return check;
}

Check check_timer_slack(std::chrono::nanoseconds slack) {
    Check check{"timer slack", Verdict::ok, "waits may end " + text_of(slack) + " late", {}, {}};
    if (slack <= usual_slack) return check;
    check.verdict = slack < coarse ? Verdict::note : Verdict::warn;
    check.advice =
        "usual are 50 µs; prctl(PR_SET_TIMERSLACK, 50000) in each thread, TimerSlackNSec= in the unit";
    return check;
}

Check check_timeouts(const TimerResolution& timer) {
    Check check{"timeouts",
                Verdict::ok,
                "a poll of " + text_of(timer.asked) + " took " + text_of(timer.fastest) + " at best, "
                    + text_of(timer.median) + " as the median",
                {},
                {}};
    if (!timer.is_fine()) {
        check.verdict = Verdict::warn;
        check.advice =
            "timeouts below a millisecond end late: because of the timer slack on Linux, the tick of the "
            "system on Windows, or a facility that is missing above";
    } else if (timer.median >= coarse) {
        check.verdict = Verdict::note;
        check.advice = "the processors were busy: repeat the check when they are idle";
    }
    return check;
}

Check check_broken_pipes(bool ignored) {
    if (ignored) return {"SIGPIPE", Verdict::ok, "ignored by what is started here", {}, {}};
    return {"SIGPIPE",
            Verdict::note,
            "ends what is started here",
            "no call of mio raises it; write(2) to a closed pipe does, unless the program ignores it",
            {}};
}

} // namespace probe
