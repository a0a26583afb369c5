// Regression tests for known defects of Mio that concern Unix.
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "posix.hpp"
#include "tcp.hpp"

using namespace test;

namespace {

using mio::net::UnixDatagram;
using mio::net::UnixListener;
using mio::net::UnixStream;

constexpr Token first{1};

mio::net::UnixAddress unused_unix_address() {
    static std::atomic<int> count = 0;
    const auto path = std::filesystem::temp_directory_path()
                      / ("mio-checklist-" + std::to_string(::getpid()) + "-" + std::to_string(++count));
    return must(mio::net::UnixAddress::from_path(path.string()));
}

/// A listener whose path is removed at the end.
struct NamedListener {
    mio::net::UnixAddress address = unused_unix_address();
    UnixListener listener = must(UnixListener::bind(address));

    ~NamedListener() { ::unlink(std::string(*address.path()).c_str()); }
};

} // namespace

TEST(UnixListener, ReportsTheNextConnectionAfterDraining) {
    Loop loop;
    NamedListener named;
    ASSERT_TRUE(ok(loop.registry().add(named.listener, first, Interest::readable)));
    for (int i = 0; i < 3; ++i) {
        const auto client = must(UnixStream::connect(named.address));
        loop.expect({{first, Interest::readable}});
        ASSERT_TRUE(ok(named.listener.accept()));
        ASSERT_TRUE(blocks(named.listener.accept()));
    }
}

TEST(Descriptors, EveryDescriptorIsNonBlocking) {
    NamedListener named;
    const auto client = must(UnixStream::connect(named.address));
    const auto accepted = must(named.listener.accept());
    const auto streams = must(UnixStream::pair());
    const auto datagrams = must(UnixDatagram::pair());
    const auto pipe = must(mio::net::make_pipe());
    const auto tcp = tcp_pair();
    const auto listener = must(TcpListener::bind(local_v4()));
    const auto socket = must(TcpSocket::v6());
    const auto udp = must(mio::net::UdpSocket::bind(local_v4()));
    for (const auto handle :
         {named.listener.raw(), client.raw(), accepted.first.raw(), streams.first.raw(), streams.second.raw(),
          datagrams.first.raw(), datagrams.second.raw(), pipe.first.raw(), pipe.second.raw(),
          tcp.client.raw(), tcp.server.raw(), listener.raw(), socket.raw(), udp.raw()}) {
        EXPECT_TRUE(is_non_blocking(handle));
        EXPECT_TRUE(is_close_on_exec(handle));
    }
}

TEST(Writing, NeverRaisesSigpipe) {
    EXPECT_TRUE(holds_in_child([] {
        ASSERT_NE(std::signal(SIGPIPE, SIG_DFL), SIG_ERR);
        auto [stream, peer] = must(UnixStream::pair());
        auto [sender, receiver] = must(mio::net::make_pipe());
        {
            const auto gone = std::move(peer);
        }
        {
            const auto gone = std::move(receiver);
        }
        const std::array<mio::net::IoSlice, 2> slices{bytes_of("a"), bytes_of("b")};
        EXPECT_TRUE(fails_with(stream.write(bytes_of("x")), std::errc::broken_pipe));
        EXPECT_TRUE(fails_with(stream.write_vectored(slices), std::errc::broken_pipe));
        EXPECT_TRUE(fails_with(sender.write(bytes_of("x")), std::errc::broken_pipe));
        EXPECT_TRUE(fails_with(sender.write_vectored(slices), std::errc::broken_pipe));
    }));
}

TEST(UnixListener, ReportsUnboundClientAsUnnamed) {
    NamedListener named;
    const auto client = must(UnixStream::connect(named.address));
    const auto [stream, address] = must(named.listener.accept());
    EXPECT_TRUE(address.is_unnamed());
    EXPECT_EQ(must(stream.local_address()), named.address);
}
