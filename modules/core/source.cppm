/// @file
/// Base classes of sources: `RawSource` borrows a handle, `IoSource` owns one.

export module mio.core.source;

import mio.std;
import mio.core.error;
import mio.core.handle;
import mio.core.poll;
import mio.core.types;

namespace mio {

/// A source for a handle that it does not own. Any handle that the OS can watch is accepted.
///
/// Destroying or replacing it ends its registration. Remove or destroy it before the handle is closed. Both
/// also succeed afterwards, without an effect on another source whose handle has the same number. On epoll,
/// however, events continue as long as a duplicate of the handle exists. On poll(2), a file that reuses the
/// number is watched until then.
///
/// Several threads may call `try_io` and `exhausted` at once, also while the source is modified and polled.
/// No other calls may overlap for one source.
///
/// The registry reports the same errors as for every source. If one handle is registered through two sources,
/// the OS reports `std::errc::file_exists`. Where the backend cannot detect it, the second source replaces
/// the first: on kqueue and iocp, and on poll(2) for files that share an inode, such as an eventfd.
export class RawSource {
  public:
    inline explicit RawSource(RawHandle handle) noexcept : handle_(handle) {}

    [[nodiscard]] inline RawHandle raw() const noexcept { return handle_; }

    /// Runs `f`, which does I/O on the handle and returns a `Result`, or any `std::expected` whose error models
    /// `BlockingError`, and returns its result. An operation that may fail with would-block must run through
    /// this call; otherwise some backends stop reporting events.
    template <class F> [[nodiscard]] auto try_io(F&& f) const {
        return registration_.run(Interest::readable | Interest::writable, std::forward<F>(f));
    }
    /// The same for an operation that can only block in `direction`.
    template <class F> [[nodiscard]] auto try_io(Interest direction, F&& f) const {
        return registration_.run(direction, std::forward<F>(f));
    }

    /// Reports that `direction` is exhausted, after an operation that returned a partial result instead of
    /// would-block. Without this call some backends stop reporting events.
    inline void exhausted(Interest direction) const noexcept { registration_.exhausted(direction); }

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
    [[nodiscard]] inline Result<> renew_in(const Registry& registry) { return registration_.renew(registry); }

  protected:
    RawHandle handle_;
    Registration registration_;
};

/// A source that owns its handle and closes it. The base of every socket and pipe of `mio::net`.
///
/// Destroying, releasing or replacing it ends its registration, even if duplicates of the handle exist. In a
/// child of `fork`, this does not affect the parent's registrations. `Registry::remove` does on epoll: see
/// "After `fork`" in `docs/backends.md`. A moved-from source holds `invalid_handle`.
/// @see close(2), fork(2), epoll(7)
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

    /// Ends the registration, releases ownership of the handle and returns it.
    [[nodiscard]] inline RawHandle release() noexcept {
        registration_.end();
        return std::exchange(handle_, invalid_handle);
    }

    using RawSource::add_to;
    using RawSource::modify_in;
    using RawSource::remove_from;
    using RawSource::renew_in;

  protected:
    /// Takes ownership of `handle`.
    inline explicit IoSource(RawHandle handle) noexcept : RawSource(handle) {}
};

/// A reference to a source of any type, and itself a source. For code that handles sources of several types and is
/// not a template: it takes an `AnySource`, which every source converts to. Two words; copyable; the referenced
/// object must outlive it.
///
/// `Registry::renew` fails with `Errc::unsupported` if the source is not a `RenewableSource`.
export class AnySource {
  public:
    template <class S>
        requires(!std::same_as<std::remove_cv_t<S>, AnySource> && Registrable<S>)
    constexpr AnySource(S& source) noexcept
        : object_(const_cast<std::remove_cv_t<S>*>(std::addressof(source))), call_(&call<S>) {}

    [[nodiscard]] inline Result<> add_to(const Registry& registry, Token token, Interest interest,
                                         Trigger trigger) const {
        return call_(object_, Verb::add, registry, token, interest, trigger);
    }
    [[nodiscard]] inline Result<> modify_in(const Registry& registry, Token token, Interest interest,
                                            Trigger trigger) const {
        return call_(object_, Verb::modify, registry, token, interest, trigger);
    }
    [[nodiscard]] inline Result<> remove_from(const Registry& registry) const {
        return call_(object_, Verb::remove, registry, {}, Interest::readable, {});
    }
    [[nodiscard]] inline Result<> renew_in(const Registry& registry) const {
        return call_(object_, Verb::renew, registry, {}, Interest::readable, {});
    }

  private:
    enum class Verb : std::uint8_t { add, modify, remove, renew };

    template <class S>
    static Result<> call(void* object, Verb verb, const Registry& registry, Token token, Interest interest,
                         Trigger trigger) {
        auto& source = *static_cast<S*>(object);
        switch (verb) {
        case Verb::add: return registry.add(source, token, interest, trigger);
        case Verb::modify: return registry.modify(source, token, interest, trigger);
        case Verb::remove: return registry.remove(source);
        case Verb::renew: break;
        }
        if constexpr (requires { registry.renew(source); }) {
            return registry.renew(source);
        } else {
            return std::unexpected(make_error_code(Errc::unsupported));
        }
    }

    void* object_;
    Result<> (*call_)(void*, Verb, const Registry&, Token, Interest, Trigger);
};

} // namespace mio
