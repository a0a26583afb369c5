module;

#include <pthread.h>
#include <sys/types.h>

#include <cerrno>
#include <climits>
#include <csignal>

#include "../../os/unix/thread_exit.hpp"

module mio.core.process;

import mio.core.error;
import mio.core.handle;
import mio.core.poll;
import mio.core.source;
import mio.core.types;
import mio.os;
import mio.os.fork;
import mio.os.process;
import mio.os.sigpipe;
import mio.std;
import mio.sys.selector;

namespace mio {

constinit const Signal Signal::interrupt{SIGINT};
constinit const Signal Signal::terminate{SIGTERM};
constinit const Signal Signal::hangup{SIGHUP};
constinit const Signal Signal::quit{SIGQUIT};
constinit const Signal Signal::user1{SIGUSR1};
constinit const Signal Signal::user2{SIGUSR2};
constinit const Signal Signal::child{SIGCHLD};
constinit const Signal Signal::window_change{SIGWINCH};
constinit const Signal Signal::resume{SIGCONT};
constinit const Signal Signal::kill{SIGKILL};

namespace {

std::unexpected<std::error_code> fail(int code) noexcept {
    return std::unexpected(std::error_code(code, os_category()));
}

/// An owned descriptor that, unless a child of fork(2) inherits it, is not closed there: its number may be another
/// file's.
class Descriptor : public IoSource {
  public:
    explicit Descriptor(OwnedHandle handle) noexcept
        : IoSource(handle.take()), fork_generation_(os::fork_generation()) {}
    ~Descriptor() {
        if (!os::are_inherited && fork_generation_ != os::fork_generation()) static_cast<void>(release());
    }

  private:
    const std::uint16_t fork_generation_;
};

/// The signals that the `Signals` created by one thread block. The thread and those objects own it together, since an
/// object may be destroyed by another thread, also after the end of its creator.
class Blocked {
  public:
    static constexpr int last = 128; // the highest number of any system

    void retain() noexcept { owners_.retain(); }
    void release() noexcept {
        if (owners_.drop()) delete this;
    }

    /// This thread's; null if memory is exhausted.
    [[nodiscard]] static Blocked* of_this_thread() noexcept;
    [[nodiscard]] bool is_of_this_thread() const noexcept;

    /// Counts an object that blocks `set`; `before` was this thread's mask.
    void add(const ::sigset_t& set, const ::sigset_t& before) noexcept;
    /// Withdraws `add`, and unblocks the signals that no other object needs if this is the thread that blocked them.
    void remove(const ::sigset_t& set) noexcept;

  private:
    struct Use {
        std::uint32_t count = 0;
        bool is_to_unblock = false; // after the last object, which may be in the future
    };

    sys::ReferenceCount owners_;
    std::mutex mutex_;
    std::array<Use, last + 1> uses_{};
};

constinit thread_local Blocked* of_thread = nullptr;

Blocked* Blocked::of_this_thread() noexcept {
    static const os::ThreadExit at_exit([](void* blocked) {
        of_thread = nullptr;
        static_cast<Blocked*>(blocked)->release();
    });
    if (of_thread != nullptr) return of_thread;
    auto* const made = new (std::nothrow) Blocked;
    if (made == nullptr) return nullptr;
    if (!at_exit.request(made)) {
        made->release();
        return nullptr;
    }
    return of_thread = made;
}

bool Blocked::is_of_this_thread() const noexcept { return of_thread == this; }

bool has(const ::sigset_t& set, int number) noexcept { return sigismember(&set, number) == 1; }

void Blocked::add(const ::sigset_t& set, const ::sigset_t& before) noexcept {
    const std::scoped_lock lock(mutex_);
    for (int number = 1; number <= last; ++number) {
        if (!has(set, number)) continue;
        auto& use = uses_[static_cast<std::size_t>(number)];
        ++use.count;
        if (!has(before, number)) use.is_to_unblock = true;
    }
}

void Blocked::remove(const ::sigset_t& set) noexcept {
    ::sigset_t to_unblock;
    sigemptyset(&to_unblock);
    {
        const std::scoped_lock lock(mutex_);
        for (int number = 1; number <= last; ++number) {
            if (!has(set, number)) continue;
            auto& use = uses_[static_cast<std::size_t>(number)];
            if (--use.count != 0 || !use.is_to_unblock || !is_of_this_thread()) continue;
            use.is_to_unblock = false;
            sigaddset(&to_unblock, number);
        }
    }
    // Those that were sent but not received must not act now: a program that ends because of one would be killed by it.
    for (int number = 1; number <= last; ++number) {
        while (has(to_unblock, number) && os::is_pending(number).value_or(false) && os::take_back(number)) {
        }
    }
    ::pthread_sigmask(SIG_UNBLOCK, &to_unblock, nullptr);
}

// Without `::` on the sigset functions: on Apple they are macros.
Result<::sigset_t> set_of(std::span<const Signal> signals) noexcept {
#ifdef SIGRTMAX
    const int last = std::min(SIGRTMAX, Blocked::last);
#else
    const int last = std::min(NSIG - 1, Blocked::last);
#endif
    ::sigset_t set;
    sigemptyset(&set);
    for (const auto signal : signals) {
        const int number = signal.number();
        if (number < 1 || number > last || number == SIGKILL || number == SIGSTOP) return fail(EINVAL);
        // Fails for numbers that the C library reserves.
        if (sigaddset(&set, number) != 0) return fail(EINVAL);
    }
    return set;
}

} // namespace

struct Signals::State : Descriptor {
    State(OwnedHandle handle, const ::sigset_t& to_take, Blocked& of_creator) noexcept
        : Descriptor(std::move(handle)), set(to_take), blocked(of_creator) {
        blocked.retain();
    }
    ~State() {
        blocked.remove(set);
        blocked.release();
    }

    const ::sigset_t set;
    Blocked& blocked;
};

Result<Signals> Signals::create(std::span<const Signal> signals) {
    if (auto counted = os::count_forks(); !counted) return std::unexpected(counted.error());
    const auto set = set_of(signals);
    if (!set) return std::unexpected(set.error());
    auto* const blocked = Blocked::of_this_thread();
    if (blocked == nullptr) return std::unexpected(os_error(std::errc::not_enough_memory));
    // Blocked first: otherwise the action of a signal that arrives in between would run.
    ::sigset_t before;
    sigemptyset(&before);
    if (const int code = ::pthread_sigmask(SIG_BLOCK, &*set, &before); code != 0) return fail(code);
    const auto restore = [&] { ::pthread_sigmask(SIG_SETMASK, &before, nullptr); };
    auto handle = os::open_signals(*set);
    if (!handle) {
        restore();
        return std::unexpected(handle.error());
    }
    auto* state = new (std::nothrow) State(std::move(*handle), *set, *blocked);
    if (state == nullptr) {
        restore();
        return std::unexpected(os_error(std::errc::not_enough_memory));
    }
    blocked->add(*set, before);
    return Signals(state);
}

Signals::~Signals() { delete state_; }

Result<SignalInfo> Signals::receive() noexcept {
    if (state_ == nullptr) return fail(EBADF);
    return state_->try_io(Interest::readable, [this] { return os::take_signal(state_->raw()); });
}

RawHandle Signals::raw() const noexcept { return state_ == nullptr ? invalid_handle : state_->raw(); }

Result<> Signals::add_to(const Registry& registry, Token token, Interest interest, Trigger trigger) noexcept {
    if (state_ == nullptr) return fail(EBADF);
    return state_->add_to(registry, token, interest, trigger);
}

Result<> Signals::modify_in(const Registry& registry, Token token, Interest interest,
                            Trigger trigger) noexcept {
    if (state_ == nullptr) return std::unexpected(make_error_code(Errc::not_registered));
    return state_->modify_in(registry, token, interest, trigger);
}

Result<> Signals::remove_from(const Registry& registry) noexcept {
    if (state_ == nullptr) return std::unexpected(make_error_code(Errc::not_registered));
    return state_->remove_from(registry);
}

Result<> Signals::renew_in(const Registry& registry) noexcept {
    if (state_ == nullptr) return std::unexpected(make_error_code(Errc::not_registered));
    return state_->renew_in(registry);
}

struct Child::State : Descriptor {
    State(OwnedHandle handle, ::pid_t id) noexcept : Descriptor(std::move(handle)), process(id) {}

    const ::pid_t process; // 0: unknown
    std::optional<ExitStatus> status;
};

Result<Child> Child::watch(std::int64_t process) {
    if (auto counted = os::count_forks(); !counted) return std::unexpected(counted.error());
    if (process <= 0) return fail(EINVAL);
    if (process > INT_MAX) return fail(ESRCH);
    const auto id = static_cast<::pid_t>(process);
    auto handle = os::open_process(id);
    if (!handle) return std::unexpected(handle.error());
    auto* state = new (std::nothrow) State(std::move(*handle), id);
    if (state == nullptr) return std::unexpected(os_error(std::errc::not_enough_memory));
    return Child(state);
}

Result<Child> Child::from_raw(RawHandle handle) {
    if (auto checked = os::check_process(handle); !checked) return std::unexpected(checked.error());
    // Allocated before it takes the handle.
    void* const memory = ::operator new(sizeof(State), std::nothrow);
    if (memory == nullptr) return std::unexpected(os_error(std::errc::not_enough_memory));
    return Child(new (memory) State(OwnedHandle(handle), 0));
}

Child::~Child() { delete state_; }

Result<std::optional<ExitStatus>> Child::try_wait() noexcept {
    if (state_ == nullptr) return fail(EBADF);
    auto& state = *state_;
    if (state.status) return state.status;
    auto fetched = os::fetch_status(state.raw(), state.process);
    if (!fetched) return fetched;
    state.status = *fetched;
    // Not readable yet: backends that emulate edges watch again.
    if (!state.status) state.exhausted(Interest::readable);
    return fetched;
}

Result<> Child::send(Signal signal) noexcept {
    if (state_ == nullptr) return fail(EBADF);
    if (state_->status) return fail(ESRCH);
    return os::send_signal(state_->raw(), state_->process, signal.number());
}

std::optional<std::int64_t> Child::id() const noexcept {
    if (state_ == nullptr || state_->process == 0) return std::nullopt;
    return state_->process;
}

RawHandle Child::raw() const noexcept { return state_ == nullptr ? invalid_handle : state_->raw(); }

Result<> Child::add_to(const Registry& registry, Token token, Interest interest, Trigger trigger) noexcept {
    if (state_ == nullptr) return fail(EBADF);
    return state_->add_to(registry, token, interest, trigger);
}

Result<> Child::modify_in(const Registry& registry, Token token, Interest interest,
                          Trigger trigger) noexcept {
    if (state_ == nullptr) return std::unexpected(make_error_code(Errc::not_registered));
    return state_->modify_in(registry, token, interest, trigger);
}

Result<> Child::remove_from(const Registry& registry) noexcept {
    if (state_ == nullptr) return std::unexpected(make_error_code(Errc::not_registered));
    return state_->remove_from(registry);
}

Result<> Child::renew_in(const Registry& registry) noexcept {
    if (state_ == nullptr) return std::unexpected(make_error_code(Errc::not_registered));
    return state_->renew_in(registry);
}

} // namespace mio
