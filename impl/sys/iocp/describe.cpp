module;

#include <cstdint>
#include <string>
#include <utility>

module mio.sys.iocp;

import mio.core.event;

namespace mio::sys::iocp {
namespace {

constexpr std::pair<std::uint32_t, const char*> event_names[] = {
    {afd_receive, "RECEIVE"},
    {afd_receive_expedited, "RECEIVE_EXPEDITED"},
    {afd_send, "SEND"},
    {afd_disconnect, "DISCONNECT"},
    {afd_abort, "ABORT"},
    {afd_local_close, "LOCAL_CLOSE"},
    {afd_connect, "CONNECT"},
    {afd_accept, "ACCEPT"},
    {afd_connect_fail, "CONNECT_FAIL"},
};

} // namespace

std::string Selector::describe(const Event& event) {
    std::string text;
    for (const auto& [flag, flag_name] : event_names) {
        if ((event.raw_flags() & flag) == 0) continue;
        if (!text.empty()) text += '|';
        text += flag_name;
    }
    return text.empty() ? "(empty)" : text;
}

} // namespace mio::sys::iocp
