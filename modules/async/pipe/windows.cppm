/// @file
/// Windows named pipes that coroutines wait for. `unix.cppm` contains POSIX pipes.

export module mio.async.pipe;

import mio.std;
import mio.core;
import mio.net;
import mio.async.loop;
import mio.async.task;
import mio.async.io;

namespace mio::async {

struct ConnectPipeOp {
    static constexpr Direction direction = Direction::write;
    static constexpr const char* name = "connect";
    bool is_begun = false;
    [[nodiscard]] inline Result<> operator()(Async<net::NamedPipe>& io) noexcept {
        if (std::exchange(is_begun, true)) {
            const auto failed = io.source().take_error();
            if (!failed) return std::unexpected(failed.error());
            if (*failed) return std::unexpected(*failed);
        }
        return io.source().connect();
    }
};

/// One end of a named pipe; see `mio::net::NamedPipe`. A pipe belongs to the first loop that it was used with.
export class NamedPipe : public ByteStream<net::NamedPipe> {
  public:
    using ByteStream::ByteStream;

    /// As the members of `mio::net::NamedPipe`. @{
    [[nodiscard]] static Result<NamedPipe> create(std::string_view name,
                                                  net::PipeMode mode = net::PipeMode::bytes);
    [[nodiscard]] static Result<NamedPipe> create_another(std::string_view name,
                                                          net::PipeMode mode = net::PipeMode::bytes);
    [[nodiscard]] static Result<NamedPipe> open(std::string_view name,
                                                net::PipeMode mode = net::PipeMode::bytes);
    /// @}

    /// Server: waits for a client. Errors: the OS's own. If cancelled, the pipe still accepts a client, which the
    /// next `connect` returns.
    [[nodiscard]] inline auto connect() noexcept {
        return Operation<net::NamedPipe, ConnectPipeOp>(*this, {});
    }
    /// Server: ends the connection; see `mio::net::NamedPipe::disconnect`.
    [[nodiscard]] inline Result<> disconnect() noexcept { return source().disconnect(); }
};

} // namespace mio::async
