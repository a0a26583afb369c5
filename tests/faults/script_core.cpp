// Polls, wakers, clones of registries, raw sources and signals.

#include <array>
#include <csignal>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "trap.hpp"

#include "script.hpp"

namespace faults {
namespace {

constexpr Token first{1}, second{2};

void wakers() {
    Loop loop;
    const auto clone = attempt("try_clone", [&] { return loop.registry().try_clone(); });
    auto a = attempt("Waker::create", [&] { return mio::Waker::create(loop.registry(), first); });
    auto b = attempt("Waker::create", [&] { return mio::Waker::create(clone, second); });
    attempt("wake", [&] { return a.wake(); });
    attempt("wake", [&] { return a.wake(); });
    loop.expect(first, "first waker");
    attempt("wake", [&] { return b.wake(); });
    loop.expect(second, "second waker");
    attempt("poll_until", [&] {
        auto polled = loop.poll.poll_until(loop.events, std::chrono::steady_clock::now() + 100us);
        check(polled || !mio::interrupted(polled.error()), "poll_until retries after EINTR");
        return polled;
    });
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
    attempt("remove handle", [&] { return loop.registry().remove(handle); });
}

// A change that fails leaves the registration as it was.
void failed_changes() {
    Loop loop;
    auto [sender, receiver] = attempt("make_pipe", [] { return mio::net::make_pipe(); });
    mio::RawSource source(receiver.raw());
    const auto& registry = loop.registry();
    std::array<std::byte, 8> buffer{};
    // Calls `change`, and if it fails, expects an event with `before`.
    const auto try_change = [&](const char* what, Token before, auto change) {
        attempt(what, [&] {
            auto changed = change();
            if (changed || armed_fault().times != 1) return changed;
            attempt("write", [&] { return sender.write(bytes_of("x")); });
            loop.expect(before, what);
            attempt("read", [&] { return receiver.read(buffer); });
            return changed;
        });
    };
    for (const auto trigger : {Trigger::edge, Trigger::level, Trigger::oneshot}) {
        attempt("add", [&] { return registry.add(source, first, Interest::readable, trigger); });
        try_change("renew", first, [&] { return registry.renew(source); });
        try_change("modify", first,
                   [&] { return registry.modify(source, second, Interest::readable, Trigger::level); });
        try_change("modify back", second,
                   [&] { return registry.modify(source, first, Interest::readable, trigger); });
        attempt("remove", [&] { return registry.remove(source); });
    }
}

void signals() {
    Loop loop;
    auto signals = attempt("Signals::create", [] { return mio::Signals::create({mio::Signal::user1}); });
    attempt("add", [&] { return loop.registry().add(signals, first, Interest::readable); });
    pass(SYS_tgkill, ::getpid(), ::gettid(), SIGUSR1);
    loop.expect(first, "signal");
    const auto got = loop.eventually("receive", [&] { return signals.receive(); });
    check(got.signal == mio::Signal::user1, "SIGUSR1 was received");
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
    for (int i = 0; i < most_attempts; ++i) {
        const auto status = attempt("try_wait", [&] { return child.try_wait(); });
        if (status) return check(status->code == std::uint32_t{7}, "the child exited with 7");
        loop.wait();
    }
    report("try_wait: waits in vain");
}

} // namespace

const Part core_parts[] = {
    {"wakers", &wakers},   {"raw sources", &raw_sources}, {"failed changes", &failed_changes},
    {"signals", &signals}, {"children", &children},       {},
};

} // namespace faults
