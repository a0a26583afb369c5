module;

#include <sys/epoll.h>

#include <cstdint>
#include <string>
#include <utility>

module mio.sys.epoll;

import mio.core.event;

namespace mio::sys::epoll {
namespace {

constexpr std::pair<std::uint32_t, const char*> flag_names[] = {
    {EPOLLIN, "EPOLLIN"},   {EPOLLPRI, "EPOLLPRI"}, {EPOLLOUT, "EPOLLOUT"},
    {EPOLLERR, "EPOLLERR"}, {EPOLLHUP, "EPOLLHUP"}, {EPOLLRDHUP, "EPOLLRDHUP"},
};

} // namespace

std::string Selector::describe(const Event& event) {
    std::string text;
    for (const auto& [flag, flag_name] : flag_names) {
        if ((event.raw_flags() & flag) == 0) continue;
        if (!text.empty()) text += '|';
        text += flag_name;
    }
    return text.empty() ? "(empty)" : text;
}

} // namespace mio::sys::epoll
