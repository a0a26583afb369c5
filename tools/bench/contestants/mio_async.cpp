#include "workloads/async.hpp"

#include "contestants/mio_async.hpp"

namespace bench {

void enter_mio_async(Suite& suite) { enter_async<MioAsync<>>(suite); }

} // namespace bench
