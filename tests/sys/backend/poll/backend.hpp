#pragma once

import mio.sys.poll;

using Backend = mio::sys::poll::Selector;
