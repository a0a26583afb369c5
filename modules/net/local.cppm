/// @file
/// Unix domain sockets: communication between processes of one machine.

export module mio.net.local;

import mio.std;
import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.source;
import mio.core.types;
import mio.net.socket;

namespace mio::net {

/// The address of a Unix domain socket: a path, an abstract name (Linux), or unnamed.
export class UnixAddress {
  public:
    /// The longest path on any system. `from_path` applies the limit of the current system.
    static constexpr std::size_t max_size = 108;

    /// An address with a path, relative to the working directory unless it begins with a slash. Errors:
    /// `Errc::path_too_long` (the limit is 107 bytes on Linux, 103 on BSD and Apple); `Errc::interior_nul`;
    /// `Errc::invalid_address` if empty. For constants there is the literal `"/run/server.sock"_unix`.
    /// @see unix(7)
    [[nodiscard]] static Result<UnixAddress> from_path(std::string_view path) noexcept;
    /// An abstract name. It is not in the file system and disappears with its sockets. It may contain any
    /// bytes, including NUL. Errors: `Errc::path_too_long` over 107 bytes; `Errc::unsupported` except on
    /// Linux and Android.
    [[nodiscard]] static Result<UnixAddress> from_abstract(std::string_view name) noexcept;
    /// The address of a socket that was never bound. Binding to it makes Linux choose an unused abstract
    /// name; other systems have no such thing and fail.
    [[nodiscard]] static constexpr UnixAddress unnamed() noexcept { return {}; }

    /// The Unix address in the OS's form, for `Socket`; the empty address converts to the unnamed one.
    /// Errors: `Errc::invalid_address` if it has another family.
    [[nodiscard]] static Result<UnixAddress> from_raw(const RawAddress& address) noexcept;
    /// The OS's form.
    operator RawAddress() const noexcept;

    /// The path; `nullopt` if the address has none. Valid for the lifetime of this object. Rvalues are
    /// rejected.
    [[nodiscard]] constexpr std::optional<std::string_view> path() const& noexcept {
        return kind_ == Kind::path ? std::optional(text()) : std::nullopt;
    }
    std::optional<std::string_view> path() const&& = delete;
    /// The abstract name without its leading NUL; `nullopt` if the address has none. Valid for the lifetime
    /// of this object. Rvalues are rejected.
    [[nodiscard]] constexpr std::optional<std::string_view> abstract_name() const& noexcept {
        return kind_ == Kind::abstract_name ? std::optional(text()) : std::nullopt;
    }
    std::optional<std::string_view> abstract_name() const&& = delete;
    [[nodiscard]] constexpr bool is_unnamed() const noexcept { return kind_ == Kind::unnamed; }

    /// For diagnostics: the path; "@name", with unprintable bytes as \xNN; or "(unnamed)".
    [[nodiscard]] std::string to_string() const;
    /// Writes `to_string()` to a `std::ostream`, or to any other stream that accepts a `std::string`.
    template <class Stream>
    friend auto operator<<(Stream& stream, const UnixAddress& address) -> decltype(stream << std::string()) {
        return stream << address.to_string();
    }

    constexpr auto operator<=>(const UnixAddress&) const noexcept = default;

  private:
    friend class sys::BackendAccess;
    friend consteval UnixAddress unix_address_literal(std::string_view path);

    // Converts the part of a `sun_path` that the kernel filled in. A trailing NUL is dropped. An empty text
    // is unnamed; on systems without abstract names, so is a text that consists of NULs.
    [[nodiscard]] static UnixAddress from_kernel(std::string_view sun_path) noexcept;

    enum class Kind : std::uint8_t { unnamed, path, abstract_name };

    constexpr UnixAddress() noexcept = default;
    constexpr UnixAddress(Kind kind, std::string_view text) noexcept
        : kind_(kind), size_(static_cast<std::uint8_t>(text.size())) {
        text.copy(bytes_.data(), bytes_.size());
    }
    [[nodiscard]] constexpr std::string_view text() const noexcept { return {bytes_.data(), size_}; }

    Kind kind_ = Kind::unnamed;
    std::uint8_t size_ = 0;
    std::array<char, max_size> bytes_{}; // zero after the name, so that comparison works
};

/// Internal: not constexpr, so that the compiler reports a call of it from a literal.
void the_text_of_this_literal_is_not_a_valid_path() noexcept;
/// Internal.
consteval UnixAddress unix_address_literal(std::string_view path) {
    constexpr std::size_t longest_everywhere = 103;
    if (path.empty() || path.contains('\0') || path.size() > longest_everywhere)
        the_text_of_this_literal_is_not_a_valid_path();
    return UnixAddress(UnixAddress::Kind::path, path);
}

inline namespace literals {

/// "/run/server.sock"_unix: an address with a path. A path over 103 bytes, the lowest limit of any system, is a
/// compile-time error, as is any other that `UnixAddress::from_path` would reject.
export [[nodiscard]] consteval UnixAddress operator""_unix(const char* path, std::size_t size) {
    return unix_address_literal({path, size});
}

} // namespace literals

/// Credentials of the peer process, recorded by the kernel when the connection was established.
export struct PeerCredentials {
    std::uint32_t user = 0;
    std::uint32_t group = 0;
    /// Process ID. Not available on DragonFly, on FreeBSD before 13, and on Linux if the peer's PID namespace
    /// is not visible to this process.
    std::optional<std::int64_t> process;
};

/// Result of `receive_with_fds`.
export struct ReceivedWithFds {
    std::size_t bytes = 0;
    /// Number of handles that were filled in.
    std::size_t fds = 0;
    /// More descriptors arrived than fit (or than this process may have open). The surplus ones were closed.
    bool fds_truncated = false;
    /// The datagram was longer than the buffer; the rest is lost.
    bool bytes_truncated = false;
};

export class UnixSocket;

/// A stream connection between two processes of one machine. It behaves as `TcpStream`, with one difference:
/// `connect` completes or fails before it returns.
export class UnixStream : public SocketBase {
  public:
    /// Connects to a listener. Errors: would-block if its queue is full, in which case no attempt was started
    /// and no event will be reported: retry later; `connection_refused` if there is no listener, and on BSD
    /// and Apple also if the queue is full; the OS's own.
    /// @see connect(2), unix(7)
    [[nodiscard]] static Result<UnixStream> connect(const UnixAddress& peer);
    /// The same for a path; errors also as `UnixAddress::from_path`.
    [[nodiscard]] static Result<UnixStream> connect(std::string_view path);
    /// Creates two connected streams. @see socketpair(2)
    [[nodiscard]] static Result<std::pair<UnixStream, UnixStream>> pair();
    /// Takes ownership of `handle` without changing it.
    [[nodiscard]] static UnixStream from_raw(RawHandle handle) noexcept { return UnixStream(handle); }

    /// As the `TcpStream` members of the same name.
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

    /// Writes `bytes`, which must not be empty, and passes duplicates of up to 253 open descriptors with the
    /// first byte. Errors: as `write`; `invalid_argument` for too many descriptors.
    /// @see unix(7), SCM_RIGHTS
    [[nodiscard]] Result<std::size_t> send_with_fds(std::span<const std::byte> bytes,
                                                    std::span<const RawHandle> fds) const noexcept;
    /// Reads, and stores received descriptors in `fds`, with close-on-exec set. Descriptors that do not fit
    /// are closed, and the result reports it; no descriptor leaks.
    /// @see unix(7), SCM_RIGHTS
    [[nodiscard]] Result<ReceivedWithFds> receive_with_fds(std::span<std::byte> buffer,
                                                           std::span<OwnedHandle> fds) const noexcept;

    /// Credentials of the process that connected, or that listened when this end connected. Errors:
    /// `std::errc::not_connected`.
    /// @see unix(7), SO_PEERCRED; getpeereid(3); unix(4), LOCAL_PEERCRED, LOCAL_PEEREID
    [[nodiscard]] Result<PeerCredentials> peer_credentials() const noexcept;
    [[nodiscard]] Result<UnixAddress> peer_address() const noexcept;
    [[nodiscard]] Result<UnixAddress> local_address() const noexcept;

  private:
    friend class UnixSocket;
    inline explicit UnixStream(RawHandle handle) noexcept : SocketBase(handle) {}
    inline explicit UnixStream(SocketBase&& socket) noexcept : SocketBase(std::move(socket)) {}
};

/// A Unix domain socket that accepts connections.
///
/// A path remains in the file system after its socket is closed, and binding to it again fails with
/// `address_in_use`. Unlink the path when it is no longer needed; use `bind_replacing` to remove a stale
/// socket after a crash.
export class UnixListener : public SocketBase {
  public:
    /// Listens on `address`, with the longest queue that the OS allows. For `UnixAddress::unnamed()`, Linux
    /// chooses an abstract name, which `local_address` returns; other systems fail. Errors: `address_in_use`
    /// if the path exists, as a file of any kind; the OS's own.
    /// @see bind(2), unix(7)
    [[nodiscard]] static Result<UnixListener> bind(const UnixAddress& address);
    /// The same, with at most `backlog` pending connections. A negative value counts as 0; the OS may lower
    /// or raise it.
    [[nodiscard]] static Result<UnixListener> bind(const UnixAddress& address, int backlog);
    /// The same for a path; errors also as `UnixAddress::from_path`. An empty path is `Errc::invalid_address`
    /// on every system, and never an unnamed address.
    [[nodiscard]] static Result<UnixListener> bind(std::string_view path);
    [[nodiscard]] static Result<UnixListener> bind(std::string_view path, int backlog);
    /// As `bind`, but first removes a socket at `path` that no longer has a listener. A socket with a
    /// listener, or a file that is not a socket, is not removed: the error is `address_in_use`. If the check
    /// itself fails, the socket is not removed and the error is the reason: `permission_denied`,
    /// `too_many_files_open` and others of the OS.
    ///
    /// Only one process at a time can replace a path; concurrent calls fail with `address_in_use` instead of
    /// waiting. The lock is a temporary file beside the socket, with `.mio-lock` appended to its name; on
    /// Windows it is a mutex of the session.
    /// @see flock(2), unlink(2)
    [[nodiscard]] static Result<UnixListener> bind_replacing(std::string_view path);
    /// Takes ownership of a listening `handle` without changing it.
    [[nodiscard]] static UnixListener from_raw(RawHandle handle) noexcept { return UnixListener(handle); }

    /// As `TcpListener::accept`. Clients are usually unnamed.
    [[nodiscard]] Result<std::pair<UnixStream, UnixAddress>> accept() const noexcept;
    [[nodiscard]] Result<UnixAddress> local_address() const noexcept;

  private:
    friend class UnixSocket;
    inline explicit UnixListener(RawHandle handle) noexcept : SocketBase(handle) {}
    inline explicit UnixListener(SocketBase&& socket) noexcept : SocketBase(std::move(socket)) {}
};

/// A Unix domain stream socket before it listens or connects: to bind a client to an address, or for options
/// that must be set first.
/// @see unix(7), socket(7)
export class UnixSocket : public SocketBase {
  public:
    /// Creates an unbound socket. Errors: the OS's own; `Errc::unsupported` where Windows has no Unix
    /// sockets.
    [[nodiscard]] static Result<UnixSocket> create();

    /// Takes ownership of `handle` without changing it.
    [[nodiscard]] static UnixSocket from_raw(RawHandle handle) noexcept { return UnixSocket(handle); }

    /// Binds the socket to an address. A client's is the one that the listener accepts it from. Errors: as
    /// `UnixListener::bind`.
    /// @see bind(2)
    [[nodiscard]] Result<> bind(const UnixAddress& address) const noexcept;
    [[nodiscard]] Result<> bind(std::string_view path) const noexcept;
    [[nodiscard]] Result<UnixAddress> local_address() const noexcept;

    /// Turns the socket into a listener with at most `backlog` pending connections. A negative value counts
    /// as 0; the OS may lower or raise it. A registered socket stays registered. An error leaves the socket
    /// unchanged: `invalid_argument` on Linux if it is not bound.
    /// @see listen(2)
    [[nodiscard]] Result<UnixListener> listen(int backlog) &&;
    /// Turns the socket into a connected stream; see `UnixStream::connect`. A registered socket stays
    /// registered; on epoll no writable event follows, since the connection is established before the call
    /// returns: write, or call `Registry::renew`. After an error the socket is in the state in which the OS
    /// left it; after would-block, retry later.
    [[nodiscard]] Result<UnixStream> connect(const UnixAddress& peer) &&;
    [[nodiscard]] Result<UnixStream> connect(std::string_view path) &&;

  private:
    inline explicit UnixSocket(RawHandle handle) noexcept : SocketBase(handle) {}
};

/// A Unix domain datagram socket. Datagrams arrive reliably and in order. Sending fails with would-block
/// while the receiver's queue is full (with `no_buffer_space` on BSD and Apple). A writable event does not
/// guarantee that the queue has room.
export class UnixDatagram : public SocketBase {
  public:
    /// Creates a socket bound to `address`. Errors: as `UnixListener::bind`.
    [[nodiscard]] static Result<UnixDatagram> bind(const UnixAddress& address);
    [[nodiscard]] static Result<UnixDatagram> bind(std::string_view path);
    /// Creates an unnamed socket. It can send. Because it has no address, a peer can reply only if the two
    /// are connected.
    [[nodiscard]] static Result<UnixDatagram> unbound();
    /// Creates two connected sockets. @see socketpair(2)
    [[nodiscard]] static Result<std::pair<UnixDatagram, UnixDatagram>> pair();
    /// Takes ownership of `handle` without changing it.
    [[nodiscard]] static UnixDatagram from_raw(RawHandle handle) noexcept { return UnixDatagram(handle); }

    /// Sets the destination of `send`. May be called again.
    [[nodiscard]] Result<> connect(const UnixAddress& peer) const noexcept;
    [[nodiscard]] Result<> connect(std::string_view path) const noexcept;

    /// As the `UdpSocket` members of the same name. Additional errors: `connection_refused` if no socket is
    /// bound to the address, `broken_pipe` after `shutdown`.
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

    /// As the `UnixStream` members of the same name, for the connected peer; the datagram may be empty.
    [[nodiscard]] Result<std::size_t> send_with_fds(std::span<const std::byte> bytes,
                                                    std::span<const RawHandle> fds) const noexcept;
    [[nodiscard]] Result<ReceivedWithFds> receive_with_fds(std::span<std::byte> buffer,
                                                           std::span<OwnedHandle> fds) const noexcept;

    [[nodiscard]] Result<> shutdown(Shutdown how) const noexcept;
    /// Errors: `std::errc::not_connected`.
    [[nodiscard]] Result<UnixAddress> peer_address() const noexcept;
    [[nodiscard]] Result<UnixAddress> local_address() const noexcept;

  private:
    inline explicit UnixDatagram(RawHandle handle) noexcept : SocketBase(handle) {}
};

} // namespace mio::net

// For MSVC; see the end of mio.core.error.
export namespace std {
template <> struct hash<mio::net::UnixAddress> {
    std::size_t operator()(const mio::net::UnixAddress& address) const noexcept {
        const std::hash<std::string_view> digest;
        if (const auto path = address.path()) return digest(*path);
        if (const auto name = address.abstract_name()) return ~digest(*name);
        return 0;
    }
};
} // namespace std
