/// @file
/// Windows named pipes. `unix.cppm` contains POSIX pipes.

export module mio.net.pipe;

import mio.std;
import mio.core.error;
import mio.core.handle;
import mio.core.poll;
import mio.core.types;

namespace mio::net {

/// Data mode of a named pipe.
export enum class PipeMode : std::uint8_t {
    bytes,    ///< a byte stream: one read may return the data of several writes
    messages, ///< each write is a message: a read returns data of one message only
};

/// One end of a named pipe: a server end, which serves one client after another, or a client end.
///
/// Windows does not report readiness of pipes; this type emulates it with overlapped I/O. While the pipe is
/// registered, a read into an internal buffer is always in progress, and `write` passes a copy of the data to
/// the kernel. The two 64 KiB buffers are allocated at the first registration; there is no allocation
/// afterwards. Before the first registration, every operation fails with would-block.
///
/// A handle stays associated with one completion port. A pipe can be removed from its `Poll` and added to it
/// again; adding it to another `Poll` fails with `Errc::other_registry`.
///
/// Destroying it ends its registration and closes the handle. The other end can still read data of completed
/// writes. A write that is still in progress is lost: wait for the writable event that follows the last
/// write. A moved-from pipe holds `invalid_handle`.
/// @see CreateNamedPipe, CreateFile
export class NamedPipe {
  public:
    /// Maximum length of a name, including the prefix `\\.\pipe\`.
    static constexpr std::size_t max_name_size = 256;

    /// Creates the server end of a new pipe, for one client of this machine at a time. `name` is UTF-8 and
    /// begins with `\\.\pipe\`. Errors: `permission_denied` if the name is in use; `Errc::interior_nul`;
    /// `Errc::path_too_long`; the OS's own.
    /// @see CreateNamedPipe
    [[nodiscard]] static Result<NamedPipe> create(std::string_view name, PipeMode mode = PipeMode::bytes);
    /// Creates another server end of an existing pipe, to serve another client at the same time. Errors: as
    /// `create`, except that the name may be in use.
    [[nodiscard]] static Result<NamedPipe> create_another(std::string_view name,
                                                          PipeMode mode = PipeMode::bytes);
    /// Opens a connected client end. `messages` requires that the server uses that mode. Errors:
    /// `no_such_file_or_directory` if the pipe does not exist; `device_or_resource_busy` if all server ends
    /// are busy, in which case no event will be reported: retry later; as `create`.
    /// @see CreateFile, SetNamedPipeHandleState
    [[nodiscard]] static Result<NamedPipe> open(std::string_view name, PipeMode mode = PipeMode::bytes);
    /// Takes ownership of `handle` without changing it. It must have been opened with FILE_FLAG_OVERLAPPED.
    [[nodiscard]] static NamedPipe from_raw(RawHandle handle) noexcept { return NamedPipe(handle); }

    inline NamedPipe(NamedPipe&& other) noexcept
        : handle_(std::exchange(other.handle_, invalid_handle)), state_(std::exchange(other.state_, nullptr)),
          is_listening_(std::exchange(other.is_listening_, false)) {}
    inline NamedPipe& operator=(NamedPipe&& other) noexcept {
        NamedPipe taken(std::move(other));
        std::swap(handle_, taken.handle_);
        std::swap(state_, taken.state_);
        std::swap(is_listening_, taken.is_listening_);
        return *this;
    }
    ~NamedPipe();

    [[nodiscard]] inline RawHandle raw() const noexcept { return handle_; }
    /// Releases ownership of the handle and cancels operations in progress. If the pipe was ever registered,
    /// the handle stays associated with the completion port.
    [[nodiscard]] RawHandle release() noexcept;

    /// Server: waits for a client. Succeeds if one is connected. Errors: would-block while no client is
    /// connected; a writable event then signals completion, after which `take_error` returns the outcome; the
    /// OS's own.
    /// @see ConnectNamedPipe
    [[nodiscard]] Result<> connect() noexcept;
    /// Server: ends the connection and discards unread data at both ends. The next `connect` waits for
    /// another client; no older data is read from it. Errors: the OS's own.
    /// @see DisconnectNamedPipe
    [[nodiscard]] Result<> disconnect() noexcept;
    /// Returns and clears the error with which waiting for a client failed, if any.
    [[nodiscard]] Result<std::error_code> take_error() noexcept;

    /// Reads at most `buffer.size()` bytes and returns their number; 0 means that the other end is closed (or
    /// that the message or the buffer is empty). Errors: would-block if no data is available; the OS's own,
    /// each reported once.
    /// @see ReadFile
    [[nodiscard]] Result<std::size_t> read(std::span<std::byte> buffer) const noexcept;
    /// Writes as much of `bytes` as fits, at most 64 KiB, and returns the number of bytes written. Errors:
    /// would-block until the previous write has completed; the error of the previous write, once;
    /// `broken_pipe` if the other end is closed; `not_connected` if none was ever connected; `message_size`
    /// for a message over 64 KiB; the OS's own.
    /// @see WriteFile
    [[nodiscard]] Result<std::size_t> write(std::span<const std::byte> bytes) const noexcept;

    /// Called by `Registry`. @{
    [[nodiscard]] Result<> add_to(const Registry&, Token, Interest, Trigger);
    [[nodiscard]] Result<> modify_in(const Registry&, Token, Interest, Trigger);
    [[nodiscard]] Result<> renew_in(const Registry&);
    [[nodiscard]] Result<> remove_from(const Registry&);
    /// @}

  private:
    struct State;

    inline explicit NamedPipe(RawHandle handle) noexcept : handle_(handle) {}
    [[nodiscard]] static Result<NamedPipe> serve(std::string_view name, PipeMode mode, bool is_first);

    RawHandle handle_;
    State* state_ = nullptr;    // null until the first registration
    bool is_listening_ = false; // `connect` has been called
};

} // namespace mio::net
