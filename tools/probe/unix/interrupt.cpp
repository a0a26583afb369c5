#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "shared.hpp"

namespace probe {

namespace {

// The data of the signal handler.
std::atomic<bool> signal_came = false;
std::atomic<int> signal_handle = mio::invalid_handle;
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

void on_signal(int) {
    const int error = errno;
    signal_came = true;
    const char byte = 0;
    [[maybe_unused]] const auto ignored = ::write(signal_handle, &byte, 1); // a full pipe is readable already
    errno = error;
}

bool is_ignored(int signal) {
    struct ::sigaction action{};
    return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

void set_handler(void (*handler)(int), int flags) {
    struct ::sigaction action{};
    action.sa_handler = handler;
    action.sa_flags = flags;
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        if (signal != SIGHUP || !is_ignored(signal)) ::sigaction(signal, &action, nullptr);
    }
}

} // namespace

Interrupt::Interrupt() : source_(mio::invalid_handle) {
    auto [sender, receiver] = must(mio::net::make_pipe(), "pipe");
    reading_end_ = mio::OwnedHandle(receiver.release());
    writing_end_ = mio::OwnedHandle(sender.release());
    source_ = mio::RawSource(reading_end_.get());
    signal_handle = writing_end_.get();
    set_handler(on_signal, static_cast<int>(SA_RESETHAND));
}

Interrupt::~Interrupt() { set_handler(SIG_DFL, 0); }

bool Interrupt::requested() const noexcept { return signal_came; }

void Interrupt::wait(std::chrono::milliseconds limit) const noexcept {
    ::pollfd entry{.fd = reading_end_.get(), .events = POLLIN, .revents = 0};
    ::poll(&entry, 1, static_cast<int>(std::clamp<long long>(limit.count(), 0, INT_MAX)));
}

} // namespace probe
