module;

#include <sys/socket.h>

module mio.net.fd_passing;

import mio.std;

namespace mio::net {

// Some of these kernels do not close the descriptors that do not fit, which would leak them. So the buffer holds
// all, and those that the caller did not request are closed here.
std::size_t control_room(std::size_t) noexcept { return most_control; }

void close_others(::msghdr&) noexcept {} // these kernels attach no other descriptors

} // namespace mio::net
