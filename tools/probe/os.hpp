// Operating-system calls of mio-probe that the library does not make. One source file per OS family implements them.

#pragma once

#include "shared.hpp"

namespace probe::os {

/// The OS's name of an error, "ECONNREFUSED"; empty if it has none or the error is not the OS's.
std::string error_name(const std::error_code& error);

/// Occupies standard input, output and error if the parent closed them, so that no descriptor opened later takes their
/// numbers. Using them still fails with EBADF.
void occupy_standard_handles() noexcept;

/// Ignores SIGPIPE, so that writing to a closed pipe is an error.
void ignore_broken_pipes() noexcept;

/// Whether SIGPIPE was ignored before `ignore_broken_pipes`.
bool broken_pipes_were_ignored() noexcept;

inline constexpr mio::RawHandle standard_input = 0;
inline constexpr mio::RawHandle standard_output = 1;
inline constexpr mio::RawHandle standard_error = 2;

/// True if `handle` is a terminal.
bool is_terminal(mio::RawHandle handle) noexcept;

/// The number in the environment variable COLUMNS, if it is one. The same on every system.
std::optional<std::size_t> columns_of_environment() noexcept;

/// Columns of the terminal `handle`: the environment variable COLUMNS, or the terminal's width. Empty if it is no
/// terminal or its width is unknown.
std::optional<std::size_t> columns(mio::RawHandle handle) noexcept;

/// Writes all of `text`, waiting where the handle is non-blocking.
mio::Result<> write_all(mio::RawHandle handle, std::string_view text);

/// Fails if `handle` is not open.
mio::Result<> require_open(mio::RawHandle handle);

/// Reads from a handle that may be in blocking mode, without blocking: would-block when nothing has arrived.
///
/// The handle's mode is not touched: it belongs to every process that has the handle, and a shell whose standard
/// input was left non-blocking is broken.
mio::Result<std::size_t> read_ready(mio::RawHandle handle, std::span<std::byte> buffer);

/// Opens the reading end of the FIFO at `path`, non-blocking, with or without a writer.
/// Empty if it is not a FIFO.
mio::Result<std::optional<mio::OwnedHandle>> open_fifo(const std::string& path);

/// Condition that `await` waits for.
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

/// The path of a bound Unix socket, which closing does not remove. The destructor removes it, unless another file has
/// replaced it.
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

/// A temporary folder for this user alone. Its path is short enough for Unix sockets in it.
class TemporaryFolder {
  public:
    /// Throws `Refused`.
    TemporaryFolder();
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    /// Path of a file in the folder, which is removed with it.
    [[nodiscard]] std::string operator/(std::string_view name) const;

  private:
    std::string path_;
};

/// On systems without fork(2): the exit status of a process that another mio-probe started as the peer of its
/// measurements.
std::optional<int> run_as_peer(int count, const char* const* arguments);

/// Makes closing the TCP socket reset the connection.
mio::Result<> reset_on_close(mio::RawHandle socket);

/// Sends `byte` as urgent data, and takes the urgent byte that arrived.
mio::Result<> send_urgent(mio::RawHandle socket, std::byte byte);
mio::Result<std::byte> receive_urgent(mio::RawHandle socket);

} // namespace probe::os
