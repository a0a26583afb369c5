// Unix sockets, descriptors that are passed, pipes and transfers inside the kernel.

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/syscall.h>

#include "trap.hpp"

#include "script.hpp"

namespace faults {

const char* socket_path;
const char* other_path;
const char* file_path;

namespace {

using namespace mio::net;

constexpr Token listening{1}, receiving{2};

// Removes a file, whatever fails.
void remove_file(const char* path) { pass(SYS_unlinkat, AT_FDCWD, path, 0); }

// The file that a step leaves behind.
struct Left {
    const char* path;
    ~Left() { remove_file(path); }
};

void streams() {
    const Left left{socket_path};
    Loop loop;
    auto listener = attempt("UnixListener::bind", [] { return UnixListener::bind(socket_path); });
    attempt("add", [&] { return loop.registry().add(listener, listening, Interest::readable); });
    auto client = loop.eventually("connect", [] { return UnixStream::connect(socket_path); });
    auto [server, peer] = loop.eventually("accept", [&] { return listener.accept(); });
    check(attempt("peer_credentials", [&] { return client.peer_credentials(); }).process.has_value(),
          "process");
    attempt("peer_address", [&] { return client.peer_address(); });
    attempt("add",
            [&] { return loop.registry().add(server, receiving, Interest::readable, Trigger::level); });
    std::array<std::byte, 16> buffer{};
    loop.eventually("write", [&] { return client.write(bytes_of("x")); });
    loop.expect(receiving, "data");
    check(loop.eventually("peek", [&] { return server.peek(buffer); }) == 1, "peek");
    check(loop.eventually("read", [&] { return server.read(buffer); }) == 1, "read");
    const std::array<IoSlice, 2> slices{bytes_of("d"), bytes_of("ef")};
    loop.eventually("write_vectored", [&] { return client.write_vectored(slices); });
    const std::array<IoSliceMut, 1> rooms{std::span<std::byte>(buffer)};
    check(loop.eventually("read_vectored", [&] { return server.read_vectored(rooms); }) == 3,
          "read_vectored");
    attempt("local_address", [&] { return listener.local_address(); });
    attempt("local_address", [&] { return client.local_address(); });
    attempt("shutdown", [&] { return client.shutdown(Shutdown::write); });
}

void sockets() {
    const Left left{socket_path};
    const auto address = *UnixAddress::from_path(socket_path);
    Loop loop;
    auto socket = attempt("UnixSocket::create", [] { return UnixSocket::create(); });
    attempt("bind", [&] { return socket.bind(address); });
    check(attempt("local_address", [&] { return socket.local_address(); }) == address, "local_address");
    const auto listener = attempt("listen", [&] { return std::move(socket).listen(5); });
    auto other = attempt("UnixSocket::create", [] { return UnixSocket::create(); });
    const auto client = loop.eventually("connect", [&] { return std::move(other).connect(address); });
    check(attempt("peer_address", [&] { return client.peer_address(); }) == address, "peer_address");
}

UnixListener replace() {
    return attempt("bind_replacing", [] {
        auto listener = UnixListener::bind_replacing(socket_path);
        // A full queue belongs to a listener.
        const bool is_in_use = !listener && listener.error() == std::errc::address_in_use;
        if (is_in_use && has_fired() && armed_fault().error == EAGAIN) throw Abandoned{};
        return listener;
    });
}

void replacing() {
    const Left left{socket_path};
    static_cast<void>(replace());
    const auto listener = replace();
    const auto third = UnixListener::bind_replacing(socket_path);
    if (third && !has_fired()) return report("bind_replacing: replaces a listener in use");
    if (!third && third.error() != std::errc::address_in_use && !is_the_fault(third.error()))
        fail("bind_replacing", third.error());
    const auto client = UnixStream::connect(socket_path);
    if (!client && !is_the_fault(client.error())) fail("connect", client.error());
}

void datagrams() {
    const Left left{other_path};
    Loop loop;
    auto a = attempt("unbound", [] { return UnixDatagram::unbound(); });
    auto b = attempt("UnixDatagram::bind", [] { return UnixDatagram::bind(other_path); });
    attempt("add", [&] { return loop.registry().add(b, receiving, Interest::readable); });
    loop.eventually("send_to", [&] { return a.send_to(bytes_of("one"), other_path); });
    std::array<std::byte, 16> buffer{};
    check(loop.eventually("peek_from", [&] { return b.peek_from(buffer); }).first == 3, "peek_from");
    check(loop.eventually("receive_from", [&] { return b.receive_from(buffer); }).first == 3, "receive_from");
    loop.eventually("connect", [&] { return a.connect(other_path); });
    attempt("peer_address", [&] { return a.peer_address(); });
    attempt("local_address", [&] { return b.local_address(); });
    loop.eventually("send", [&] { return a.send(bytes_of("four")); });
    check(loop.eventually("peek", [&] { return b.peek(buffer); }) == 4, "peek");
    check(loop.eventually("receive", [&] { return b.receive(buffer); }) == 4, "receive");

    auto [c, d] = attempt("pair", [] { return UnixDatagram::pair(); });
    attempt("add", [&] { return loop.registry().add(d, listening, Interest::readable); });
    auto [sender, receiver] = attempt("make_pipe", [] { return make_pipe(); });
    const std::array<mio::RawHandle, 1> handles{sender.raw()};
    loop.eventually("send_with_fds", [&] { return c.send_with_fds(bytes_of("two"), handles); });
    std::array<mio::OwnedHandle, 1> received;
    const auto got =
        loop.eventually("receive_with_fds", [&] { return d.receive_with_fds(buffer, received); });
    check(got.bytes == 3 && got.fds == 1, "one descriptor");
    attempt("shutdown", [&] { return c.shutdown(Shutdown::write); });
}

void descriptors() {
    Loop loop;
    auto [a, b] = attempt("pair", [] { return UnixStream::pair(); });
    attempt("add", [&] { return loop.registry().add(b, receiving, Interest::readable); });
    auto [sender, receiver] = attempt("make_pipe", [] { return make_pipe(); });
    const std::array<mio::RawHandle, 2> handles{sender.raw(), receiver.raw()};
    loop.eventually("send_with_fds", [&] { return a.send_with_fds(bytes_of("two"), handles); });
    std::array<std::byte, 16> buffer{};
    std::array<mio::OwnedHandle, 2> received;
    const auto got =
        loop.eventually("receive_with_fds", [&] { return b.receive_with_fds(buffer, received); });
    check(got.bytes == 3 && got.fds == 2 && !got.fds_truncated, "two descriptors");
    // More descriptors than there is room for.
    loop.eventually("send_with_fds", [&] { return a.send_with_fds(bytes_of("two"), handles); });
    const auto fewer = loop.eventually(
        "receive_with_fds", [&] { return b.receive_with_fds(buffer, std::span(received).first(1)); });
    check(fewer.fds == 1 && fewer.fds_truncated, "one of two descriptors");
}

void pipes() {
    Loop loop;
    auto [sender, receiver] = attempt("make_pipe", [] { return make_pipe(); });
    attempt("add", [&] { return loop.registry().add(receiver, receiving, Interest::readable); });
    attempt("set_nonblocking", [&] { return receiver.set_nonblocking(false); });
    attempt("set_nonblocking", [&] { return receiver.set_nonblocking(true); });
    attempt("set_nonblocking", [&] { return sender.set_nonblocking(true); });
    loop.eventually("write", [&] { return sender.write(bytes_of("abc")); });
    std::array<std::byte, 16> buffer{};
    check(loop.eventually("read", [&] { return receiver.read(buffer); }) == 3, "read");
    const std::array<IoSlice, 2> slices{bytes_of("d"), bytes_of("ef")};
    loop.eventually("write_vectored", [&] { return sender.write_vectored(slices); });
    const std::array<IoSliceMut, 1> rooms{std::span<std::byte>(buffer)};
    check(loop.eventually("read_vectored", [&] { return receiver.read_vectored(rooms); }) == 3,
          "read_vectored");
    // Without SIGPIPE, which is left blocked only if it cannot be taken back.
    const auto is_quiet = [] {
        ::sigset_t pending, blocked;
        ::sigpending(&pending);
        ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
        return sigismember(&pending, SIGPIPE) == 0 && sigismember(&blocked, SIGPIPE) == 0;
    };
    receiver = std::move(attempt("make_pipe", [] { return make_pipe(); }).second);
    for (int i = 0; i < most_attempts; ++i) {
        const auto written = sender.write(bytes_of("x"));
        check(!written, "a broken pipe");
        const bool is_refused = armed_fault().number == SYS_rt_sigtimedwait && armed_fault().error == EPERM;
        check(is_quiet() || (has_fired() && is_refused), "no SIGPIPE");
        if (written.error() == std::errc::broken_pipe) return;
        if (!mio::would_block(written.error()) && !is_the_fault(written.error()))
            fail("write to a broken pipe", written.error());
    }
    give_up("write to a broken pipe");
}

void transfers() {
    Loop loop;
    auto [a, b] = attempt("pair", [] { return UnixStream::pair(); });
    attempt("add", [&] { return loop.registry().add(b, receiving, Interest::readable); });
    const mio::OwnedHandle file(
        static_cast<int>(pass(SYS_openat, AT_FDCWD, file_path, O_RDONLY | O_CLOEXEC)));
    std::size_t sent = 0;
    while (sent < 10)
        sent += loop.eventually("send_file", [&] { return send_file(a, file.get(), sent, 10 - sent); });
    std::array<std::byte, 16> buffer{};
    check(loop.eventually("read", [&] { return b.read(buffer); }) == 10, "read");
    auto [sender, receiver] = attempt("make_pipe", [] { return make_pipe(); });
    loop.eventually("write", [&] { return sender.write(bytes_of("abc")); });
    check(loop.eventually("splice", [&] { return splice(receiver, a, 3); }) == 3, "splice");
    check(loop.eventually("read", [&] { return b.read(buffer); }) == 3, "read");
}

} // namespace

const Part local_parts[] = {
    {"unix streams", &streams},     {"unix sockets", &sockets},
    {"bind_replacing", &replacing}, {"unix datagrams", &datagrams},
    {"descriptors", &descriptors},  {"pipes", &pipes},
    {"transfers", &transfers},      {},
};

} // namespace faults
