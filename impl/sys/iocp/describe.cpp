module mio.sys.iocp;

import mio.core.event;
import mio.std;
import mio.sys.flag_names;

namespace mio::sys::iocp {
namespace {

constexpr FlagName flag_names[] = {
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

std::string Selector::describe(const Event& event) { return describe_flags(flag_names, event.raw_flags()); }

} // namespace mio::sys::iocp
