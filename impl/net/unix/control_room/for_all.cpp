module;

#include <sys/socket.h>

#include <cstddef>

module mio.net.fd_passing;

namespace mio::net {

// Not all of these kernels close what there is no room for: they would be open, and nobody would know. So there is room
// for all, and what the caller did not ask for is closed here.
std::size_t control_room(std::size_t) noexcept { return most_control; }

void close_others(::msghdr&) noexcept {} // nothing else that these kernels send along is a descriptor

} // namespace mio::net
