// The verdicts of mio-probe's doctor for given values, independent of this machine.
#include <gtest/gtest.h>

#include "doctor.hpp"

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

using namespace probe;
using namespace std::chrono_literals;

namespace {

Facility facility(std::optional<std::errc> error) {
    return {"epoll_pwait2", "its purpose", error ? std::make_error_code(*error) : std::error_code()};
}

constexpr Need need{"epoll_pwait2", {5, 11}, Verdict::warn, "it is missed", ""};

Limit limit(std::string value) { return {"name", std::move(value), "its.sysctl", {}}; }

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

// Every verdict but ok has advice; ok has none.
testing::AssertionResult is(Verdict verdict, const Check& check) {
    if (check.verdict != verdict) {
        return testing::AssertionFailure() << name_of(check.verdict) << ": " << check.finding;
    }
    if (check.advice.empty() != (verdict == Verdict::ok)) {
        return testing::AssertionFailure() << "advice: '" << check.advice << "'";
    }
    return testing::AssertionSuccess();
}

} // namespace

TEST(Kernel, VersionIsTheFirstTwoNumbersOfTheRelease) {
    EXPECT_EQ(parse_kernel("6.18.44-fc-v669"), (KernelVersion{6, 18}));
    EXPECT_EQ(parse_kernel("5.10"), (KernelVersion{5, 10}));
    EXPECT_EQ(parse_kernel("4.4-rc1"), (KernelVersion{4, 4}));
    for (const auto text : {"", "6", "6.", "six.1", ".5", "6-18"})
        EXPECT_EQ(parse_kernel(text), std::nullopt);
}

TEST(Kernel, ReleasesAreOrderedByNumber) {
    EXPECT_LT((KernelVersion{5, 9}), (KernelVersion{5, 11}));
    EXPECT_LT((KernelVersion{5, 19}), (KernelVersion{6, 0}));
}

TEST(Loopback, AdviceFollowsFromTheErrorAndTheInterface) {
    const auto check_with = [](const char* name, std::errc error,
                               std::optional<LoopbackInterface> interface) {
        return check_loopback({name, "", std::make_error_code(error)}, interface);
    };
    const LoopbackInterface up{"lo", true};
    const LoopbackInterface down{"lo", false};
    const auto down_v4 = check_with("IPv4 loopback", std::errc::network_unreachable, down);
    EXPECT_TRUE(is(Verdict::warn, down_v4));
    EXPECT_TRUE(contains(down_v4.advice, "ip link set lo up"));
    const auto down_v6 = check_with("IPv6 loopback", std::errc::address_not_available, down);
    EXPECT_TRUE(is(Verdict::note, down_v6));
    EXPECT_TRUE(contains(down_v6.advice, "ip link set lo up"));

    EXPECT_TRUE(
        contains(check_with("IPv6 loopback", std::errc::address_not_available, up).advice, "disable_ipv6=0"));
    EXPECT_TRUE(
        contains(check_with("IPv4 loopback", std::errc::address_not_available, up).advice, "127.0.0.1/8"));
    EXPECT_TRUE(contains(check_with("IPv4 loopback", std::errc::timed_out, up).advice, "packet filter"));
    EXPECT_TRUE(contains(check_with("IPv4 loopback", std::errc::permission_denied, up).advice, "sandbox"));
    EXPECT_TRUE(
        contains(check_with("IPv6 loopback", std::errc::address_family_not_supported, std::nullopt).advice,
                 "kernel with IPv6"));
    EXPECT_TRUE(
        contains(check_with("IPv4 loopback", std::errc::too_many_files_open, down).advice, "open files"));
    EXPECT_TRUE(is(Verdict::ok, check_loopback({"IPv4 loopback", "", {}}, down)));
}

TEST(Facilities, WorkingFacilityPassesOnEveryKernel) {
    EXPECT_TRUE(is(Verdict::ok, check_facility(facility({}), need, KernelVersion{5, 4})));
    EXPECT_TRUE(is(Verdict::ok, check_facility(facility({}), need, std::nullopt)));
}

TEST(Facilities, DistinguishesOldKernelFromSandbox) {
    const auto error = std::errc::function_not_supported;
    const auto old = check_facility(facility(error), need, KernelVersion{5, 10});
    EXPECT_TRUE(is(Verdict::warn, old));
    EXPECT_EQ(old.advice, "it is missed; Linux 5.11 or newer has it");
    EXPECT_EQ(old.error, error);

    for (const auto kernel : {std::optional(KernelVersion{5, 11}), std::optional<KernelVersion>()}) {
        const auto forbidden = check_facility(facility(error), need, kernel);
        EXPECT_TRUE(is(Verdict::warn, forbidden));
        EXPECT_TRUE(contains(forbidden.advice, "it is missed; ")) << forbidden.advice;
        EXPECT_TRUE(contains(forbidden.advice, "sandbox")) << forbidden.advice;
    }
}

TEST(Facilities, SuggestsASpecificRemedyOnNewKernels) {
    auto special = need;
    special.cure = "take two";
    const auto error = std::errc::operation_not_permitted;
    EXPECT_EQ(check_facility(facility(error), special, KernelVersion{6, 0}).advice, "it is missed; take two");
    EXPECT_TRUE(contains(check_facility(facility(error), special, KernelVersion{5, 0}).advice, "Linux 5.11"));
}

TEST(Facilities, DescriptorExhaustionIsNotReportedAsMissing) {
    for (const auto error : {std::errc::too_many_files_open, std::errc::too_many_files_open_in_system}) {
        const auto check = check_facility(facility(error), need, KernelVersion{5, 4});
        EXPECT_TRUE(is(Verdict::warn, check));
        EXPECT_TRUE(contains(check.finding, "could not be tried")) << check.finding;
        EXPECT_FALSE(contains(check.advice, "Linux")) << check.advice;
    }
}

TEST(OpenFiles, SoftLimitIsChecked) {
    EXPECT_TRUE(is(Verdict::fail, check_open_files(255, 1'000'000)));
    EXPECT_TRUE(is(Verdict::warn, check_open_files(256, 1'000'000)));
    EXPECT_TRUE(is(Verdict::warn, check_open_files(4095, unlimited)));
    EXPECT_TRUE(is(Verdict::ok, check_open_files(4096, 4096)));
    EXPECT_TRUE(is(Verdict::ok, check_open_files(unlimited, unlimited)));
}

TEST(OpenFiles, SuggestsTheHighestPermittedLimit) {
    EXPECT_TRUE(contains(check_open_files(1024, 20'000).advice, "ulimit -n 20000 "));
    EXPECT_TRUE(contains(check_open_files(1024, unlimited).advice, "ulimit -n 65536 "));
    const auto helpless = check_open_files(64, 64);
    EXPECT_FALSE(contains(helpless.advice, "ulimit -n 6")) << helpless.advice;
    EXPECT_TRUE(contains(helpless.advice, "root has to raise the hard limit")) << helpless.advice;
}

TEST(OpenFilesOfAll, NearExhaustionIsReported) {
    EXPECT_TRUE(is(Verdict::ok, check_open_files_of_all(limit("1632 0 2466170"))));
    EXPECT_TRUE(is(Verdict::ok, check_open_files_of_all(limit("1632 0 9223372036854775807"))));
    EXPECT_TRUE(is(Verdict::ok, check_open_files_of_all(limit("79999 0 100000"))));
    EXPECT_TRUE(is(Verdict::warn, check_open_files_of_all(limit("80000 0 100000"))));
    EXPECT_TRUE(is(Verdict::fail, check_open_files_of_all(limit("95000 0 100000"))));
    EXPECT_TRUE(is(Verdict::warn, check_open_files_of_all(limit("0 0 65535"))));
    EXPECT_TRUE(contains(check_open_files_of_all(limit("80000 0 100000")).advice, "file-max=262144"));
    EXPECT_TRUE(contains(check_open_files_of_all(limit("380000 0 400000")).advice, "file-max=800000"));
}

TEST(Backlog, BacklogForABurstPasses) {
    EXPECT_TRUE(is(Verdict::fail, check_backlog(limit("127"))));
    EXPECT_TRUE(is(Verdict::warn, check_backlog(limit("128"))));
    EXPECT_TRUE(is(Verdict::warn, check_backlog(limit("1023"))));
    EXPECT_TRUE(is(Verdict::ok, check_backlog(limit("1024"))));
}

TEST(Watches, LimitMustSufficeForSeveralProcesses) {
    EXPECT_TRUE(is(Verdict::fail, check_watches(limit("255"))));
    EXPECT_TRUE(is(Verdict::warn, check_watches(limit("256"))));
    EXPECT_TRUE(is(Verdict::warn, check_watches(limit("16383"))));
    EXPECT_TRUE(is(Verdict::ok, check_watches(limit("16384"))));
}

TEST(Ports, RangeIncludesBothEnds) {
    EXPECT_TRUE(is(Verdict::ok, check_ports(limit("32768 60999"))));
    EXPECT_TRUE(is(Verdict::ok, check_ports(limit("20000 29999"))));
    EXPECT_TRUE(is(Verdict::warn, check_ports(limit("20000 29998"))));
    EXPECT_TRUE(is(Verdict::warn, check_ports(limit("20000 20999"))));
    EXPECT_TRUE(is(Verdict::fail, check_ports(limit("20000 20998"))));
    EXPECT_TRUE(contains(check_ports(limit("32768 60999")).finding, "28232"));
}

TEST(Limits, UnreadableLimitIsANote) {
    using Rule = Check (*)(const Limit&);
    constexpr std::array<Rule, 4> rules{
        [](const Limit& limit) { return check_open_files_of_all(limit); },
        [](const Limit& limit) { return check_backlog(limit); },
        [](const Limit& limit) { return check_watches(limit); },
        [](const Limit& limit) { return check_ports(limit); },
    };
    for (const auto rule : rules) {
        for (const auto text : {"", "many", "1 2 3 4", "-1", "99999999999999999999999", "1x"}) {
            const auto check = rule(limit(text));
            EXPECT_TRUE(is(Verdict::note, check)) << text;
            EXPECT_TRUE(contains(check.advice, "its.sysctl")) << check.advice;
        }
        const auto error = std::make_error_code(std::errc::no_such_file_or_directory);
        const auto check = rule({"name", "", "its.sysctl", error});
        EXPECT_TRUE(is(Verdict::note, check));
        EXPECT_EQ(check.error, error);
    }
    EXPECT_TRUE(is(Verdict::note, check_ports(limit("60999 32768"))));
}

TEST(TimerSlack, DefaultSlackPasses) {
    EXPECT_TRUE(is(Verdict::ok, check_timer_slack(0ns)));
    EXPECT_TRUE(is(Verdict::ok, check_timer_slack(50us)));
    EXPECT_TRUE(is(Verdict::note, check_timer_slack(51us)));
    EXPECT_TRUE(is(Verdict::note, check_timer_slack(1ms - 1ns)));
    EXPECT_TRUE(is(Verdict::warn, check_timer_slack(1ms)));
    EXPECT_TRUE(contains(check_timer_slack(40ms).finding, "40 ms"));
    EXPECT_TRUE(contains(check_timer_slack(1500us).finding, "1500 µs"));
    EXPECT_TRUE(contains(check_timer_slack(1ns).finding, "1 ns"));
}

TEST(TimeOuts, DistinguishesBusyMachineFromCoarseClock) {
    EXPECT_TRUE(is(Verdict::ok, check_timeouts({100us, 150us, 180us})));
    EXPECT_TRUE(is(Verdict::note, check_timeouts({100us, 150us, 3ms})));
    EXPECT_TRUE(is(Verdict::warn, check_timeouts({100us, 1ms, 1100us})));
}

TEST(TimeOuts, AreFineIfOnePollWasFine) {
    EXPECT_TRUE((TimerResolution{100us, 150us, 3ms}.is_fine()));
    EXPECT_FALSE((TimerResolution{100us, 1ms, 1100us}.is_fine()));
}

TEST(BrokenPipes, AreReportedAsANote) {
    EXPECT_TRUE(is(Verdict::ok, check_broken_pipes(true)));
    EXPECT_TRUE(is(Verdict::note, check_broken_pipes(false)));
}

TEST(Verdicts, WorstVerdictDecides) {
    EXPECT_EQ(worst_of({}), Verdict::ok);
    const std::array checks{check_broken_pipes(false), check_open_files(64, 64),
                            check_open_files(1024, 1024)};
    EXPECT_EQ(worst_of(checks), Verdict::fail);
    EXPECT_EQ(name_of(Verdict::ok), "ok");
    EXPECT_EQ(name_of(Verdict::note), "note");
    EXPECT_EQ(name_of(Verdict::warn), "warn");
    EXPECT_EQ(name_of(Verdict::fail), "fail");
}
