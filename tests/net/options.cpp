// Options that every TCP socket has, on every system.
#include "sockets.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <vector>

#include "tcp_sockets.hpp"

using namespace test;
using mio::Errc;
using mio::net::IpSocketBase;
using mio::net::SocketBase;
using mio::net::SocketOption;

namespace {

// One set of options for sockets, listeners and streams; no size for it.
static_assert(std::is_base_of_v<TcpSocketBase, TcpSocket> && std::is_base_of_v<TcpSocketBase, TcpListener>
              && std::is_base_of_v<TcpSocketBase, TcpStream>);
static_assert(std::is_base_of_v<IpSocketBase, mio::net::UdpSocket>
              && std::is_base_of_v<SocketBase, mio::net::UnixDatagram>);
static_assert(sizeof(TcpStream) == sizeof(SocketBase) && sizeof(mio::net::UdpSocket) == sizeof(SocketBase));

// The types of an option's value: their memory is the value.
enum class Number : int {};
static_assert(SocketOption<int> && SocketOption<bool> && SocketOption<std::uint8_t> && SocketOption<Number>
              && SocketOption<::linger> && SocketOption<::in6_addr> && SocketOption<::sockaddr_storage>
              && SocketOption<std::array<std::uint8_t, 16>>);
static_assert(!SocketOption<int*> && !SocketOption<const char*> && !SocketOption<char[4]>
              && !SocketOption<std::nullptr_t> && !SocketOption<int (*)()> && !SocketOption<int ::linger::*>
              && !SocketOption<float>);
static_assert(!SocketOption<std::string_view> && !SocketOption<std::u16string_view>
              && !SocketOption<std::span<std::byte>> && !SocketOption<std::span<const std::uint8_t>>
              && !SocketOption<std::span<int, 4>> && !SocketOption<std::vector<int>>);
static_assert(!SocketOption<std::optional<int>> && !SocketOption<std::chrono::milliseconds>
              && !SocketOption<std::reference_wrapper<int>> && !SocketOption<mio::Result<int>>
              && !SocketOption<mio::net::IpAddress> && !SocketOption<mio::net::SocketAddress>);

template <class T>
concept Settable = requires(const SocketBase& socket, const T& value) { socket.set_option(0, 0, value); };
static_assert(Settable<int> && Settable<bool> && Settable<::linger> && Settable<std::string_view>
              && Settable<std::string> && Settable<char[4]> && Settable<std::span<const std::byte>>
              && Settable<std::span<std::byte, 4>> && Settable<std::vector<std::byte>>
              && Settable<std::array<std::byte, 4>>);
static_assert(!Settable<std::span<const std::uint8_t>> && !Settable<std::vector<int>>
              && !Settable<std::optional<int>> && !Settable<std::chrono::seconds> && !Settable<std::nullptr_t>
              && !Settable<int*> && !Settable<mio::net::IpAddress>);

// Numbers that some headers of Windows lack.
#ifdef _WIN32
constexpr int idle_name = 3, interval_name = 17, count_name = 16;
constexpr bool has_keepalive_times = true;
#elif defined(TCP_KEEPIDLE)
constexpr int idle_name = TCP_KEEPIDLE, interval_name = TCP_KEEPINTVL, count_name = TCP_KEEPCNT;
constexpr bool has_keepalive_times = true;
#elif defined(TCP_KEEPALIVE)
constexpr int idle_name = TCP_KEEPALIVE, interval_name = TCP_KEEPINTVL, count_name = TCP_KEEPCNT;
constexpr bool has_keepalive_times = true;
#else
constexpr int idle_name = 0, interval_name = 0, count_name = 0;
constexpr bool has_keepalive_times = false;
#endif

const auto invalid = std::errc::invalid_argument;

/// Wine 8 lacks these options, which Windows has.
bool is_missing_in_wine(const mio::Result<>& set) {
    return is_wine() && !set && set.error() == std::errc::no_protocol_option;
}

TEST(TcpOptions, FlagsAreOffUntilTheyAreSet) {
    on_each_tcp_socket([](const TcpSocketBase& socket) {
        for (const bool on : {true, true, false, true}) {
            ASSERT_TRUE(ok(socket.set_nodelay(on)));
            EXPECT_EQ(socket.nodelay(), on);
            EXPECT_EQ(kernel_option(socket, IPPROTO_TCP, TCP_NODELAY) != 0, on);
            ASSERT_TRUE(ok(socket.set_keepalive(on)));
            EXPECT_EQ(socket.keepalive(), on);
            EXPECT_EQ(kernel_option(socket, SOL_SOCKET, SO_KEEPALIVE) != 0, on);
        }
    });
}

/// The two durations of keepalive.
struct KeepaliveTime {
    const char* what;
    mio::Result<> (TcpSocketBase::*set)(mio::Saturating<std::chrono::milliseconds>) const noexcept;
    mio::Result<std::chrono::seconds> (TcpSocketBase::*get)() const noexcept;
    int name;
};
const KeepaliveTime keepalive_times[] = {
    {"idle", &TcpSocketBase::set_keepalive_idle, &TcpSocketBase::keepalive_idle, idle_name},
    {"interval", &TcpSocketBase::set_keepalive_interval, &TcpSocketBase::keepalive_interval, interval_name},
};

TEST(TcpOptions, KeepaliveTimesAreRoundedUpToSecondsAndClamped) {
    if (!has_keepalive_times) GTEST_SKIP() << "this system has no such option";
    if (is_missing_in_wine(must(TcpSocket::v4()).set_keepalive_idle(1s)))
        GTEST_SKIP() << "Wine has no such option";
    on_each_tcp_socket([](const TcpSocketBase& socket) {
        for (const auto& time : keepalive_times) {
            SCOPED_TRACE(time.what);
            const auto sets = [&](mio::Saturating<std::chrono::milliseconds> duration,
                                  std::chrono::seconds expected) {
                ASSERT_TRUE(ok((socket.*time.set)(duration)));
                EXPECT_EQ((socket.*time.get)(), expected);
                EXPECT_EQ(kernel_option(socket, IPPROTO_TCP, time.name), expected.count());
            };
            sets(60s, 60s);
            sets(1ns, 1s);
            sets(1ms, 1s);
            sets(1001ms, 2s);
            sets(2h, 7200s);
            sets(32'767s, 32'767s);
            sets(32'768s, 32'767s);
            sets(std::chrono::hours::max(), 32'767s);
        }
    });
}

TEST(TcpOptions, KeepaliveTimesThatAreNotPositiveFailAndChangeNothing) {
    if (!has_keepalive_times) GTEST_SKIP() << "this system has no such option";
    if (is_missing_in_wine(must(TcpSocket::v4()).set_keepalive_idle(1s)))
        GTEST_SKIP() << "Wine has no such option";
    on_each_tcp_socket([](const TcpSocketBase& socket) {
        for (const auto& time : keepalive_times) {
            SCOPED_TRACE(time.what);
            ASSERT_TRUE(ok((socket.*time.set)(77s)));
            EXPECT_TRUE(fails_with((socket.*time.set)(0s), invalid));
            EXPECT_TRUE(fails_with((socket.*time.set)(-1s), invalid));
            EXPECT_TRUE(fails_with((socket.*time.set)(std::chrono::hours::min()), invalid));
            EXPECT_EQ((socket.*time.get)(), 77s);
        }
    });
}

TEST(TcpOptions, KeepaliveCountIsClampedAndNotZero) {
    if (!has_keepalive_times) GTEST_SKIP() << "this system has no such option";
    if (is_missing_in_wine(must(TcpSocket::v4()).set_keepalive_count(1)))
        GTEST_SKIP() << "Wine has no such option";
    on_each_tcp_socket([](const TcpSocketBase& socket) {
        for (const std::uint32_t probes : {1u, 9u, 127u, 128u, 0x7fff'ffffu, 0x8000'0000u, 0xffff'ffffu}) {
            ASSERT_TRUE(ok(socket.set_keepalive_count(probes))) << probes;
            const auto expected = probes < 127 ? probes : 127;
            EXPECT_EQ(socket.keepalive_count(), expected);
            EXPECT_EQ(kernel_option(socket, IPPROTO_TCP, count_name), static_cast<int>(expected));
        }
        ASSERT_TRUE(ok(socket.set_keepalive_count(3)));
        EXPECT_TRUE(fails_with(socket.set_keepalive_count(0), invalid));
        EXPECT_EQ(socket.keepalive_count(), 3u);
    });
}

TEST(TcpOptions, KeepaliveTimesAreUnsupportedWhereTheSystemLacksThem) {
    if (has_keepalive_times) GTEST_SKIP() << "this system has them";
    const auto socket = must(TcpSocket::v4());
    EXPECT_TRUE(fails_with(socket.set_keepalive_idle(1s), Errc::unsupported));
    EXPECT_TRUE(fails_with(socket.keepalive_idle(), Errc::unsupported));
    EXPECT_TRUE(fails_with(socket.set_keepalive_interval(1s), Errc::unsupported));
    EXPECT_TRUE(fails_with(socket.keepalive_interval(), Errc::unsupported));
    EXPECT_TRUE(fails_with(socket.set_keepalive_count(1), Errc::unsupported));
    EXPECT_TRUE(fails_with(socket.keepalive_count(), Errc::unsupported));
}

TEST(TcpOptions, LingerIsOffUntilItIsSetAndIsRoundedUpToSeconds) {
    on_each_tcp_socket([](const TcpSocketBase& socket) {
        using Limit = std::optional<mio::Saturating<std::chrono::milliseconds>>;
        EXPECT_EQ(must(socket.linger()), std::nullopt);
        const auto sets = [&](Limit limit, std::optional<std::chrono::seconds> expected) {
            ASSERT_TRUE(ok(socket.set_linger(limit)));
            EXPECT_EQ(must(socket.linger()), expected);
        };
        sets(7s, 7s);
        sets(1ms, 1s);
        sets(0s, 0s);
        sets(-1s, 0s);
        sets(std::nullopt, std::nullopt);
    });
}

TEST(TcpOptions, StreamWithZeroLingerIsReset) {
    for (const auto& at : {local_v4(), local_v6()}) {
        if (is_wine()) GTEST_SKIP() << "Wine reports a reset as the end of the stream";
        auto pair = tcp_pair(at);
        ASSERT_TRUE(ok(pair.server.set_linger(0s)));
        {
            const auto closed = std::move(pair.server);
        }
        plain::await_end(pair.client.raw());
        std::array<std::byte, 8> buffer;
        EXPECT_TRUE(fails_with(pair.client.read(buffer), std::errc::connection_reset));
    }
}

TEST(TcpOptions, BufferSizesAreAtLeastTheRequestedSizes) {
    on_each_tcp_socket([](const TcpSocketBase& socket) {
        for (const std::size_t size : {100'000u, 65'536u, 20'000u}) {
            ASSERT_TRUE(ok(socket.set_receive_buffer(size)));
            ASSERT_TRUE(ok(socket.set_send_buffer(size)));
            EXPECT_GE(must(socket.receive_buffer()), size);
            EXPECT_GE(must(socket.send_buffer()), size);
            EXPECT_EQ(must(socket.receive_buffer()),
                      static_cast<std::size_t>(kernel_option(socket, SOL_SOCKET, SO_RCVBUF)));
            EXPECT_EQ(must(socket.send_buffer()),
                      static_cast<std::size_t>(kernel_option(socket, SOL_SOCKET, SO_SNDBUF)));
        }
        EXPECT_TRUE(ok(socket.set_receive_buffer(0)));
        EXPECT_TRUE(ok(socket.set_send_buffer(SIZE_MAX)));
    });
}

TEST(TcpOptions, AcceptTtlFrom1To255) {
    on_each_tcp_socket([](const TcpSocketBase& socket) {
        for (const std::uint32_t hops : {1u, 42u, 255u}) {
            ASSERT_TRUE(ok(socket.set_ttl(hops)));
            EXPECT_EQ(socket.ttl(), hops);
        }
        for (const std::uint32_t hops : {0u, 256u, 0xffff'ffffu})
            EXPECT_TRUE(fails_with(socket.set_ttl(hops), invalid)) << hops;
        EXPECT_EQ(socket.ttl(), 255u);
    });
}

// Options without a name.

TEST(AnyOption, ReadsWhatTheNamedFunctionSetAndSetsWhatItReads) {
    on_each_tcp_socket([](const TcpSocketBase& socket) {
        ASSERT_TRUE(ok(socket.set_nodelay(true)));
        EXPECT_EQ(socket.option<bool>(IPPROTO_TCP, TCP_NODELAY), true);
        EXPECT_NE(must(socket.option(IPPROTO_TCP, TCP_NODELAY)), 0);
        ASSERT_TRUE(ok(socket.set_option(IPPROTO_TCP, TCP_NODELAY, false)));
        EXPECT_EQ(socket.nodelay(), false);
        ASSERT_TRUE(ok(socket.set_option(IPPROTO_TCP, TCP_NODELAY, 1)));
        EXPECT_EQ(socket.nodelay(), true);

        ::linger linger{};
        linger.l_onoff = 1;
        linger.l_linger = 9;
        ASSERT_TRUE(ok(socket.set_option(SOL_SOCKET, SO_LINGER, linger)));
        EXPECT_EQ(must(socket.option<::linger>(SOL_SOCKET, SO_LINGER)).l_linger, 9);
        std::array<std::byte, 64> bytes{};
        EXPECT_EQ(must(socket.option(SOL_SOCKET, SO_LINGER, bytes)), sizeof linger);
        const std::span<const std::byte> read(bytes.data(), sizeof linger);
        EXPECT_TRUE(ok(socket.set_option(SOL_SOCKET, SO_LINGER, read)));
    });
}

TEST(AnyOption, FailsIfTheTypeHasAnotherSize) {
    struct Long {
        int numbers[16];
    };
    const auto socket = must(TcpSocket::v4());
    EXPECT_TRUE(fails_with(socket.option<Long>(SOL_SOCKET, SO_LINGER), invalid));
    if (is_wine()) return; // accepts one byte
    EXPECT_FALSE(socket.set_option(SOL_SOCKET, SO_RCVBUF, std::uint8_t{1}));
}

TEST(AnyOption, FailsWithTheSystemsError) {
    const auto socket = must(TcpSocket::v4());
    EXPECT_FALSE(socket.option(SOL_SOCKET, 0x5555));
    EXPECT_FALSE(socket.set_option(SOL_SOCKET, 0x5555, 1));
    EXPECT_EQ(socket.option(SOL_SOCKET, 0x5555).error().category(), mio::os_category());
    const auto nothing = TcpSocket::from_raw(mio::invalid_handle);
    EXPECT_TRUE(fails_with(nothing.option(SOL_SOCKET, SO_TYPE), no_such_handle));
    EXPECT_TRUE(fails_with(nothing.set_option(SOL_SOCKET, SO_KEEPALIVE, 1), no_such_handle));
}

TEST(TcpOptions, WithoutAHandleFail) {
    const auto nothing = TcpSocket::from_raw(mio::invalid_handle);
    EXPECT_TRUE(fails_with(nothing.set_ttl(1), no_such_handle));
    EXPECT_TRUE(fails_with(nothing.ttl(), no_such_handle));
    EXPECT_TRUE(fails_with(nothing.set_nodelay(true), no_such_handle));
    EXPECT_TRUE(fails_with(nothing.nodelay(), no_such_handle));
    EXPECT_FALSE(nothing.set_tos(0));
    EXPECT_FALSE(nothing.set_keepalive_idle(1s));
    EXPECT_FALSE(nothing.set_user_timeout(1s));
    EXPECT_FALSE(nothing.set_fastopen(1));
    EXPECT_FALSE(nothing.set_transparent(true));
    EXPECT_FALSE(nothing.bind_device(""));
    EXPECT_FALSE(nothing.device());
}

/// Whether the system, not a test, lacks an option.
template <class T> bool is_unsupported(const mio::Result<T>& result) {
    return !result && result.error() == Errc::unsupported;
}

TEST(TcpOptions, AreSupportedOrUnsupportedForSettingAndGettingAlike) {
    const auto socket = must(TcpSocket::v4());
    EXPECT_EQ(is_unsupported(socket.set_tos(0)), is_unsupported(socket.tos()));
    EXPECT_EQ(is_unsupported(socket.set_dscp(0)), is_unsupported(socket.dscp()));
    EXPECT_EQ(is_unsupported(socket.bind_device("")), is_unsupported(socket.device()));
    EXPECT_EQ(is_unsupported(socket.set_transparent(false)), is_unsupported(socket.transparent()));
    EXPECT_EQ(is_unsupported(socket.set_incoming_cpu(0)), is_unsupported(socket.incoming_cpu()));
    EXPECT_EQ(is_unsupported(socket.set_user_timeout(1s)), is_unsupported(socket.user_timeout()));
    EXPECT_EQ(is_unsupported(socket.set_fastopen(0)), is_unsupported(socket.fastopen()));
    EXPECT_EQ(is_unsupported(socket.set_fastopen_connect(false)), is_unsupported(socket.fastopen_connect()));
    EXPECT_EQ(is_unsupported(socket.set_quickack(true)), is_unsupported(socket.quickack()));
#ifdef _WIN32
    EXPECT_TRUE(is_unsupported(socket.tos()));
    EXPECT_TRUE(is_unsupported(socket.device()));
    EXPECT_TRUE(is_unsupported(socket.transparent()));
    EXPECT_TRUE(is_unsupported(socket.incoming_cpu()));
    EXPECT_TRUE(is_unsupported(socket.user_timeout()));
    EXPECT_TRUE(is_unsupported(socket.fastopen_connect()));
    EXPECT_TRUE(is_unsupported(socket.quickack()));
#endif
}

} // namespace
