#include "trace.hpp"

namespace probe {

TracedProcess read_process(std::uint64_t) {
    throw Refused{"trace", make_error_code(mio::Errc::unsupported),
                  "only Linux shows what a process registered"};
}

} // namespace probe
