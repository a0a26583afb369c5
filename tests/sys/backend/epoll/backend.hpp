#pragma once

import mio.sys.epoll;

using Backend = mio::sys::epoll::Selector;
