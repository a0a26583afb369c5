/// @file
/// POSIX pipes that coroutines wait for. `windows.cppm` contains the named pipes of Windows.

export module mio.async.pipe;

import mio.std;
import mio.core;
import mio.net;
import mio.async.loop;
import mio.async.task;
import mio.async.io;

namespace mio::async {

export {
    template <> inline constexpr Interest default_interest<net::PipeSender> = Interest::writable;
    template <> inline constexpr Interest default_interest<net::PipeReceiver> = Interest::readable;
    // A read of a pipe of packets (O_DIRECT) returns one.
    template <> inline constexpr bool is_filled_by_short_write<net::PipeSender> = true;
}

/// The write end of a pipe; see `mio::net::PipeSender`. It must be non-blocking.
export class PipeSender : public ByteStream<net::PipeSender> {
  public:
    using ByteStream::ByteStream;
};

/// The read end of a pipe; see `mio::net::PipeReceiver`. It must be non-blocking.
export class PipeReceiver : public ByteStream<net::PipeReceiver> {
  public:
    using ByteStream::ByteStream;
};

/// As `mio::net::make_pipe`.
export [[nodiscard]] Result<std::pair<PipeSender, PipeReceiver>> make_pipe();

} // namespace mio::async
