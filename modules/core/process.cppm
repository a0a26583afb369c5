/// @file
/// Sources for signals sent to this process, and for the end of another process.

export module mio.core.process;

import mio.std;
import mio.core.error;
import mio.core.handle;
import mio.core.poll;
import mio.core.types;

namespace mio {

/// A signal of the operating system. Two signals are equal if their numbers are.
///
/// Every constant exists on every system. Windows has no signals, but console control events, which the
/// constants without "Unix only" stand for; there `Signals::create` rejects the others with
/// `Errc::unsupported`.
/// @see signal(7), SetConsoleCtrlHandler
export class Signal {
  public:
    static const Signal interrupt;     ///< SIGINT; Ctrl-C, CTRL_C_EVENT
    static const Signal terminate;     ///< SIGTERM; the system shuts down, CTRL_SHUTDOWN_EVENT
    static const Signal hangup;        ///< SIGHUP; console closed or user logged off, CTRL_CLOSE_EVENT
    static const Signal quit;          ///< SIGQUIT; Ctrl-\, on Windows Ctrl-Break, CTRL_BREAK_EVENT
    static const Signal user1;         ///< SIGUSR1. Unix only
    static const Signal user2;         ///< SIGUSR2. Unix only
    static const Signal child;         ///< SIGCHLD: a child process ended or stopped. Unix only
    static const Signal window_change; ///< SIGWINCH: the terminal's size changed. Unix only
    static const Signal resume;        ///< SIGCONT: the process was continued. Unix only
    static const Signal kill;          ///< SIGKILL: ends a process. Only for `Child::send`

    /// The signal with this number, for those without a name here, such as real-time signals.
    [[nodiscard]] static constexpr Signal from_number(int number) noexcept { return Signal(number); }
    /// The system's number. On Windows, that of the C runtime's `signal`, or another one.
    [[nodiscard]] constexpr int number() const noexcept { return number_; }

    constexpr auto operator<=>(const Signal&) const noexcept = default;

  private:
    constexpr explicit Signal(int number) noexcept : number_(number) {}

    int number_;
};

/// The name of the constant, for example "interrupt", or "signal 34" if there is none.
export std::string to_string(Signal);

/// A signal that was received.
export struct SignalInfo {
    Signal signal;
    /// Process ID of the sender; of the process that ended or stopped for `Signal::child`. `nullopt` if the
    /// kernel sent it, as for Ctrl-C, and always on kqueue systems and Windows.
    std::optional<std::int64_t> sender;
};

/// Signals as events instead of handlers: readable while a signal waits to be received.
///
/// On Unix, a signal is taken from the process only while every thread blocks it: a thread that does not gets
/// the signal's action, which by default ends the process. `create` blocks the signals in the calling thread,
/// and threads created afterwards inherit that. So create this object in the main thread before starting
/// others.
///
/// The destructor unblocks the signals that were not blocked before `create`, unless another `Signals` of the
/// thread uses them, and discards those that were sent but not received: they do not act afterwards. It must
/// run in the thread that called `create`; in another thread it leaves the signals blocked.
///
/// Programs that this process starts inherit the blocked signals, also through exec. Unblock them in the
/// child: with POSIX_SPAWN_SETSIGMASK, or with sigprocmask(2) between fork and exec. A child of fork that
/// keeps the object receives its own signals, not the parent's.
///
/// A signal that is directed at one thread (pthread_kill(3), or `std::raise` in that thread) waits for that
/// thread: on Linux, polls of other threads do not report it, and only a `receive` in that thread takes it. Use
/// kill(2) with getpid(2), which sends to the process. On Windows, `std::raise` sends no console control event.
///
/// A signal that is sent again before it is received may be received once; real-time signals of Linux are
/// queued. If several `Signals` of a process watch for one signal, one of them receives it on Linux, and each
/// on kqueue systems and Windows. The order of different signals is unspecified.
///
/// On Windows, a watched console control event does not end the process. The exceptions are `hangup` and
/// `terminate`: Windows ends the process after a few seconds, so end it before that.
///
/// Moved-from objects hold `invalid_handle`. One thread at a time may call a member.
/// @see signalfd(2); kqueue(2), EVFILT_SIGNAL; SetConsoleCtrlHandler; pthread_sigmask(3)
export class Signals {
  public:
    /// Starts to watch for `signals`. Errors: `invalid_argument` for a number that is no signal, and for
    /// those that cannot be blocked: `Signal::kill`, SIGSTOP; `Errc::unsupported` (see `Signal`); the OS's
    /// own. If it fails, no signal is blocked.
    [[nodiscard]] static Result<Signals> create(std::initializer_list<Signal> signals) {
        return create(std::span(signals.begin(), signals.size()));
    }
    [[nodiscard]] static Result<Signals> create(std::span<const Signal> signals);

    inline Signals(Signals&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    inline Signals& operator=(Signals&& other) noexcept {
        Signals taken(std::move(other));
        std::swap(state_, taken.state_);
        return *this;
    }
    ~Signals();

    /// Takes the next signal. Errors: would-block if there is none; the OS's own.
    [[nodiscard]] Result<SignalInfo> receive() noexcept;

    /// The signalfd or kqueue; on Windows, an event object.
    [[nodiscard]] RawHandle raw() const noexcept;

    /// Called by `Registry`. @{
    [[nodiscard]] Result<> add_to(const Registry&, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> modify_in(const Registry&, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> remove_from(const Registry&) noexcept;
    [[nodiscard]] Result<> renew_in(const Registry&) noexcept;
    /// @}

  private:
    struct State;
    inline explicit Signals(State* state) noexcept : state_(state) {}

    State* state_;
};

/// How a process ended: with an exit code, or by a signal.
export struct ExitStatus {
    /// The exit code; `nullopt` if a signal ended the process.
    std::optional<std::uint32_t> code;
    /// The signal that ended it. Never set on Windows.
    std::optional<Signal> signal;
    bool dumped_core = false;

    /// Exit code 0.
    [[nodiscard]] constexpr bool is_success() const noexcept { return code == std::uint32_t{0}; }
};

/// A process, usually a child of this one: readable once it has ended, and from then on.
///
/// Needs no handler for SIGCHLD and does not touch other children, so a library can use it. Start the process
/// with any call: posix_spawn(3), fork(2), CreateProcess.
///
/// Destroying it neither ends the process nor waits for it. On Unix, a child whose status is not fetched with
/// `try_wait` remains a zombie until this process ends. If SIGCHLD is ignored, or other code waits for every
/// child, the status is lost. A moved-from object holds `invalid_handle`. One thread at a time may call a
/// member.
/// @see pidfd_open(2); kqueue(2), EVFILT_PROC; OpenProcess
export class Child {
  public:
    /// Watches the process with ID `process`. It may have ended already, if it is a child whose status was
    /// not fetched. On Windows, the ID of a process that ended is valid while a handle of it is open.
    ///
    /// Errors: `no_such_process` if there is none; on Linux `function_not_supported` before Linux 5.3, and another
    /// error for the ID of a thread; the OS's own.
    [[nodiscard]] static Result<Child> watch(std::int64_t process);
    /// Takes ownership of a handle: a pidfd on Linux; on Windows a process handle, with the right SYNCHRONIZE
    /// and those that the calls below need. On failure the caller keeps it. Errors: `Errc::unsupported` on
    /// kqueue systems; the OS's own.
    [[nodiscard]] static Result<Child> from_raw(RawHandle handle);

    inline Child(Child&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    inline Child& operator=(Child&& other) noexcept {
        Child taken(std::move(other));
        std::swap(state_, taken.state_);
        return *this;
    }
    ~Child();

    /// The exit status if the process has ended; `nullopt` while it runs. On Unix, the first successful call
    /// fetches the status of the child and so frees its process ID; later calls return the same status.
    ///
    /// Errors: `no_child_process` if it is not a child of this process (not on Windows), or if its status was
    /// already fetched; the OS's own.
    /// @see waitid(2), GetExitCodeProcess
    [[nodiscard]] Result<std::optional<ExitStatus>> try_wait() noexcept;

    /// Sends a signal. It never reaches another process that reuses the process ID; on kqueue systems this is
    /// guaranteed only for a child that nothing else waits for.
    ///
    /// On Windows, `kill` and `terminate` end the process with exit code 1; `quit` sends Ctrl-Break to its
    /// process group (CREATE_NEW_PROCESS_GROUP); `Errc::unsupported` for the others.
    ///
    /// Errors: `no_such_process` if `try_wait` has returned its status, and on Windows also if it has ended;
    /// `operation_not_permitted`, or `permission_denied` on Windows; `invalid_argument`; the OS's own.
    /// @see pidfd_send_signal(2), kill(2), TerminateProcess, GenerateConsoleCtrlEvent
    [[nodiscard]] Result<> send(Signal) noexcept;

    /// The process ID; `nullopt` for a pidfd passed to `from_raw`.
    [[nodiscard]] std::optional<std::int64_t> id() const noexcept;

    /// The pidfd or kqueue; on Windows, the process handle.
    [[nodiscard]] RawHandle raw() const noexcept;

    /// Called by `Registry`. @{
    [[nodiscard]] Result<> add_to(const Registry&, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> modify_in(const Registry&, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> remove_from(const Registry&) noexcept;
    [[nodiscard]] Result<> renew_in(const Registry&) noexcept;
    /// @}

  private:
    struct State;
    inline explicit Child(State* state) noexcept : state_(state) {}

    State* state_;
};

} // namespace mio
