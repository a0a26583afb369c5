// The sources and the log of `mio-probe watch`.

#pragma once

#include "bench_statistics.hpp"
#include "json.hpp"
#include "os.hpp"
#include "watch_options.hpp"

import mio.time;

namespace probe {

using Clock = std::chrono::steady_clock;

/// Options of the log.
struct LogFormat {
    bool json = false;
    bool hex = false;                   ///< data as a hexadecimal dump instead of text
    std::optional<std::uint64_t> shown; ///< at most so many bytes of each read; none: the default
    TimeStyle time_style = TimeStyle::elapsed;
    std::size_t source_width = 0; ///< of the widest name of a source to expect
};

/// Each line has a time and the name of a source, and is written when the call returns.
class Log {
  public:
    Log(Output& output, LogFormat format);

    [[nodiscard]] Clock::time_point start() const noexcept { return start_; }
    [[nodiscard]] bool is_json() const noexcept { return format_.json; }

    /// An event, received at `time`.
    void event(Clock::time_point time, std::string_view source, const mio::Event& event);

    /// An action or a finding of the program: `text` for people, `kind` and `fields` for programs.
    void remark(std::string_view source, std::string_view kind, std::string_view text,
                const std::vector<Field>& fields = {});

    /// Data that was read; `sender` of a datagram.
    void data(std::string_view source, std::span<const std::byte> bytes,
              const std::optional<std::string>& sender = std::nullopt);

    /// A call that failed, or an error that was pending.
    void failure(std::string_view source, const Refused& refused);

    /// A failure that standard error reports too: for programs alone, since people see both.
    void final_failure(std::string_view source, const Refused& refused) {
        if (format_.json) failure(source, refused);
    }

  private:
    struct Text {
        std::string text;
        Style style = Style::plain;
        std::string predicates = {}; // before it, if there are any
    };

    void write(Clock::time_point time, std::string_view source, std::string_view kind, const Text& text,
               const std::vector<Field>& fields);
    void line(Clock::time_point time, std::string_view source, const Text& text);
    [[nodiscard]] std::string head() const;
    [[nodiscard]] std::string time_text(Clock::time_point time);
    [[nodiscard]] std::size_t time_width() const noexcept;
    [[nodiscard]] std::size_t data_indent() const noexcept;
    [[nodiscard]] bool is_narrow(std::size_t source_width) const noexcept;

    Output& output_;
    LogFormat format_;
    bool is_empty_ = true;
    Clock::time_point start_ = Clock::now();
    std::chrono::system_clock::time_point start_of_day_ = std::chrono::system_clock::now();
    Clock::time_point last_ = start_;
};

/// Totals of one source, or of all connections that one listener accepted.
struct Summary {
    std::string source;
    std::uint64_t connections = 0; ///< accepted
    std::uint64_t events = 0;
    std::array<std::uint64_t, predicate_count>
        predicates{}; ///< events that had each, in the order of the columns
    std::uint64_t bytes_read = 0;
    std::uint64_t bytes_written = 0;
    std::unique_ptr<bench::Histogram> lateness = nullptr; ///< of a timer

    void count(const mio::Event& event);
};

/// Shared state of all sources of a session.
struct Context {
    const mio::Registry& registry;
    const WatchOptions& options;
    Log& log;
    std::size_t last_token = 0;
    std::size_t last_accepted = 0;
    std::uint64_t events = 0;      ///< and expiries of timers
    Clock::time_point polled_at{}; ///< the end of the last poll
    std::vector<Summary> summaries = {};

    [[nodiscard]] mio::Token next_token() noexcept { return {++last_token}; }
    /// The summary of `source`, created if there is none.
    [[nodiscard]] Summary& summary_of(std::string_view source);
    /// False once the requested number of events has arrived.
    [[nodiscard]] bool wants_more() const noexcept { return !options.count || events < *options.count; }
};

/// The next step of a source.
struct Outcome {
    /// The source has ended.
    bool is_finished = false;
    /// When it has something to do, event or not.
    std::optional<std::chrono::steady_clock::time_point> resume_at;
};

/// Nothing to do before the next event.
inline Outcome wait_for_event() { return {}; }

/// The source has ended.
inline Outcome finished() { return {.is_finished = true, .resume_at = std::nullopt}; }

/// There is more to do after the other sources' turns.
inline Outcome resume_soon() { return {.is_finished = false, .resume_at = std::chrono::steady_clock::now()}; }

/// The operation must be retried without an event: four times a second.
inline Outcome resume_later() {
    return {.is_finished = false,
            .resume_at = std::chrono::steady_clock::now() + std::chrono::milliseconds(250)};
}

/// The way in which reading ended.
enum class Drained {
    blocked, ///< nothing is left
    more,    ///< there may be more, but the other sources and Ctrl-C are to have their turn
    ended,   ///< the stream ended
    failed,
};

/// Reads the available data, up to a limit for each turn, logs it, counts it in the summary of `group`, and passes it to
/// `take`, if set.
Drained drain(Context& context, std::string_view source, std::string_view group,
              const std::function<mio::Result<std::size_t>(std::span<std::byte>)>& read,
              const std::function<void(std::span<const std::byte>)>& take = {});

/// The next step of a source that ends with its stream.
Outcome outcome_of(Drained drained);

/// Over IP.
struct Tcp {
    using Address = mio::net::SocketAddress;
    using Stream = mio::net::TcpStream;
    using Listener = mio::net::TcpListener;
    struct Residue {};

    static constexpr bool connects_at_once = false;
    static constexpr std::string_view listen_scheme = "listen://";

    static Listener bind(const Address& address);
    /// Whether a socket could be made.
    static mio::Result<> try_socket(const Address& address);
    static Residue residue_of(const Address&) { return {}; }
    static std::string caller(const Stream&, const Address& peer) { return peer.to_string(); }
};

/// Unix domain sockets with a path.
struct Local {
    using Address = mio::net::UnixAddress;
    using Stream = mio::net::UnixStream;
    using Listener = mio::net::UnixListener;
    using Residue = os::SocketFile;

    static constexpr bool connects_at_once = true;
    static constexpr std::string_view listen_scheme = "unix-listen://";

    /// Replaces a stale socket file.
    static Listener bind(const Address& address);
    static mio::Result<> try_socket(const Address& address);
    static Residue residue_of(const Address& address) { return Residue(std::string(*address.path())); }
    /// The peer's process and user, since clients usually have no name.
    static std::string caller(const Stream& stream, const Address& peer);
};

/// A connection of `Protocol`.
template <class Protocol> class Connection {
  public:
    using Address = Protocol::Address;
    using Stream = Protocol::Stream;

    /// Connects to the first of `addresses` that accepts; there is at least one.
    Connection(Context& context, std::string name, std::vector<Address> addresses);
    /// Takes an established connection, counted in the summary of `group`.
    Connection(Context& context, std::string name, std::string group, Stream stream);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] const std::string& group() const noexcept { return group_; }
    [[nodiscard]] mio::Token token() const noexcept { return token_; }
    [[nodiscard]] Outcome start();
    [[nodiscard]] mio::Result<> rearm();
    [[nodiscard]] Outcome handle(const mio::Event& event);
    [[nodiscard]] Outcome resume();

  private:
    [[nodiscard]] Outcome connect_to_next();
    [[nodiscard]] Outcome connect();
    [[nodiscard]] mio::Result<> try_connect();
    [[nodiscard]] Outcome connect_failed(const std::error_code& error);
    [[nodiscard]] Outcome retry_later(const std::error_code& error);
    [[nodiscard]] mio::Interest interest() const;
    [[nodiscard]] mio::Result<> add();
    void set_connected();
    [[nodiscard]] Outcome begin();
    [[nodiscard]] Outcome read();
    // False if writing failed: the connection is unusable.
    [[nodiscard]] bool flush();
    void take_urgent_byte();

    Context* context_;
    std::string name_;
    std::string group_;
    mio::Token token_;
    std::string unsent_;             // written once there is room
    bool has_ended_ = false;         // nothing more to read
    std::vector<Address> addresses_; // still to try, the next one last
    std::optional<Address> peer_;    // none if it was accepted
    Stream stream_;
    bool is_connecting_;
    bool has_to_retry_ = false;
};

/// A UDP socket that is bound and not connected.
class Datagrams {
  public:
    /// Binds to the first of `addresses` that can be bound; there is at least one.
    Datagrams(Context& context, std::string name, std::vector<mio::net::SocketAddress> addresses);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] mio::Token token() const noexcept { return token_; }
    [[nodiscard]] Outcome start();
    [[nodiscard]] mio::Result<> rearm();
    [[nodiscard]] Outcome handle(const mio::Event& event);
    [[nodiscard]] Outcome resume();

  private:
    [[nodiscard]] mio::Interest interest() const;
    void receive(std::span<const std::byte> bytes, const mio::net::SocketAddress& sender);

    Context* context_;
    std::string name_;
    mio::Token token_;
    std::vector<mio::net::SocketAddress> addresses_;
    mio::net::UdpSocket socket_;
};

/// An inherited descriptor: it stays open, and its mode unchanged.
class Descriptor {
  public:
    Descriptor(Context& context, std::string name, mio::RawHandle handle);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] mio::Token token() const noexcept { return token_; }
    [[nodiscard]] Outcome start();
    [[nodiscard]] mio::Result<> rearm();
    [[nodiscard]] Outcome handle(const mio::Event& event);
    [[nodiscard]] Outcome resume();

  private:
    [[nodiscard]] mio::Interest interest() const;
    // Stops watching, which closing does for other sources.
    [[nodiscard]] Outcome finish();

    Context* context_;
    std::string name_;
    mio::Token token_;
    mio::RawSource source_;
};

/// The reading end of a FIFO. It outlives its writers: when the last one left, it is reopened for the next. (An
/// end opened for reading and writing would keep the FIFO open itself, and never see its end.)
class Fifo {
  public:
    Fifo(Context& context, std::string name, std::string path);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] mio::Token token() const noexcept { return token_; }
    [[nodiscard]] Outcome start();
    [[nodiscard]] mio::Result<> rearm();
    [[nodiscard]] Outcome handle(const mio::Event& event);
    [[nodiscard]] Outcome resume();

  private:
    void open();
    [[nodiscard]] Outcome reopen();

    Context* context_;
    std::string name_;
    mio::Token token_;
    std::string path_;
    mio::OwnedHandle handle_;
    mio::RawSource source_; // after the handle, so that it is destroyed first
};

/// A periodic timer, by the deadline of a poll or by a `mio::time::Alarm`; logs the delay of each expiration.
class Timer {
  public:
    Timer(Context& context, std::string name, const TimerTarget& target);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] mio::Token token() const noexcept { return token_; }
    [[nodiscard]] Outcome start();
    [[nodiscard]] mio::Result<> rearm();
    [[nodiscard]] Outcome handle(const mio::Event& event);
    [[nodiscard]] Outcome resume();

  private:
    void expire();

    Context* context_;
    std::string name_;
    mio::Token token_;
    std::chrono::milliseconds period_;
    bool is_alarm_;
    Clock::time_point due_;
    std::optional<mio::time::Alarm> alarm_;
};

/// A listener of `Protocol`.
template <class Protocol> class Listener {
  public:
    using Address = Protocol::Address;
    using Stream = Protocol::Stream;

    /// Binds to the first of `addresses` that can be bound; there is at least one.
    Listener(Context& context, std::string name, std::vector<Address> addresses);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] mio::Token token() const noexcept { return token_; }
    [[nodiscard]] Outcome start();
    [[nodiscard]] mio::Result<> rearm();
    [[nodiscard]] Outcome handle(const mio::Event& event);
    [[nodiscard]] Outcome resume();

    /// The connections accepted since the last call, not started yet.
    [[nodiscard]] std::vector<Connection<Protocol>> take_accepted() { return std::exchange(accepted_, {}); }

  private:
    void welcome(Stream stream, const Address& peer);
    [[nodiscard]] Outcome retry_later(const std::error_code& error);

    Context* context_;
    std::string name_;
    mio::Token token_;
    std::vector<Address> addresses_;
    Protocol::Listener listener_;
    Protocol::Residue residue_; // after the listener, so that it is destroyed first
    std::vector<Connection<Protocol>> accepted_;
    std::error_code reported_; // the current error of accepting, if any
};

} // namespace probe
