// Queues of timers, and alarms.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "script.hpp"

namespace faults {
namespace {

using namespace mio::time;

void queues() {
    auto queue = construct([] { return std::make_unique<TimerQueue>(2); });
    Timer timers[5];
    const auto now = Clock::now();
    for (auto& timer : timers) attempt("insert", [&] { return queue->insert(timer, now); });
    attempt("reserve", [&] { return queue->reserve(100); });
    int fired = 0;
    while (queue->pop(now) != nullptr) ++fired;
    check(fired == 5, "five timers");

    auto ids = construct([] { return Timers(1); });
    for (std::size_t i = 0; i < 5; ++i) attempt("insert", [&] { return ids.insert(now, Token{i}); });
    attempt("reserve", [&] { return ids.reserve(100); });
    fired = 0;
    while (ids.pop(now)) ++fired;
    check(fired == 5, "five ids");
}

void alarms() {
    Loop loop;
    auto alarm = attempt_if_possible("Alarm::create", [] { return Alarm::create(); });
    if (!alarm) return;
    attempt("add", [&] { return loop.registry().add(*alarm, Token{1}, Interest::readable); });
    attempt("arm", [&] { return alarm->arm(Clock::now()); });
    loop.expect(Token{1}, "alarm");
    attempt("disarm", [&] { return alarm->disarm(); });
}

} // namespace

const Part time_parts[] = {{"timers", &queues}, {"alarms", &alarms}, {}};

} // namespace faults
