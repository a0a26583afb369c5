/// @file
/// Pipes, and moving bytes inside the kernel, on Unix; `windows.cppm` beside this file has the named pipes of Windows.

export module mio.net.pipe;

import mio.std;
import mio.core.error;
import mio.core.handle;
import mio.core.source;
import mio.core.types;
import mio.net.socket;

namespace mio::net {

/// The end of a pipe that is written to. Writable: there is room, or the reader is gone.
export class PipeSender : public IoSource {
  public:
    /// Takes ownership of a handle as it is: for a child's standard input, say. Make it non-blocking.
    [[nodiscard]] static PipeSender from_raw(RawHandle handle) noexcept { return PipeSender(handle); }

    /// Writes as much of `bytes` as there is room for and gives its size; at most PIPE_BUF bytes (4096 on Linux, 512
    /// on BSD and Apple) are written whole or not at all. Errors: would-block when there is no room; `broken_pipe` when
    /// the reader is gone, without SIGPIPE whatever the program does with that signal; the OS's own. On Apple and NetBSD
    /// the handle, and every duplicate of it, does not raise that signal any more afterwards.
    /// @see pipe(7), write(2)
    [[nodiscard]] Result<std::size_t> write(std::span<const std::byte> bytes) const noexcept;
    /// As `write`, from several buffers in turn. @see writev(2)
    [[nodiscard]] Result<std::size_t> write_vectored(std::span<const IoSlice> buffers) const noexcept;

    /// For a handle that came from elsewhere. @see fcntl(2), O_NONBLOCK
    [[nodiscard]] Result<> set_nonblocking(bool on) const noexcept;

  private:
    inline explicit PipeSender(RawHandle handle) noexcept : IoSource(handle) {}
};

/// The end of a pipe that is read from. Readable: data. When the writer is gone and nothing is left, an event may say
/// `is_read_closed` and not `is_readable`: `read` then gives 0.
export class PipeReceiver : public IoSource {
  public:
    /// Takes ownership of a handle as it is: for a child's standard output, say. Make it non-blocking.
    [[nodiscard]] static PipeReceiver from_raw(RawHandle handle) noexcept { return PipeReceiver(handle); }

    /// Reads at most `buffer.size()` bytes and gives their number; 0 means that the writer is gone. Errors:
    /// would-block when nothing has arrived; the OS's own.
    /// @see read(2)
    [[nodiscard]] Result<std::size_t> read(std::span<std::byte> buffer) const noexcept;
    /// As `read`, into several buffers in turn. @see readv(2)
    [[nodiscard]] Result<std::size_t> read_vectored(std::span<const IoSliceMut> buffers) const noexcept;

    /// For a handle that came from elsewhere. @see fcntl(2), O_NONBLOCK
    [[nodiscard]] Result<> set_nonblocking(bool on) const noexcept;

  private:
    inline explicit PipeReceiver(RawHandle handle) noexcept : IoSource(handle) {}
};

/// A pipe, non-blocking and close-on-exec at both ends. Errors: the OS's own.
/// @see pipe2(2)
export [[nodiscard]] Result<std::pair<PipeSender, PipeReceiver>> make_pipe();

/// Writes at most `count` bytes of `file`, from `offset` on, to a socket, and gives their number; 0 means that the
/// file ends there. The file's own position stays. Errors: would-block; `broken_pipe` without SIGPIPE;
/// `Errc::unsupported` on NetBSD and OpenBSD, which have no such call; the OS's own.
/// @see sendfile(2)
export [[nodiscard]] Result<std::size_t> send_file(const Socket& to, RawHandle file, std::uint64_t offset,
                                                   std::size_t count) noexcept;

/// Moves at most `count` bytes between two sources, one of which is a pipe, and gives their number; 0 is the end of
/// the stream. Errors: would-block, for want of bytes or of room; `broken_pipe` without SIGPIPE;
/// `Errc::unsupported` but on Linux and Android; the OS's own.
/// @see splice(2)
export [[nodiscard]] Result<std::size_t> splice(const IoSource& from, const IoSource& to,
                                                std::size_t count) noexcept;

} // namespace mio::net
