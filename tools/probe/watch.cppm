/// @file
/// `mio-probe watch`: registers real things and prints each event as it comes.

export module probe.watch;

export import probe.watch.options;

import probe.failure;

namespace probe {

export ExitStatus run(const WatchOptions& options);

} // namespace probe
