#include "contestants/bare_epoll.hpp"
#include "workloads/all.hpp"

namespace bench {

void enter_bare(Suite& suite) { enter_workloads<BareEpoll<true>>(suite); }

} // namespace bench
