module;

#include <sys/epoll.h>

module mio.sys.epoll;

import mio.core.event;
import mio.std;
import mio.sys.flag_names;

namespace mio::sys::epoll {
namespace {

constexpr FlagName flag_names[] = {
    {EPOLLIN, "EPOLLIN"},   {EPOLLPRI, "EPOLLPRI"}, {EPOLLOUT, "EPOLLOUT"},
    {EPOLLERR, "EPOLLERR"}, {EPOLLHUP, "EPOLLHUP"}, {EPOLLRDHUP, "EPOLLRDHUP"},
};

} // namespace

std::string Selector::describe(const Event& event) { return describe_flags(flag_names, event.raw_flags()); }

} // namespace mio::sys::epoll
