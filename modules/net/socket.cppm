/// @file
/// Common parts of all sockets: the base class, scatter-gather buffers, and shutdown directions.

export module mio.net.socket;

import mio.std;
import mio.core.error;
import mio.core.handle;
import mio.core.source;
import mio.core.types;
import mio.sys.calls;

namespace mio::net {

/// The direction of a connection to shut down. `write` is a half-close: the peer reads end of stream and can
/// still send.
export enum class Shutdown { read, write, both };

/// A buffer to write from, with the layout of the OS's scatter-gather calls. The memory is not copied and
/// must stay valid until the call returns.
/// @see writev(2)
export class IoSlice {
  public:
    constexpr IoSlice() noexcept = default;
    // The OS's structure has no const; write calls do not modify the buffer.
    inline IoSlice(std::span<const std::byte> bytes) noexcept
        : buffer_(const_cast<std::byte*>(bytes.data()), bytes.size()) {}

    [[nodiscard]] inline std::span<const std::byte> bytes() const noexcept {
        return {static_cast<const std::byte*>(buffer_.data), buffer_.size};
    }

  private:
    RawBuffer buffer_;
};

/// A buffer to read into; see `IoSlice`.
/// @see readv(2)
export class IoSliceMut {
  public:
    constexpr IoSliceMut() noexcept = default;
    inline IoSliceMut(std::span<std::byte> bytes) noexcept : buffer_(bytes.data(), bytes.size()) {}

    [[nodiscard]] inline std::span<std::byte> bytes() const noexcept {
        return {static_cast<std::byte*>(buffer_.data), buffer_.size};
    }

  private:
    RawBuffer buffer_;
};

static_assert(sizeof(IoSlice) == sizeof(RawBuffer) && sizeof(IoSliceMut) == sizeof(RawBuffer));

/// The base class of every socket type: a source that owns its handle.
///
/// Sockets created by this library are non-blocking and are not inherited by child processes.
///
/// **Threads.** Several threads may do I/O on one socket at once, as far as the OS allows, also while it is
/// modified and polled. `Registry::add` and `remove`, moving, `release` and destruction must not overlap with
/// any other use of the socket: on some backends they free registration state that I/O uses.
export class Socket : public IoSource {
  public:
    /// Returns and clears the pending error of the socket, if any: the reason for a failed connection
    /// attempt, or an error reported by an ICMP message. Errors: the OS's own, if the handle is not a socket.
    /// @see socket(7), SO_ERROR
    [[nodiscard]] Result<std::error_code> take_error() const noexcept;

  protected:
    inline explicit Socket(RawHandle handle) noexcept : IoSource(handle) {}

    // Inline, so that a read or a write costs little more than its system call.
    [[nodiscard]] inline Result<std::size_t> receive_some(std::span<std::byte> buffer) const noexcept {
        const auto moved = sys::receive(raw(), buffer.data(), buffer.size());
        if (moved < 0) [[unlikely]]
            return std::unexpected(failed(Interest::readable, moved));
        return static_cast<std::size_t>(moved);
    }
    [[nodiscard]] inline Result<std::size_t> send_some(std::span<const std::byte> bytes) const noexcept {
        const auto moved = sys::send(raw(), bytes.data(), bytes.size());
        if (static_cast<std::size_t>(moved) != bytes.size()) [[unlikely]] {
            if (const auto error = sent_less(moved)) return std::unexpected(error);
        }
        return static_cast<std::size_t>(moved);
    }

  private:
    // Reports a failed operation to `try_io`, as every operation does, and returns its error.
    [[nodiscard]] std::error_code failed(Interest direction, sys::Count code) const noexcept;
    // Handles a failed or short send. Returns the error of a failed one; after a short one, another would
    // block.
    [[nodiscard]] std::error_code sent_less(sys::Count moved) const noexcept;
};

} // namespace mio::net
