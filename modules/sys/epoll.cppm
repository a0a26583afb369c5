/// @file
/// The epoll backend: Linux and Android.

module;

#include <sys/epoll.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

export module mio.sys.epoll;

import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.owned_handle;
import mio.core.types;
import mio.sys.wakers;

namespace mio::sys::epoll {

/// What the kernel writes for each event.
/// @see epoll_wait(2)
export using Record = ::epoll_event;

/// What a Record's `events` mean, as a set of predicates:
///
/// | predicate    | flags                                                                    |
/// |--------------|--------------------------------------------------------------------------|
/// | readable     | EPOLLIN or EPOLLPRI                                                      |
/// | writable     | EPOLLOUT                                                                 |
/// | priority     | EPOLLPRI                                                                 |
/// | error        | EPOLLERR                                                                 |
/// | read_closed  | EPOLLHUP, or EPOLLIN with EPOLLRDHUP                                     |
/// | write_closed | EPOLLHUP, or EPOLLOUT with EPOLLERR, or EPOLLERR and nothing else        |
///
/// aio and lio are never reported. A closed writing side is not reported for a local `shutdown(SHUT_WR)`.
export constexpr Readiness decode(std::uint32_t events) noexcept {
    auto readiness = Readiness::none;
    if (events & (EPOLLIN | EPOLLPRI)) readiness |= Readiness::readable;
    if (events & EPOLLOUT) readiness |= Readiness::writable;
    if (events & EPOLLPRI) readiness |= Readiness::priority;
    if (events & EPOLLERR) readiness |= Readiness::error;
    if ((events & EPOLLHUP) || ((events & EPOLLIN) && (events & EPOLLRDHUP)))
        readiness |= Readiness::read_closed;
    if ((events & EPOLLHUP) || ((events & EPOLLOUT) && (events & EPOLLERR)) || events == EPOLLERR) {
        readiness |= Readiness::write_closed;
    }
    return readiness;
}

static_assert(decode(EPOLLIN) == Readiness::readable);
static_assert(decode(EPOLLOUT) == Readiness::writable);
static_assert(decode(EPOLLPRI) == (Readiness::readable | Readiness::priority));
static_assert(decode(EPOLLRDHUP) == Readiness::none);
static_assert(decode(EPOLLIN | EPOLLRDHUP) == (Readiness::readable | Readiness::read_closed));
static_assert(decode(EPOLLHUP) == (Readiness::read_closed | Readiness::write_closed));
static_assert(decode(EPOLLERR) == (Readiness::error | Readiness::write_closed));
static_assert(decode(EPOLLIN | EPOLLERR) == (Readiness::readable | Readiness::error));
static_assert(decode(EPOLLOUT | EPOLLERR)
              == (Readiness::writable | Readiness::error | Readiness::write_closed));

export class Waker;

/// One epoll instance. It keeps no state per source: the kernel does.
/// @see epoll(7)
export class Selector {
  public:
    using Waker = epoll::Waker;

    static constexpr std::string_view name = "epoll";
    static constexpr std::size_t record_size = sizeof(Record);

    struct Parts {
        OwnedHandle epoll;
    };
    [[nodiscard]] static Result<Parts> open() noexcept;
    explicit Selector(Parts&& parts) noexcept;
    Selector(const Selector&) = delete;
    Selector& operator=(const Selector&) = delete;

    [[nodiscard]] Result<> select(Events& events, std::optional<std::chrono::nanoseconds> timeout) noexcept;
    [[nodiscard]] int wait(Events&) noexcept;
    [[nodiscard]] int wait_for(Events&, std::chrono::nanoseconds timeout) noexcept;

    [[nodiscard]] Result<std::uint64_t> add(RawHandle, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> modify(RawHandle, std::uint64_t state, Token, Interest, Trigger) noexcept;
    [[nodiscard]] Result<> remove(RawHandle, std::uint64_t state) noexcept;
    [[nodiscard]] inline bool owns(std::uint64_t state) const noexcept { return state == id_; }

    [[nodiscard]] inline static Result<> rearm(std::uint64_t, Interest) noexcept { return {}; }
    inline static void error_taken(std::uint64_t) noexcept {}
    inline static void forget(std::uint64_t) noexcept {}

    [[nodiscard]] inline int raw_fd() const noexcept { return epoll_.get(); }
    [[nodiscard]] static std::string describe(const Event&);

  private:
    friend class epoll::Waker;

    [[nodiscard]] int fail_to_wait(Events&, std::optional<std::chrono::nanoseconds>, int code) noexcept;
    [[nodiscard]] int take(Events&, int count) noexcept;
    [[nodiscard]] int settle(const Events&) noexcept;

    const OwnedHandle epoll_;
    const std::uint64_t id_; // what sources remember; never given twice in a process
    Wakers wakers_;
};

/// An eventfd in an epoll instance. Each write is an edge, so that it need not be read.
/// @see eventfd(2)
export class Waker : PendingWake {
  public:
    /// The eventfd, already added to the epoll instance.
    struct Parts {
        OwnedHandle eventfd;
    };
    [[nodiscard]] static Result<Parts> open(Selector&, Token) noexcept;
    Waker(Selector&, Token, Parts&&) noexcept;

    [[nodiscard]] Result<> wake() noexcept;

  private:
    const OwnedHandle eventfd_;
};

} // namespace mio::sys::epoll
