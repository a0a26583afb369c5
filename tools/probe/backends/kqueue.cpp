#include "backends/backend.hpp"

import mio.sys.kqueue;

namespace probe {

Backend kqueue_backend() { return backend_of<mio::sys::kqueue::Selector>(); }

} // namespace probe
