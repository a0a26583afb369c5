#pragma once

import mio.sys.iocp;

using Backend = mio::sys::iocp::Selector;
