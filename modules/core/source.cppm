/// @file
/// The two things that every source is built from: a handle that is borrowed, and a handle that is owned.

export module mio.core.source;

import mio.std;
import mio.core.error;
import mio.core.handle;
import mio.core.poll;
import mio.core.types;

namespace mio {

/// Watches a handle that it does not own: any that the OS can watch.
///
/// Destroying or replacing it ends its registration. Remove or destroy it before the handle is closed. Afterwards both
/// succeed too, without an effect on another source that was given the handle's number, but until then epoll goes on
/// watching if a duplicate of the handle lives, and poll(2) watches whatever file the number stands for.
///
/// `try_io` and `exhausted` may run in several threads at once, also while the source is modified and polled; nothing else
/// may overlap for one source.
///
/// Errors of the registry are those of every source; registering one handle through two sources is the OS's to refuse
/// (`std::errc::file_exists`), and replaces the first source where the backend cannot tell: on kqueue and iocp, and on
/// poll(2) for files that share an inode, such as eventfd.
export class RawSource {
  public:
    inline explicit RawSource(RawHandle handle) noexcept : handle_(handle) {}

    [[nodiscard]] inline RawHandle raw() const noexcept { return handle_; }

    /// Runs `f`, which does I/O on the handle and returns a `Result`, and returns what it returned. An
    /// operation that may answer "would block" has to run inside, or some backends stop reporting.
    template <class F> [[nodiscard]] auto try_io(F&& f) const {
        return registration_.run(Interest::readable | Interest::writable, std::forward<F>(f));
    }
    /// The same for an operation that waits for `direction` only.
    template <class F> [[nodiscard]] auto try_io(Interest direction, F&& f) const {
        return registration_.run(direction, std::forward<F>(f));
    }

    /// Tells that nothing is left in `direction`, after an operation that shows it by doing less than it was asked
    /// for instead of answering "would block". Without it some backends stop reporting.
    void exhausted(Interest direction) const noexcept {
        static_cast<void>(registration_.run(direction, []() -> Result<> {
            return std::unexpected(os_error(std::errc::operation_would_block));
        }));
    }

    [[nodiscard]] inline Result<> add_to(const Registry& registry, Token token, Interest interest,
                                         Trigger trigger) {
        return registration_.add(registry, handle_, token, interest, trigger);
    }
    [[nodiscard]] inline Result<> modify_in(const Registry& registry, Token token, Interest interest,
                                            Trigger trigger) {
        return registration_.modify(registry, handle_, token, interest, trigger);
    }
    [[nodiscard]] inline Result<> remove_from(const Registry& registry) {
        return registration_.remove(registry, handle_);
    }

  protected:
    RawHandle handle_;
    Registration registration_;
};

/// Owns a handle and closes it: what every socket and pipe of `mio::net` is built on.
///
/// Destroying, releasing or replacing it ends its registration, whatever duplicates of the handle exist. A child of `fork`
/// shares the parent's epoll instance: it must not destroy sources that the parent has registered. A moved-from source
/// holds `invalid_handle`.
/// @see close(2), epoll(7)
export class IoSource : private RawSource {
  public:
    inline IoSource(IoSource&& other) noexcept : RawSource(std::move(other)) {
        other.handle_ = invalid_handle;
    }
    inline IoSource& operator=(IoSource&& other) noexcept {
        IoSource taken(std::move(other));
        std::swap(handle_, taken.handle_);
        std::swap(registration_, taken.registration_);
        return *this;
    }
    inline ~IoSource() {
        registration_.end();
        if (handle_ != invalid_handle) close_handle(handle_);
    }

    using RawSource::exhausted;
    using RawSource::raw;
    using RawSource::try_io;

    /// Gives up ownership of the handle, and ends its registration.
    [[nodiscard]] inline RawHandle release() noexcept {
        registration_.end();
        return std::exchange(handle_, invalid_handle);
    }

    using RawSource::add_to;
    using RawSource::modify_in;
    using RawSource::remove_from;

  protected:
    /// Takes ownership of `handle`.
    inline explicit IoSource(RawHandle handle) noexcept : RawSource(handle) {}
};

} // namespace mio
