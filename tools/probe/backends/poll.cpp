#include "backends/backend.hpp"

import mio.sys.poll;

namespace probe {

Backend poll_backend() { return backend_of<mio::sys::poll::Selector>(); }

} // namespace probe
