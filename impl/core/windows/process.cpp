module;

#include <winsock2.h>

#include <windows.h>

#include <iterator>

module mio.core.process;

import mio.core.error;
import mio.core.handle;
import mio.core.poll;
import mio.core.types;
import mio.os;
import mio.os.kernel_handle;
import mio.std;
import mio.sys.waitable;

namespace mio {

// Signal numbers of the C runtime's <signal.h>, which has SIGBREAK for Ctrl-Break; Linux's for the others.
constinit const Signal Signal::interrupt{2};
constinit const Signal Signal::terminate{15};
constinit const Signal Signal::hangup{1};
constinit const Signal Signal::quit{21};
constinit const Signal Signal::user1{10};
constinit const Signal Signal::user2{12};
constinit const Signal Signal::child{17};
constinit const Signal Signal::window_change{28};
constinit const Signal Signal::resume{18};
constinit const Signal Signal::kill{9};

namespace {

using Bits = std::uint8_t; // of the signals in `console_signals`

constexpr const Signal* console_signals[] = {&Signal::interrupt, &Signal::terminate, &Signal::hangup,
                                             &Signal::quit};

constexpr Bits bit_of_event(::DWORD event) noexcept {
    switch (event) {
    case CTRL_C_EVENT: return 1;
    case CTRL_SHUTDOWN_EVENT: return 2;
    case CTRL_CLOSE_EVENT:
    case CTRL_LOGOFF_EVENT: return 4;
    case CTRL_BREAK_EVENT: return 8;
    default: return 0;
    }
}

Result<Bits> bits_of(std::span<const Signal> signals) noexcept {
    Bits bits = 0;
    for (const auto signal : signals) {
        Bits bit = 0;
        for (std::size_t i = 0; i < std::size(console_signals); ++i) {
            if (signal == *console_signals[i]) bit = static_cast<Bits>(1u << i);
        }
        bits |= bit;
        if (bit != 0) continue;
        for (const auto* only_on_unix :
             {&Signal::user1, &Signal::user2, &Signal::child, &Signal::window_change, &Signal::resume}) {
            if (signal == *only_on_unix) return std::unexpected(make_error_code(Errc::unsupported));
        }
        return std::unexpected(os_error(std::errc::invalid_argument));
    }
    return bits;
}

std::unexpected<std::error_code> fail(::DWORD code) noexcept { return std::unexpected(os::error(code)); }
std::unexpected<std::error_code> fail(std::errc condition) noexcept {
    return std::unexpected(os_error(condition));
}
std::unexpected<std::error_code> fail(Errc code) noexcept { return std::unexpected(make_error_code(code)); }

RawHandle raw_of(const os::KernelHandle& handle) noexcept {
    return reinterpret_cast<RawHandle>(handle.get());
}

class Locked {
  public:
    explicit Locked(::SRWLOCK& lock) noexcept : lock_(lock) { ::AcquireSRWLockExclusive(&lock_); }
    Locked(const Locked&) = delete;
    ~Locked() { ::ReleaseSRWLockExclusive(&lock_); }

  private:
    ::SRWLOCK& lock_;
};

} // namespace

/// A member of the list of watchers. The event is set while a signal is pending.
struct Signals::State {
    State(Bits to_watch, os::KernelHandle manual_reset_event) noexcept
        : watched(to_watch), event(std::move(manual_reset_event)), source(raw_of(event)) {}

    const Bits watched;
    Bits pending = 0; // guarded by `lock`
    State* next = nullptr;
    os::KernelHandle event;
    WaitableSource source; // before the event, whose handle it uses

    static ::SRWLOCK lock; // guards the list
    static State* first;
    static bool is_handled; // the handler is installed

    /// Called by a thread that the system creates for each event.
    static ::BOOL WINAPI handle(::DWORD event) noexcept {
        const auto bit = bit_of_event(event);
        bool is_watched = false;
        {
            const Locked locked(lock);
            for (auto* state = first; state != nullptr; state = state->next) {
                if ((state->watched & bit) == 0) continue;
                is_watched = true;
                state->pending |= bit;
                ::SetEvent(state->event.get());
            }
        }
        if (!is_watched) return FALSE;
        // Windows ends the process when this function returns, or after a few seconds.
        if (event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT) ::Sleep(INFINITE);
        return TRUE;
    }

    // The handler is never removed: that would wait for one that sleeps.
    [[nodiscard]] Result<> start() noexcept {
        const Locked locked(lock);
        if (!is_handled) {
            if (auto set = os::check_bool(::SetConsoleCtrlHandler(&handle, TRUE)); !set) return set;
            is_handled = true;
        }
        next = std::exchange(first, this);
        return {};
    }

    void stop() noexcept {
        const Locked locked(lock);
        auto** link = &first;
        while (*link != this) link = &(*link)->next;
        *link = next;
    }

    /// Null if no signal is pending.
    [[nodiscard]] const Signal* take() noexcept {
        const Locked locked(lock);
        for (std::size_t i = 0; i < std::size(console_signals); ++i) {
            const auto bit = static_cast<Bits>(1u << i);
            if ((pending & bit) == 0) continue;
            pending = static_cast<Bits>(pending & ~bit);
            if (pending == 0) ::ResetEvent(event.get());
            return console_signals[i];
        }
        return nullptr;
    }
};

constinit ::SRWLOCK Signals::State::lock = SRWLOCK_INIT;
constinit Signals::State* Signals::State::first = nullptr;
constinit bool Signals::State::is_handled = false;

Result<Signals> Signals::create(std::span<const Signal> signals) {
    const auto bits = bits_of(signals);
    if (!bits) return std::unexpected(bits.error());
    os::KernelHandle event(::CreateEventW(nullptr, TRUE, FALSE, nullptr));
    if (!event) return std::unexpected(os::last_error());
    std::unique_ptr<State> state(new (std::nothrow) State(*bits, std::move(event)));
    if (state == nullptr) return fail(std::errc::not_enough_memory);
    if (auto started = state->start(); !started) return std::unexpected(started.error());
    return Signals(state.release());
}

Signals::~Signals() {
    if (state_ == nullptr) return;
    state_->stop();
    delete state_;
}

Result<SignalInfo> Signals::receive() noexcept {
    if (state_ == nullptr) return fail(ERROR_INVALID_HANDLE);
    if (const auto* signal = state_->take(); signal != nullptr) return SignalInfo{*signal, std::nullopt};
    state_->source.wait_again();
    return fail(WSAEWOULDBLOCK);
}

RawHandle Signals::raw() const noexcept { return state_ == nullptr ? invalid_handle : raw_of(state_->event); }

Result<> Signals::add_to(const Registry& registry, Token token, Interest interest, Trigger trigger) noexcept {
    if (state_ == nullptr) return fail(ERROR_INVALID_HANDLE);
    return state_->source.add_to(registry, token, interest, trigger);
}

Result<> Signals::modify_in(const Registry& registry, Token token, Interest interest,
                            Trigger trigger) noexcept {
    if (state_ == nullptr) return fail(Errc::not_registered);
    return state_->source.modify_in(registry, token, interest, trigger);
}

Result<> Signals::remove_from(const Registry& registry) noexcept {
    if (state_ == nullptr) return fail(Errc::not_registered);
    return state_->source.remove_from(registry);
}

Result<> Signals::renew_in(const Registry& registry) noexcept {
    if (state_ == nullptr) return fail(Errc::not_registered);
    return state_->source.renew_in(registry);
}

struct Child::State {
    State(os::KernelHandle handle, ::DWORD process) noexcept
        : process(std::move(handle)), id(process), source(raw_of(this->process)) {}

    [[nodiscard]] bool has_ended() const noexcept {
        return ::WaitForSingleObject(process.get(), 0) == WAIT_OBJECT_0;
    }

    os::KernelHandle process;
    const ::DWORD id;
    WaitableSource source;
};

Result<Child> Child::watch(std::int64_t process) {
    if (process <= 0) return fail(std::errc::invalid_argument);
    if (process > 0xffff'ffff) return fail(std::errc::no_such_process);
    const auto id = static_cast<::DWORD>(process);
    constexpr ::DWORD to_watch = SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION;
    // Without the right to end it, the process can still be watched.
    os::KernelHandle handle(::OpenProcess(to_watch | PROCESS_TERMINATE, FALSE, id));
    if (!handle && ::GetLastError() == ERROR_ACCESS_DENIED)
        handle = os::KernelHandle(::OpenProcess(to_watch, FALSE, id));
    if (!handle) {
        const auto code = ::GetLastError();
        if (code == ERROR_INVALID_PARAMETER) return fail(std::errc::no_such_process);
        return fail(code);
    }
    auto* state = new (std::nothrow) State(std::move(handle), id);
    if (state == nullptr) return fail(std::errc::not_enough_memory);
    return Child(state);
}

Result<Child> Child::from_raw(RawHandle raw) {
    // It is also the pseudo-handle of this process.
    if (raw == invalid_handle) return fail(ERROR_INVALID_HANDLE);
    const auto handle = reinterpret_cast<::HANDLE>(raw);
    const auto id = ::GetProcessId(handle);
    if (id == 0) return std::unexpected(os::last_error());
    // Allocated before it takes the handle.
    void* const memory = ::operator new(sizeof(State), std::nothrow);
    if (memory == nullptr) return fail(std::errc::not_enough_memory);
    return Child(new (memory) State(os::KernelHandle(handle), id));
}

Child::~Child() { delete state_; }

Result<std::optional<ExitStatus>> Child::try_wait() noexcept {
    if (state_ == nullptr) return fail(ERROR_INVALID_HANDLE);
    const auto waited = ::WaitForSingleObject(state_->process.get(), 0);
    if (waited == WAIT_TIMEOUT) return std::nullopt;
    ::DWORD code = 0;
    if (waited == WAIT_FAILED || ::GetExitCodeProcess(state_->process.get(), &code) == FALSE)
        return std::unexpected(os::last_error());
    ExitStatus status;
    status.code = code;
    return status;
}

Result<> Child::send(Signal signal) noexcept {
    if (state_ == nullptr) return fail(ERROR_INVALID_HANDLE);
    if (state_->has_ended()) return fail(std::errc::no_such_process);
    if (signal == Signal::kill || signal == Signal::terminate) {
        auto ended = os::check_bool(::TerminateProcess(state_->process.get(), 1));
        if (!ended && state_->has_ended()) return fail(std::errc::no_such_process);
        return ended;
    }
    // The ID is not reused while the handle is open.
    if (signal == Signal::quit)
        return os::check_bool(::GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, state_->id));
    return fail(Errc::unsupported);
}

std::optional<std::int64_t> Child::id() const noexcept {
    if (state_ == nullptr) return std::nullopt;
    return state_->id;
}

RawHandle Child::raw() const noexcept { return state_ == nullptr ? invalid_handle : raw_of(state_->process); }

Result<> Child::add_to(const Registry& registry, Token token, Interest interest, Trigger trigger) noexcept {
    if (state_ == nullptr) return fail(ERROR_INVALID_HANDLE);
    return state_->source.add_to(registry, token, interest, trigger);
}

Result<> Child::modify_in(const Registry& registry, Token token, Interest interest,
                          Trigger trigger) noexcept {
    if (state_ == nullptr) return fail(Errc::not_registered);
    return state_->source.modify_in(registry, token, interest, trigger);
}

Result<> Child::remove_from(const Registry& registry) noexcept {
    if (state_ == nullptr) return fail(Errc::not_registered);
    return state_->source.remove_from(registry);
}

Result<> Child::renew_in(const Registry& registry) noexcept {
    if (state_ == nullptr) return fail(Errc::not_registered);
    return state_->source.renew_in(registry);
}

} // namespace mio
