module;

#include <poll.h>

#include <string>
#include <utility>

module mio.sys.poll;

import mio.core.event;

namespace mio::sys::poll {
namespace {

constexpr std::pair<int, const char*> flag_names[] = {
    {POLLIN, "POLLIN"},   {POLLPRI, "POLLPRI"}, {POLLOUT, "POLLOUT"},
    {POLLERR, "POLLERR"}, {POLLHUP, "POLLHUP"}, {read_hang_up, "POLLRDHUP"},
};

} // namespace

std::string Selector::describe(const Event& event) {
    std::string text;
    for (const auto& [flag, flag_name] : flag_names) {
        if ((event.raw_flags() & static_cast<unsigned>(flag)) == 0) continue;
        if (!text.empty()) text += '|';
        text += flag_name;
    }
    return text.empty() ? "(empty)" : text;
}

} // namespace mio::sys::poll
