// Polls, wakers, clones of registries, raw sources and signals.

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <exception>
#include <initializer_list>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "trap.hpp"

#include "script.hpp"

import mio.sys.epoll;

namespace faults {
namespace {

constexpr Token first{1}, second{2};

// A full counter or pipe is emptied.
void wake(const mio::Waker& waker, auto&... counters) {
    attempt("wake", [&] {
        auto woken = waker.wake(counters...);
        check(woken || !is_transient(woken.error().value()), "wake retries after EINTR and EAGAIN");
        return woken;
    });
}

void wakers() {
    Loop loop;
    const auto clone = attempt("try_clone", [&] { return loop.registry().try_clone(); });
    auto a = attempt("Waker::create", [&] { return mio::Waker::create(loop.registry(), first); });
    auto b = attempt("Waker::create", [&] { return mio::Waker::create(clone, second); });
    wake(a);
    wake(a);
    loop.expect(first, "first waker");
    wake(b);
    loop.expect(second, "second waker");
    const auto poll_until = [&](auto&... counters) {
        auto polled =
            loop.poll.poll_until(loop.events, std::chrono::steady_clock::now() + 100us, counters...);
        check(polled || !mio::interrupted(polled.error()), "poll_until retries after EINTR");
        return polled;
    };
    mio::PollCounters counters;
    attempt("poll_until", [&] { return poll_until(); });
    attempt("poll_until", [&] { return poll_until(counters); });
    wake(a, counters);
    attempt("poll", [&] { return loop.poll.poll(loop.events, 20ms, counters); });
    attempt("poll", [&] { return loop.poll.poll(loop.events, 0ns); });
    loop.poll.set_spin(10us);
    attempt("poll", [&] { return loop.poll.poll(loop.events, 20us); });
}

void raw_sources() {
    Loop loop;
    auto [sender, receiver] = attempt("make_pipe", [] { return mio::net::make_pipe(); });
    mio::RawSource source(receiver.raw());
    attempt("add", [&] { return loop.registry().add(source, first, Interest::readable); });
    attempt("modify",
            [&] { return loop.registry().modify(source, second, Interest::readable, Trigger::level); });
    attempt("write", [&] { return sender.write(bytes_of("x")); });
    loop.expect(second, "raw source");
    attempt("renew", [&] { return loop.registry().renew(source); });
    attempt("remove", [&] { return loop.registry().remove(source); });

    const auto handle = receiver.raw();
    attempt("add handle",
            [&] { return loop.registry().add(handle, first, Interest::readable, Trigger::oneshot); });
    loop.expect(first, "handle");
    attempt("modify handle", [&] { return loop.registry().modify(handle, second, Interest::readable); });
    loop.expect(second, "modified handle");
    std::array<std::byte, 8> buffer{};
    loop.eventually("try_io", [&] {
        return loop.registry().try_io(handle, Interest::readable, [&] { return receiver.read(buffer); });
    });
    attempt("exhausted", [&] { return loop.registry().exhausted(handle, Interest::readable); });
    attempt("renew handle", [&] { return loop.registry().renew(handle); });
    attempt("remove handle", [&] { return loop.registry().remove(handle); });

    const mio::AnySource any(source);
    attempt("add any", [&] { return loop.registry().add(any, first, Interest::readable); });
    attempt("modify any", [&] { return loop.registry().modify(any, second, Interest::readable); });
    attempt("renew any", [&] { return loop.registry().renew(any); });
    attempt("remove any", [&] { return loop.registry().remove(any); });
}

// A thread that polls until this object is destroyed. Its waits have no timeout, so that only events end them.
class Waiting {
  public:
    explicit Waiting(Loop& loop) : loop_(loop) {
        attempt("add",
                [&] { return loop.registry().add(source_, stop, Interest::readable, Trigger::level); });
        for (int i = 0; !thread_.joinable(); ++i) {
            if (i == most_attempts) give_up("a thread");
            try {
                thread_ = std::thread([this] { poll(); });
            } catch (const std::exception&) {
                check(has_fired(), "a thread without a fault");
            }
        }
    }
    ~Waiting() {
        pass(SYS_write, ends_.first.raw(), "x", 1);
        thread_.join();
    }

    /// Returns when the thread waits.
    void settle() {
        until([] { return is_waiting(); }, "poll beside changes");
    }
    void expect(Token token, const char* what) {
        until([&] { return seen_[token.value].exchange(false); }, what);
    }

  private:
    static constexpr Token stop{0};

    void poll() {
        for (int failures = 0; failures < most_attempts;) {
            const auto polled = loop_.poll.poll(loop_.events);
            if (!polled && !is_the_fault(polled.error())) {
                report("poll beside changes: unexpected error %d", polled.error().value());
                break;
            }
            if (!polled) ++failures;
            for (const auto& event : loop_.events) {
                if (event.token() == stop) return;
                seen_[event.token().value] = true;
            }
        }
        has_given_up_ = true;
    }
    template <class F> void until(F&& condition, const char* what) {
        for (const auto end = std::chrono::steady_clock::now() + 4s; !condition();) {
            if (has_given_up_) give_up(what);
            if (std::chrono::steady_clock::now() > end) {
                report("%s: no event", what);
                throw Abandoned{};
            }
            std::this_thread::sleep_for(100us);
        }
    }

    Loop& loop_;
    std::pair<mio::net::PipeSender, mio::net::PipeReceiver> ends_ =
        attempt("make_pipe", [] { return mio::net::make_pipe(); });
    mio::RawSource source_{ends_.second.raw()};
    std::array<std::atomic<bool>, 4> seen_{}; // by token
    std::atomic<bool> has_given_up_ = false;
    std::thread thread_;
};

void changes_beside_a_wait() {
    constexpr Token woken{3};
    Loop loop;
    auto [sender, receiver] = attempt("make_pipe", [] { return mio::net::make_pipe(); });
    const auto waker = attempt("Waker::create", [&] { return mio::Waker::create(loop.registry(), woken); });
    const auto send = [&] { pass(SYS_write, sender.raw(), "x", 1); };
    Waiting waiting(loop);
    waiting.settle();
    attempt("add", [&] { return loop.registry().add(receiver, first, Interest::readable); });
    send();
    waiting.expect(first, "add beside a wait");
    waiting.settle();
    attempt("modify", [&] { return loop.registry().modify(receiver, second, Interest::readable); });
    waiting.expect(second, "modify beside a wait");
    waiting.settle();
    attempt("renew", [&] { return loop.registry().renew(receiver); });
    waiting.expect(second, "renew beside a wait");
    waiting.settle();
    // Until the pipe is empty, after which an event is owed.
    std::array<std::byte, 8> buffer{};
    for (int i = 0;; ++i) {
        const auto got = receiver.read(buffer);
        if (!got && mio::would_block(got.error())) break;
        if (!got && !is_the_fault(got.error())) fail("read beside a wait", got.error());
        if (i == most_attempts) give_up("read beside a wait");
    }
    send();
    waiting.expect(second, "data beside a wait");
    waiting.settle();
    wake(waker);
    waiting.expect(woken, "wake beside a wait");
    waiting.settle();
    attempt("remove", [&] { return loop.registry().remove(receiver); });
}

void texts() {
    Loop loop;
    const auto waker = attempt("Waker::create", [&] { return mio::Waker::create(loop.registry(), first); });
    wake(waker);
    loop.expect(first, "waker");
    const auto is_text = [](auto&&... arguments) {
        check(!construct([&] { return to_string(arguments...); }).empty(), "to_string");
    };
    is_text(loop.events[0]);
    is_text(Interest::readable | Interest::writable);
    is_text(mio::Signal::user1);
    check(!construct([&] { return describe(loop.events[0]); }).empty(), "describe");
}

// A registration, and changes of it. One that fails leaves it as it was.
struct Registered {
    Loop loop;
    std::pair<mio::net::PipeSender, mio::net::PipeReceiver> ends =
        attempt("make_pipe", [] { return mio::net::make_pipe(); });
    mio::RawSource source{ends.second.raw()};

    // Calls `change`. If it fails, expects an event with `before`.
    template <class F> mio::Result<> change(const char* what, Token before, F&& change) {
        return attempt_if_possible(what, [&] {
            const mio::Result<> changed = change();
            if (changed || !is_the_fault(changed.error()) || armed_fault().times != 1) return changed;
            std::array<std::byte, 8> buffer{};
            attempt("write", [&] { return ends.first.write(bytes_of("x")); });
            loop.expect(before, what);
            attempt("read", [&] { return ends.second.read(buffer); });
            return changed;
        });
    }
};

void failed_changes() {
    Registered made;
    auto& source = made.source;
    const auto& registry = made.loop.registry();
    for (const auto trigger : {Trigger::edge, Trigger::level, Trigger::oneshot}) {
        attempt("add", [&] { return registry.add(source, first, Interest::readable, trigger); });
        made.change("renew", first, [&] { return registry.renew(source); }).value();
        made.change("modify", first,
                    [&] { return registry.modify(source, second, Interest::readable, Trigger::level); })
            .value();
        made.change("modify back", second,
                    [&] { return registry.modify(source, first, Interest::readable, trigger); })
            .value();
        attempt("remove", [&] { return registry.remove(source); });
    }
}

void options_of_epoll() {
    using mio::sys::epoll::WatchOptions;
    Registered made;
    const auto& registry = made.loop.registry();
    const auto handle = made.source.raw();
    attempt("add", [&] { return registry.add(made.source, first, Interest::readable); });
    const auto options = [&] {
        return attempt_if_possible("watch_options",
                                   [&] { return mio::sys::epoll::watch_options(registry, handle); });
    };
    WatchOptions now;
    for (const WatchOptions& wanted : {WatchOptions{.prevents_suspend = true},
                                       WatchOptions{.is_exclusive = true, .prevents_suspend = true},
                                       WatchOptions{.is_exclusive = true}, WatchOptions{}}) {
        const auto changed = made.change("set_watch_options", first, [&] {
            auto set = mio::sys::epoll::set_watch_options(registry, handle, wanted);
            // The registration is lost if there is no memory twice.
            if (!set && set.error() == mio::Errc::not_registered && may_give_up()) throw Abandoned{};
            if (!set && armed_fault().times == 1) check(options().value_or(now) == now, "unchanged options");
            return set;
        });
        if (!changed) return;
        now = wanted;
        check(options() == now, "watch_options");
    }
    attempt_each(
        "busy polling",
        [&] { return mio::sys::epoll::set_busy_poll(made.loop.poll.raw_fd(), {.time = 1us}); },
        [&] { return mio::sys::epoll::busy_poll(made.loop.poll.raw_fd()); });
}

void signals() {
    Loop loop;
    auto signals = attempt("Signals::create", [] { return mio::Signals::create({mio::Signal::user1}); });
    attempt("add", [&] { return loop.registry().add(signals, first, Interest::readable); });
    pass(SYS_tgkill, ::getpid(), ::gettid(), SIGUSR1);
    loop.expect(first, "signal");
    const auto got = loop.eventually("receive", [&] { return signals.receive(); });
    check(got.signal == mio::Signal::user1, "SIGUSR1 was received");
    attempt("modify", [&] { return loop.registry().modify(signals, second, Interest::readable); });
    attempt("renew", [&] { return loop.registry().renew(signals); });
    attempt("remove", [&] { return loop.registry().remove(signals); });
}

void children() {
    Loop loop;
    const auto id = ::fork();
    if (id == 0) ::_exit(7);
    struct Reaper { // without the library
        pid_t id;
        ~Reaper() { pass(SYS_wait4, id, 0, 0, 0); }
    } reaper{id};
    auto child = attempt("Child::watch", [&] { return mio::Child::watch(id); });
    attempt("add", [&] { return loop.registry().add(child, first, Interest::readable); });
    loop.expect(first, "child");
    attempt("modify", [&] { return loop.registry().modify(child, second, Interest::readable); });
    attempt("renew", [&] { return loop.registry().renew(child); });
    attempt("remove", [&] { return loop.registry().remove(child); });
    attempt("send", [&] { return child.send(mio::Signal::user1); });
    // Another handle of the same child, where there are any.
    mio::OwnedHandle other(static_cast<int>(pass(SYS_fcntl, child.raw(), F_DUPFD_CLOEXEC, 0)));
    if (attempt_if_possible("from_raw", [&] { return mio::Child::from_raw(other.get()); }))
        static_cast<void>(other.take());
    for (int i = 0; i < most_attempts; ++i) {
        const auto status = attempt("try_wait", [&] { return child.try_wait(); });
        if (status) return check(status->code == std::uint32_t{7}, "the child exited with 7");
        std::this_thread::yield();
    }
    report("try_wait: waits in vain");
}

} // namespace

const Part core_parts[] = {
    {"wakers", &wakers},
    {"raw sources", &raw_sources},
    {"failed changes", &failed_changes},
    {"changes beside a wait", &changes_beside_a_wait},
    {"options of epoll", &options_of_epoll},
    {"signals", &signals},
    {"children", &children},
    {"texts", &texts},
    {},
};

} // namespace faults
