#pragma once

#include "contestants/contestant.hpp"
#include "harness/suite.hpp"
#include "workloads/accept.hpp"
#include "workloads/chain.hpp"
#include "workloads/churn.hpp"
#include "workloads/echo.hpp"
#include "workloads/http.hpp"
#include "workloads/pingpong_variants.hpp"
#include "workloads/timeout.hpp"
#include "workloads/wake.hpp"
#include "workloads/wakeflood.hpp"

namespace bench {

/// Adds the workloads of event loops. UDP, which compares batches, is separate.
template <Contestant C> void enter_workloads(Suite& suite) {
    enter_pingpong<C>(suite);
    enter_chain<C>(suite);
    enter_churn<C>(suite);
    enter_echo<C>(suite);
    enter_http<C>(suite);
    enter_accept<C>(suite);
    enter_wake<C>(suite);
    enter_wakeflood<C>(suite);
    enter_timeout<C>(suite);
}

} // namespace bench
