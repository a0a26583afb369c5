module mio.async.pipe;

import mio.core;
import mio.net;
import mio.async.io;
import mio.std;

namespace mio::async {

Result<std::pair<PipeSender, PipeReceiver>> make_pipe() {
    auto ends = net::make_pipe();
    if (!ends) return std::unexpected(ends.error());
    return std::pair(PipeSender(std::move(ends->first)), PipeReceiver(std::move(ends->second)));
}

} // namespace mio::async
