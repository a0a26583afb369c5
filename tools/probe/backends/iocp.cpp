#include "backends/backend.hpp"

import mio.sys.iocp;

namespace probe {

Backend iocp_backend() { return backend_of<mio::sys::iocp::Selector>(); }

} // namespace probe
