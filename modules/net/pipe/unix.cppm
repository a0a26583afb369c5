/// @file
/// POSIX pipes, and data transfer inside the kernel (sendfile, splice). `windows.cppm` contains the named
/// pipes of Windows.

export module mio.net.pipe;

import mio.std;
import mio.core.error;
import mio.core.handle;
import mio.core.source;
import mio.core.types;
import mio.net.socket;

namespace mio::net {

/// The write end of a pipe. Writable: there is room, or the read end is closed.
export class PipeSender : public IoSource {
  public:
    /// Takes ownership of `handle` without changing it, for example a child's standard input. Make it
    /// non-blocking.
    [[nodiscard]] static PipeSender from_raw(RawHandle handle) noexcept { return PipeSender(handle); }

    /// Writes as much of `bytes` as fits and returns the number of bytes written. A write of up to PIPE_BUF
    /// bytes (4096 on Linux, 512 on BSD and Apple) is atomic. Errors: would-block if there is no room;
    /// `broken_pipe` if the read end is closed; the OS's own. It never raises SIGPIPE, however the program
    /// handles that signal. On Apple and NetBSD, the handle and its duplicates do not raise SIGPIPE
    /// afterwards either.
    /// @see pipe(7), write(2)
    [[nodiscard]] Result<std::size_t> write(std::span<const std::byte> bytes) const noexcept;
    /// As `write`, from several buffers in order. @see writev(2)
    [[nodiscard]] Result<std::size_t> write_vectored(std::span<const IoSlice> buffers) const noexcept;

    /// Sets or clears non-blocking mode, for handles not created by this library. @see fcntl(2), O_NONBLOCK
    [[nodiscard]] Result<> set_nonblocking(bool on) const noexcept;

  private:
    inline explicit PipeSender(RawHandle handle) noexcept : IoSource(handle) {}
};

/// The read end of a pipe. Readable: data is available. When the write end is closed and no data is left, an
/// event may report `is_read_closed` without `is_readable`; `read` then returns 0.
export class PipeReceiver : public IoSource {
  public:
    /// Takes ownership of `handle` without changing it, for example a child's standard output. Make it
    /// non-blocking.
    [[nodiscard]] static PipeReceiver from_raw(RawHandle handle) noexcept { return PipeReceiver(handle); }

    /// Reads at most `buffer.size()` bytes and returns their number; 0 means that the write end is closed.
    /// Errors: would-block if no data is available; the OS's own.
    /// @see read(2)
    [[nodiscard]] Result<std::size_t> read(std::span<std::byte> buffer) const noexcept;
    /// As `read`, into several buffers in order. @see readv(2)
    [[nodiscard]] Result<std::size_t> read_vectored(std::span<const IoSliceMut> buffers) const noexcept;

    /// Sets or clears non-blocking mode, for handles not created by this library. @see fcntl(2), O_NONBLOCK
    [[nodiscard]] Result<> set_nonblocking(bool on) const noexcept;

  private:
    inline explicit PipeReceiver(RawHandle handle) noexcept : IoSource(handle) {}
};

/// Creates a pipe with both ends non-blocking and close-on-exec. Errors: the OS's own.
/// @see pipe2(2)
export [[nodiscard]] Result<std::pair<PipeSender, PipeReceiver>> make_pipe();

/// Sends at most `count` bytes of `file`, starting at `offset`, to a socket and returns their number; 0 means
/// end of file. The file position does not change. Errors: would-block; `broken_pipe`, without SIGPIPE;
/// `Errc::unsupported` on NetBSD and OpenBSD, which have no such call; the OS's own.
/// @see sendfile(2)
export [[nodiscard]] Result<std::size_t> send_file(const SocketBase& to, RawHandle file, std::uint64_t offset,
                                                   std::size_t count) noexcept;

/// Moves at most `count` bytes between two sources, at least one of them a pipe, and returns their number; 0
/// is the end of the stream. Errors: would-block, if no data or no room is available; `broken_pipe`, without
/// SIGPIPE; `Errc::unsupported` except on Linux and Android; the OS's own.
/// @see splice(2)
export [[nodiscard]] Result<std::size_t> splice(const IoSource& from, const IoSource& to,
                                                std::size_t count) noexcept;

} // namespace mio::net
