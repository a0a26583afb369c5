#pragma once

import mio.sys.kqueue;

using Backend = mio::sys::kqueue::Selector;
