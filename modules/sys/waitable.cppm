/// @file
/// Sources for Windows handles that can be waited for.

export module mio.sys.waitable;

import mio.std;
import mio.core.error;
import mio.core.handle;
import mio.core.poll;
import mio.core.types;
import mio.sys.iocp;

namespace mio {

/// A source for a handle that `WaitForSingleObject` accepts: an event, process, thread, job, semaphore, waitable
/// timer, console input, or change notification. It does not own the handle. Windows only; for a socket, use
/// `RawSource`: the two kinds of handles are not distinguished by their values.
///
/// The system's thread pool waits for the handle. A successful wait is reported as a readable event. It takes the
/// signal of objects that reset themselves, as any wait does: auto-reset events, synchronization timers, semaphores
/// (one count). Do not wait for such an object elsewhere.
///
/// Triggers:
/// - `edge`: each successful wait is reported once. The next wait begins with `wait_again`, `renew` or `modify`. A
///   handle that is still signaled is then reported again. (A process that has ended stays signaled: do not wait
///   again.)
/// - `level`: reported by each poll that finds the handle signaled. An object that resets itself is reported once
///   for each signal.
/// - `oneshot`: one successful wait is reported; the next begins with `modify`.
///
/// Registering allocates and duplicates the handle: the original may be closed while it is registered, but the object
/// then exists until `remove`. Destroying or replacing the source ends its registration; a signal that was taken
/// and not reported is lost then. No code of this source runs in another thread afterwards.
///
/// Errors of `add`, as in `Registry`, and: `Errc::unsupported` for a socket, a mutex (a wait would acquire it), and an
/// interest without `readable`; `permission_denied` without the right SYNCHRONIZE; `bad_file_descriptor` for a handle
/// that is not open or cannot be waited for.
///
/// One thread at a time may call a member; other threads may poll.
/// @see WaitForSingleObject, SetThreadpoolWait
export class WaitableSource {
  public:
    inline explicit WaitableSource(RawHandle handle) noexcept : handle_(handle) {}
    inline WaitableSource(WaitableSource&& other) noexcept
        : handle_(other.handle_), wait_(std::exchange(other.wait_, nullptr)) {}
    inline WaitableSource& operator=(WaitableSource&& other) noexcept {
        WaitableSource taken(std::move(other));
        std::swap(handle_, taken.handle_);
        std::swap(wait_, taken.wait_);
        return *this;
    }
    ~WaitableSource();

    [[nodiscard]] inline RawHandle raw() const noexcept { return handle_; }

    /// Begins the next wait after an edge was reported. Otherwise no effect.
    void wait_again() noexcept;

    /// Called by `Registry`. @{
    [[nodiscard]] Result<> add_to(const Registry&, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> modify_in(const Registry&, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> remove_from(const Registry&) noexcept;
    [[nodiscard]] Result<> renew_in(const Registry&) noexcept;
    /// @}

  private:
    RawHandle handle_;
    sys::iocp::Wait* wait_ = nullptr; // null: not registered
};

} // namespace mio
