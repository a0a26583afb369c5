// Without flags: Apple. A child that another thread starts between two calls inherits the descriptor; Apple offers
// no way to prevent that. The tests build this file on other systems, too.

module;

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

module mio.os.open;

import mio.core.error;
import mio.core.handle;
import mio.os;
import mio.std;

namespace mio::os {
namespace {

// Apple's option against SIGPIPE, which predates its MSG_NOSIGNAL.
#ifdef SO_NOSIGPIPE
constexpr int no_sigpipe = SO_NOSIGPIPE;
#else
constexpr int no_sigpipe = 0;
#endif

Result<> set_close_on_exec(RawHandle handle) noexcept { return check(::fcntl(handle, F_SETFD, FD_CLOEXEC)); }

// On failure `handle` is closed by its owner.
Result<OwnedHandle> finish(OwnedHandle handle) noexcept {
    if (auto done = set_close_on_exec(handle.get()); !done) return std::unexpected(done.error());
    // A new descriptor has no other flags to preserve.
    if (auto done = check(::fcntl(handle.get(), F_SETFL, O_NONBLOCK)); !done)
        return std::unexpected(done.error());
    return handle;
}

Result<> make_quiet(RawHandle socket) noexcept {
    if constexpr (no_sigpipe == 0) return {};
    constexpr int on = 1;
    return check(::setsockopt(socket, SOL_SOCKET, no_sigpipe, &on, sizeof on));
}

Result<OwnedHandle> finish_socket(OwnedHandle handle) noexcept {
    if (auto quiet = make_quiet(handle.get()); !quiet) return std::unexpected(quiet.error());
    return finish(std::move(handle));
}

} // namespace

Result<OwnedHandle> open_socket(int family, int type, int protocol) noexcept {
    auto handle = check_handle(::socket(family, type, protocol));
    if (!handle) return handle;
    return finish_socket(std::move(*handle));
}

Result<std::pair<OwnedHandle, OwnedHandle>> open_socket_pair(int family, int type, int protocol) noexcept {
    int handles[2];
    if (::socketpair(family, type, protocol, handles) == -1) return std::unexpected(last_error());
    // Both have an owner before any call can fail.
    OwnedHandle raw_first(handles[0]);
    OwnedHandle raw_second(handles[1]);
    auto first = finish_socket(std::move(raw_first));
    if (!first) return std::unexpected(first.error());
    auto second = finish_socket(std::move(raw_second));
    if (!second) return std::unexpected(second.error());
    return std::pair(std::move(*first), std::move(*second));
}

Result<OwnedHandle> accept_socket(RawHandle listener, ::sockaddr* peer, ::socklen_t* length) noexcept {
    auto handle = check_handle(::accept(listener, peer, length));
    if (!handle) return handle;
    // The option is inherited from the listener; setting it fails with EINVAL if the connection is already closed.
    [[maybe_unused]] const auto ignored = make_quiet(handle->get());
    return finish(std::move(*handle));
}

Result<PipeEnds> open_pipe() noexcept {
    int handles[2];
    if (::pipe(handles) == -1) return std::unexpected(last_error());
    OwnedHandle raw_receiver(handles[0]);
    OwnedHandle raw_sender(handles[1]);
    auto receiver = finish(std::move(raw_receiver));
    if (!receiver) return std::unexpected(receiver.error());
    auto sender = finish(std::move(raw_sender));
    if (!sender) return std::unexpected(sender.error());
    return PipeEnds{std::move(*receiver), std::move(*sender)};
}

Result<std::size_t> receive_message(RawHandle handle, ::msghdr& message) noexcept {
    const auto count = check_count(::recvmsg(handle, &message, 0));
    // This cannot fail for an open descriptor; the message has been received, and its descriptors need their owner.
    if (count) {
        for_each_passed(message, [](RawHandle passed) {
            [[maybe_unused]] const auto ignored = set_close_on_exec(passed);
        });
    }
    return count;
}

} // namespace mio::os
