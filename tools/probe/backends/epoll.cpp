#include "backends/backend.hpp"

import mio.sys.epoll;

namespace probe {

Backend epoll_backend() { return backend_of<mio::sys::epoll::Selector>(); }

} // namespace probe
