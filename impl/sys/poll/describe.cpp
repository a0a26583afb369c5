module;

#include <poll.h>

module mio.sys.poll;

import mio.core.event;
import mio.std;
import mio.sys.flag_names;

namespace mio::sys::poll {
namespace {

constexpr FlagName flag_names[] = {
    {POLLIN, "POLLIN"},   {POLLPRI, "POLLPRI"}, {POLLOUT, "POLLOUT"},
    {POLLERR, "POLLERR"}, {POLLHUP, "POLLHUP"}, {read_hang_up, "POLLRDHUP"},
};

} // namespace

std::string Selector::describe(const Event& event) { return describe_flags(flag_names, event.raw_flags()); }

} // namespace mio::sys::poll
