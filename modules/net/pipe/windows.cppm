/// @file
/// Named pipes, on Windows; `unix.cppm` beside this file has the pipes of Unix.

export module mio.net.pipe;

import mio.std;
import mio.core.error;
import mio.core.handle;
import mio.core.poll;
import mio.core.types;

namespace mio::net {

/// How a named pipe keeps what is written to it.
export enum class PipeMode : std::uint8_t {
    bytes,    ///< as a stream: what several writes wrote may come in one read
    messages, ///< each write is a message: a read gives no more than the rest of one
};

/// One end of a named pipe: a server's, which serves one client after another, or a client's.
///
/// Windows knows no readiness of pipes, so this type makes it: while the pipe is registered, a read is always under way into
/// a buffer of its own, and `write` hands a copy to the kernel. Both buffers, of 64 KiB, are made when it is registered for
/// the first time; nothing is allocated afterwards. Before that nothing can be under way, and each operation
/// would block.
///
/// A handle belongs to one completion port for good, so that a pipe can be removed from its `Poll` and be added
/// again, but never to another one: that is `Errc::other_registry`.
///
/// Destroying it ends its registration and closes it. What was written can still be read at the other end, but for a
/// write that is not over: wait for the writable event that follows the last one. A moved-from pipe holds
/// `invalid_handle`.
/// @see CreateNamedPipe, CreateFile
export class NamedPipe {
  public:
    /// The longest name, with its prefix `\\.\pipe\`.
    static constexpr std::size_t max_name_size = 256;

    /// The server's end of a new pipe, for one client at a time, of this machine. `name` is UTF-8 and begins with `\\.\pipe\`.
    /// Errors: `permission_denied` when the name is taken; `Errc::interior_nul`; `Errc::path_too_long`; the OS's own.
    /// @see CreateNamedPipe
    [[nodiscard]] static Result<NamedPipe> create(std::string_view name, PipeMode mode = PipeMode::bytes);
    /// A further server's end of a pipe, so that another client can be served at the same time. Errors: as `create`, but
    /// that the name is taken.
    [[nodiscard]] static Result<NamedPipe> create_another(std::string_view name,
                                                          PipeMode mode = PipeMode::bytes);
    /// A client's end, connected. With `messages` the server must have chosen so. Errors: `no_such_file_or_directory` when
    /// there is no such pipe; `device_or_resource_busy` when none of its servers is free, which no event tells: try again
    /// later; as `create`.
    /// @see CreateFile, SetNamedPipeHandleState
    [[nodiscard]] static Result<NamedPipe> open(std::string_view name, PipeMode mode = PipeMode::bytes);
    /// Takes ownership of a handle as it is. It must have been opened with FILE_FLAG_OVERLAPPED.
    [[nodiscard]] static NamedPipe from_raw(RawHandle handle) noexcept { return NamedPipe(handle); }

    inline NamedPipe(NamedPipe&& other) noexcept
        : handle_(std::exchange(other.handle_, invalid_handle)), state_(std::exchange(other.state_, nullptr)),
          wants_client_(std::exchange(other.wants_client_, false)) {}
    inline NamedPipe& operator=(NamedPipe&& other) noexcept {
        NamedPipe taken(std::move(other));
        std::swap(handle_, taken.handle_);
        std::swap(state_, taken.state_);
        std::swap(wants_client_, taken.wants_client_);
        return *this;
    }
    ~NamedPipe();

    [[nodiscard]] inline RawHandle raw() const noexcept { return handle_; }
    /// Gives up ownership of the handle; what is under way is cancelled. Whoever takes it finds it tied to the completion port
    /// if it was ever registered.
    [[nodiscard]] RawHandle release() noexcept;

    /// Server: waits for a client. Success: one is connected. Errors: would-block while none is, in which case a writable
    /// event tells of the end: call `take_error` then; the OS's own.
    /// @see ConnectNamedPipe
    [[nodiscard]] Result<> connect() noexcept;
    /// Server: ends the connection, and drops what was not read at either end. The next `connect` waits for another
    /// client, of which nothing older will be read. Errors: the OS's own.
    /// @see DisconnectNamedPipe
    [[nodiscard]] Result<> disconnect() noexcept;
    /// Takes the error with which waiting for a client ended, if there is one.
    [[nodiscard]] Result<std::error_code> take_error() noexcept;

    /// Reads at most `buffer.size()` bytes and gives their number; 0 means that the other end is gone (or that a message
    /// is empty, or the buffer). Errors: would-block when nothing has arrived; the OS's own, each once.
    /// @see ReadFile
    [[nodiscard]] Result<std::size_t> read(std::span<std::byte> buffer) const noexcept;
    /// Writes as much of `bytes` as there is room for, at most 64 KiB, and gives its size. Errors: would-block until the last
    /// write is over; what that one failed with, once; `broken_pipe` when the other end is gone; `not_connected`
    /// when there never was one; `message_size` for a message over 64 KiB; the OS's own.
    /// @see WriteFile
    [[nodiscard]] Result<std::size_t> write(std::span<const std::byte> bytes) const noexcept;

    /// For `Registry`. @{
    [[nodiscard]] Result<> add_to(const Registry&, Token, Interest, Trigger);
    [[nodiscard]] Result<> modify_in(const Registry&, Token, Interest, Trigger);
    [[nodiscard]] Result<> remove_from(const Registry&);
    /// @}

  private:
    struct State;

    inline explicit NamedPipe(RawHandle handle) noexcept : handle_(handle) {}
    [[nodiscard]] static Result<NamedPipe> serve(std::string_view name, PipeMode mode, bool is_first);

    RawHandle handle_;
    State* state_ = nullptr;    // from when it is registered first
    bool wants_client_ = false; // `connect` was called before
};

} // namespace mio::net
