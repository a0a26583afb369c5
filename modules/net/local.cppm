/// @file
/// Unix domain sockets: for processes on one machine.

export module mio.net.local;

import mio.std;
import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.source;
import mio.core.types;
import mio.net.socket;

namespace mio::net {

/// The name of a Unix domain socket: a path, an abstract name (Linux), or none.
export class UnixAddress {
  public:
    /// The longest path of any system; `from_path` applies the limit of this one.
    static constexpr std::size_t max_size = 108;

    /// A path, relative to the working directory unless it begins with a slash. Errors: `Errc::path_too_long` (the
    /// limit is 107 bytes on Linux, 103 on BSD and Apple); `Errc::interior_nul`; `Errc::invalid_address` if empty.
    /// @see unix(7)
    [[nodiscard]] static Result<UnixAddress> from_path(std::string_view path) noexcept;
    /// A name that is in no file system and vanishes with its sockets; any bytes, NUL included. Errors:
    /// `Errc::path_too_long` over 107 bytes; `Errc::unsupported` but on Linux and Android.
    [[nodiscard]] static Result<UnixAddress> from_abstract(std::string_view name) noexcept;
    /// The address of a socket that was never bound.
    [[nodiscard]] static constexpr UnixAddress unnamed() noexcept { return {}; }

    /// The path, or nothing if the address is not one. Valid as long as this object, which must not be a temporary.
    [[nodiscard]] constexpr std::optional<std::string_view> path() const& noexcept {
        return kind_ == Kind::path ? std::optional(text()) : std::nullopt;
    }
    std::optional<std::string_view> path() const&& = delete;
    /// The abstract name, without a leading NUL, or nothing if the address is not one. Valid as long as this object, which
    /// must not be a temporary.
    [[nodiscard]] constexpr std::optional<std::string_view> abstract_name() const& noexcept {
        return kind_ == Kind::abstract_name ? std::optional(text()) : std::nullopt;
    }
    std::optional<std::string_view> abstract_name() const&& = delete;
    [[nodiscard]] constexpr bool is_unnamed() const noexcept { return kind_ == Kind::unnamed; }

    /// For people: the path; "@name", with unprintable bytes as \xNN; or "(unnamed)".
    [[nodiscard]] std::string to_string() const;

    constexpr auto operator<=>(const UnixAddress&) const noexcept = default;

  private:
    friend class sys::BackendAccess;

    // From a `sun_path` as far as the kernel filled it in. A trailing NUL is dropped; an empty text, or only NULs
    // where there are no abstract names, is unnamed.
    [[nodiscard]] static UnixAddress from_kernel(std::string_view sun_path) noexcept;

    enum class Kind : std::uint8_t { unnamed, path, abstract_name };

    constexpr UnixAddress() noexcept = default;
    UnixAddress(Kind kind, std::string_view text) noexcept;
    [[nodiscard]] constexpr std::string_view text() const noexcept { return {bytes_.data(), size_}; }

    Kind kind_ = Kind::unnamed;
    std::uint8_t size_ = 0;
    std::array<char, max_size> bytes_{}; // zero behind the name, so that comparing is right
};

/// Who is at the other end, as the kernel knows it since the connection was made.
export struct PeerCredentials {
    std::uint32_t user = 0;
    std::uint32_t group = 0;
    /// Where the OS tells: all but DragonFly, and FreeBSD before 13; and on Linux if the peer is in a PID namespace
    /// that this process sees.
    std::optional<std::int64_t> process;
};

/// What `receive_with_fds` brought.
export struct ReceivedWithFds {
    std::size_t bytes = 0;
    /// How many of the given handles were filled in.
    std::size_t fds = 0;
    /// More descriptors came than there was room for (or than this process may have open). They are closed.
    bool fds_truncated = false;
    /// A datagram was longer than the buffer; the rest is lost.
    bool bytes_truncated = false;
};

/// A connection between two processes of this machine. What holds for `TcpStream` holds here, with one difference:
/// `connect` is done, or has failed, when it returns.
export class UnixStream : public Socket {
  public:
    /// Connects to a listener. Errors: would-block when its queue is full, in which case nothing was started and no
    /// event will come: try again later; `connection_refused` when nobody listens, and on BSD and Apple also when the
    /// queue is full; the OS's own.
    /// @see connect(2), unix(7)
    [[nodiscard]] static Result<UnixStream> connect(const UnixAddress& peer);
    /// The same for a path; errors also as `UnixAddress::from_path`.
    [[nodiscard]] static Result<UnixStream> connect(std::string_view path);
    /// Two streams, connected to each other. @see socketpair(2)
    [[nodiscard]] static Result<std::pair<UnixStream, UnixStream>> pair();
    /// Takes ownership of a handle as it is.
    [[nodiscard]] static UnixStream from_raw(RawHandle handle) noexcept { return UnixStream(handle); }

    /// As `TcpStream`'s of the same name.
    [[nodiscard]] inline Result<std::size_t> read(std::span<std::byte> buffer) const noexcept {
        return receive_some(buffer);
    }
    [[nodiscard]] Result<std::size_t> read_vectored(std::span<const IoSliceMut> buffers) const noexcept;
    [[nodiscard]] Result<std::size_t> peek(std::span<std::byte> buffer) const noexcept;
    [[nodiscard]] inline Result<std::size_t> write(std::span<const std::byte> bytes) const noexcept {
        return send_some(bytes);
    }
    [[nodiscard]] Result<std::size_t> write_vectored(std::span<const IoSlice> buffers) const noexcept;
    [[nodiscard]] Result<> shutdown(Shutdown how) const noexcept;

    /// Writes, and passes duplicates of at most 253 open descriptors along with the first byte. `bytes` must not be
    /// empty. Errors: as `write`; `invalid_argument` for too many descriptors.
    /// @see unix(7), SCM_RIGHTS
    [[nodiscard]] Result<std::size_t> send_with_fds(std::span<const std::byte> bytes,
                                                    std::span<const RawHandle> fds) const noexcept;
    /// Reads, and takes descriptors that came along into `fds`, close-on-exec. None is ever left open unowned: those
    /// that there is no room for are closed, and the result says so.
    /// @see unix(7), SCM_RIGHTS
    [[nodiscard]] Result<ReceivedWithFds> receive_with_fds(std::span<std::byte> buffer,
                                                           std::span<OwnedHandle> fds) const noexcept;

    /// Who connected, or listened when this end connected. Errors: `std::errc::not_connected`.
    /// @see unix(7), SO_PEERCRED; getpeereid(3); unix(4), LOCAL_PEERCRED, LOCAL_PEEREID
    [[nodiscard]] Result<PeerCredentials> peer_credentials() const noexcept;
    [[nodiscard]] Result<UnixAddress> peer_address() const noexcept;
    [[nodiscard]] Result<UnixAddress> local_address() const noexcept;

  private:
    inline explicit UnixStream(RawHandle handle) noexcept : Socket(handle) {}
};

/// A Unix domain socket that accepts connections.
///
/// A path stays in the file system when its socket is closed, and binding to it again then fails with
/// `address_in_use`: unlink it when you are done, and use `bind_replacing` for what a crash left behind.
export class UnixListener : public Socket {
  public:
    /// Listens at `address`, with the longest queue the OS allows. Linux makes up an abstract name for an unnamed
    /// one. Errors: `address_in_use` when the path exists, whatever it is; the OS's own.
    /// @see bind(2), unix(7)
    [[nodiscard]] static Result<UnixListener> bind(const UnixAddress& address);
    /// The same for a path; errors also as `UnixAddress::from_path`.
    [[nodiscard]] static Result<UnixListener> bind(std::string_view path);
    /// As `bind`, but first removes a socket at `path` that has no listener any more. One that has is left alone, and so
    /// is anything that is no socket: `address_in_use`. A socket of which this cannot be found out is left alone too, and
    /// the error says why: `permission_denied`, `too_many_files_open` and others of the OS.
    ///
    /// Only one process at a time does this for a path; the others do not wait, but fail with `address_in_use`. A lock
    /// keeps them apart: on Unix a file beside the socket, with `.mio-lock` added to its name, which is removed again; on
    /// Windows a mutex of the session.
    /// @see flock(2), unlink(2)
    [[nodiscard]] static Result<UnixListener> bind_replacing(std::string_view path);
    /// Takes ownership of a listening handle as it is.
    [[nodiscard]] static UnixListener from_raw(RawHandle handle) noexcept { return UnixListener(handle); }

    /// As `TcpListener::accept`. Clients are usually unnamed.
    [[nodiscard]] Result<std::pair<UnixStream, UnixAddress>> accept() const noexcept;
    [[nodiscard]] Result<UnixAddress> local_address() const noexcept;

  private:
    inline explicit UnixListener(RawHandle handle) noexcept : Socket(handle) {}
};

/// A Unix domain socket for datagrams, which arrive reliably and in order. Sending blocks while the receiver's queue
/// is full (on BSD and Apple it is an error then, `no_buffer_space`), and being writable does not promise that it is
/// not.
export class UnixDatagram : public Socket {
  public:
    /// A socket bound to `address`. Errors: as `UnixListener::bind`.
    [[nodiscard]] static Result<UnixDatagram> bind(const UnixAddress& address);
    [[nodiscard]] static Result<UnixDatagram> bind(std::string_view path);
    /// A socket without a name: it can send, and be answered only if it is connected to.
    [[nodiscard]] static Result<UnixDatagram> unbound();
    /// Two sockets, connected to each other. @see socketpair(2)
    [[nodiscard]] static Result<std::pair<UnixDatagram, UnixDatagram>> pair();
    /// Takes ownership of a handle as it is.
    [[nodiscard]] static UnixDatagram from_raw(RawHandle handle) noexcept { return UnixDatagram(handle); }

    /// Sets the peer that `send` sends to. May be repeated.
    [[nodiscard]] Result<> connect(const UnixAddress& peer) const noexcept;
    [[nodiscard]] Result<> connect(std::string_view path) const noexcept;

    /// As `UdpSocket`'s of the same name. Errors also: `connection_refused` when nobody is bound there,
    /// `broken_pipe` after `shutdown`.
    [[nodiscard]] Result<std::size_t> send_to(std::span<const std::byte> bytes,
                                              const UnixAddress& peer) const noexcept;
    [[nodiscard]] Result<std::size_t> send_to(std::span<const std::byte> bytes,
                                              std::string_view path) const noexcept;
    [[nodiscard]] Result<std::pair<std::size_t, UnixAddress>>
    receive_from(std::span<std::byte> buffer) const noexcept;
    [[nodiscard]] Result<std::pair<std::size_t, UnixAddress>>
    peek_from(std::span<std::byte> buffer) const noexcept;
    [[nodiscard]] inline Result<std::size_t> send(std::span<const std::byte> bytes) const noexcept {
        return send_some(bytes);
    }
    [[nodiscard]] inline Result<std::size_t> receive(std::span<std::byte> buffer) const noexcept {
        return receive_some(buffer);
    }
    [[nodiscard]] Result<std::size_t> peek(std::span<std::byte> buffer) const noexcept;

    /// As `UnixStream`'s of the same name, for the connected peer; the datagram may be empty.
    [[nodiscard]] Result<std::size_t> send_with_fds(std::span<const std::byte> bytes,
                                                    std::span<const RawHandle> fds) const noexcept;
    [[nodiscard]] Result<ReceivedWithFds> receive_with_fds(std::span<std::byte> buffer,
                                                           std::span<OwnedHandle> fds) const noexcept;

    [[nodiscard]] Result<> shutdown(Shutdown how) const noexcept;
    /// Errors: `std::errc::not_connected`.
    [[nodiscard]] Result<UnixAddress> peer_address() const noexcept;
    [[nodiscard]] Result<UnixAddress> local_address() const noexcept;

  private:
    inline explicit UnixDatagram(RawHandle handle) noexcept : Socket(handle) {}
};

} // namespace mio::net
