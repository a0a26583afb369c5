#include "std.hpp"

#include "workloads/all.hpp"

#include "contestants/mio.hpp"
#include "contestants/mio_alarm.hpp"

#include "unix/all_rounds.hpp"

namespace bench {

void fail(const char* call, int error) {
    throw probe::Refused{call, std::error_code(error, mio::os_category()), {}};
}

} // namespace bench

namespace probe::bench {

Rounds library_rounds() { return rounds_of<::bench::BasicMio<mio::Trigger::level>>; }

Round alarm_round() { return timeout_round<::bench::MioWithAlarm<mio::Trigger::level>>; }

} // namespace probe::bench
