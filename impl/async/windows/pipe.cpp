module mio.async.pipe;

import mio.core;
import mio.net;
import mio.async.io;
import mio.std;

namespace mio::async {
namespace {

Result<NamedPipe> wrapped(Result<net::NamedPipe> pipe) {
    if (!pipe) return std::unexpected(pipe.error());
    return NamedPipe(std::move(*pipe));
}

} // namespace

Result<NamedPipe> NamedPipe::create(std::string_view name, net::PipeMode mode) {
    return wrapped(net::NamedPipe::create(name, mode));
}
Result<NamedPipe> NamedPipe::create_another(std::string_view name, net::PipeMode mode) {
    return wrapped(net::NamedPipe::create_another(name, mode));
}
Result<NamedPipe> NamedPipe::open(std::string_view name, net::PipeMode mode) {
    return wrapped(net::NamedPipe::open(name, mode));
}

} // namespace mio::async
