// Operating-system calls of mio-probe that the library does not make. One source file per OS family implements them.

#pragma once

#include "shared.hpp"

namespace probe::os {

/// The OS's name of an error, "ECONNREFUSED"; empty if it has none or the error is not the OS's.
std::string error_name(const std::error_code& error);

/// Occupies those of standard input, output and error that were closed by whoever started the program, so that
/// nothing opened later takes their numbers. Using them then fails as if they were closed still.
void occupy_standard_handles() noexcept;

/// Makes writing to a pipe that nobody reads an error instead of the end of the program.
void ignore_broken_pipes() noexcept;

/// Whether that was so before `ignore_broken_pipes`: what the program was started with.
bool broken_pipes_were_ignored() noexcept;

inline constexpr mio::RawHandle standard_input = 0;
inline constexpr mio::RawHandle standard_output = 1;
inline constexpr mio::RawHandle standard_error = 2;

/// True if `handle` is a terminal.
bool is_terminal(mio::RawHandle handle) noexcept;

/// Writes all of `text`, waiting where the handle is non-blocking.
mio::Result<> write_all(mio::RawHandle handle, std::string_view text);

/// Fails if `handle` is not open.
mio::Result<> require_open(mio::RawHandle handle);

/// Reads from a handle that may be in blocking mode, without blocking: would-block when nothing has arrived.
///
/// The handle's mode is not touched: it belongs to every process that has the handle, and a shell whose standard
/// input was left non-blocking is broken.
mio::Result<std::size_t> read_ready(mio::RawHandle handle, std::span<std::byte> buffer);

/// Opens the reading end of the FIFO at `path`, non-blocking and whether or not somebody writes.
/// Nothing if it is something other than a FIFO.
mio::Result<std::optional<mio::OwnedHandle>> open_fifo(const std::string& path);

/// What `await` waits for.
enum class State {
    readable,    ///< something can be read or accepted
    writable,    ///< something can be written
    urgent,      ///< urgent data has arrived
    read_closed, ///< the peer closed its writing side
    closed,      ///< both directions are closed
    failed,      ///< an error is pending
};

/// Waits until the kernel shows `state` for `handle`. Fails (`std::errc::timed_out`) if it does not in two seconds.
mio::Result<> await(mio::RawHandle handle, State state);

/// Whether the kernel shows `state` for `handle` now or in the next moment.
mio::Result<bool> becomes(mio::RawHandle handle, State state);

/// The name of a bound Unix socket, which its closing leaves behind. Removed at the end, unless it is the name of
/// something else by then.
class SocketFile {
  public:
    /// No name.
    SocketFile() = default;
    /// The name of the socket that was just bound to `path`.
    explicit SocketFile(std::string path);
    SocketFile(SocketFile&& other) noexcept;
    SocketFile& operator=(SocketFile&& other) noexcept;
    ~SocketFile();

  private:
    std::string path_;
    std::pair<std::uint64_t, std::uint64_t> identity_; // device and inode
};

/// A folder for a moment, that nobody else can enter. Its name is short enough for Unix sockets in it.
class TemporaryFolder {
  public:
    /// Throws `Refused`.
    TemporaryFolder();
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    /// The path of something in it, which goes with it.
    [[nodiscard]] std::string operator/(std::string_view name) const;

  private:
    std::string path_;
};

/// Makes closing the TCP socket reset the connection.
mio::Result<> reset_on_close(mio::RawHandle socket);

/// Sends `byte` as urgent data, and takes the urgent byte that arrived.
mio::Result<> send_urgent(mio::RawHandle socket, std::byte byte);
mio::Result<std::byte> receive_urgent(mio::RawHandle socket);

} // namespace probe::os
