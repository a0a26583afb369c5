// Helpers shared by the UDP tests. Include it last, in place of "support.hpp".
#pragma once

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "processor.hpp"
#include "sockets.hpp"
#include "support.hpp"

/// Printed by GoogleTest.
namespace mio::net {
inline void PrintTo(const SocketAddress& address, std::ostream* out) { *out << address.to_string(); }
} // namespace mio::net

namespace test {

using mio::net::IncomingDatagram;
using mio::net::IpAddress;
using mio::net::OutgoingDatagram;
using mio::net::SocketAddress;
using mio::net::UdpSocket;

inline constexpr Token id1{1}, id2{2}, id3{3};
inline constexpr std::string_view data1 = "Hello world!";
inline constexpr std::string_view data2 = "Hello mars!";

/// Waits with poll(2), not the library, for one of `events` or an error, and returns the events.
inline short await(const UdpSocket& socket, short events) {
    const auto come = plain::await(socket.raw(), events);
    EXPECT_NE(come, 0) << "no event";
    return come;
}

/// Waits for the next datagram and returns its text.
inline std::string next_text(const UdpSocket& socket) {
    std::vector<std::byte> buffer(65'535);
    EXPECT_TRUE((await(socket, POLLIN) & POLLIN) != 0);
    const auto size = socket.receive(buffer);
    if (!size) return "no datagram: " + size.error().message();
    return std::string(text_of(std::span(buffer).first(*size)));
}

inline void send_text(const UdpSocket& from, std::string_view text, const SocketAddress& to) {
    ASSERT_EQ(must(from.send_to(bytes_of(text), to)), text.size());
}

inline SocketAddress address_of(const UdpSocket& socket) { return must(socket.local_address()); }

inline void set_raw_option(const UdpSocket& socket, int level, int name, int value) {
    ASSERT_TRUE(ok(plain::set_option(socket.raw(), level, name, value)));
}

/// A socket whose receive queue holds a few hundred small datagrams.
inline UdpSocket with_large_receive_buffer(const SocketAddress& address) {
    auto socket = must(UdpSocket::bind(address));
    set_raw_option(socket, SOL_SOCKET, SO_RCVBUF, 212'992);
    return socket;
}

/// An address without a receiver, held by a socket that is connected to itself, so no other program can take it.
class ClosedPort {
  public:
    explicit ClosedPort(const SocketAddress& address) : keeper_(must(UdpSocket::bind(address))) {
        must(keeper_.connect(address_of(keeper_)));
    }
    SocketAddress address() const { return address_of(keeper_); }

  private:
    UdpSocket keeper_;
};

/// Pins the thread to one processor, whose kernel queue keeps loopback datagrams in order: once a datagram sent last
/// has arrived, all earlier ones have, whatever sockets they were sent to.
class InOrder {
  public:
    /// Waits until everything this thread sent has arrived.
    void settle() const {
        const auto last = must(UdpSocket::bind(local_v4()));
        must(last.send_to({}, address_of(last)));
        await(last, POLLIN);
    }

  private:
    OneProcessor processor_;
};

/// Buffers for `receive_many`, all of one size.
class ReceiveBuffers {
  public:
    explicit ReceiveBuffers(std::size_t count, std::size_t size = 64) : bytes_(count * size), slots_(count) {
        for (std::size_t i = 0; i < count; ++i) slots_[i].buffer = std::span(bytes_).subspan(i * size, size);
    }

    std::span<IncomingDatagram> all() { return slots_; }
    std::span<IncomingDatagram> first(std::size_t count) { return all().first(count); }
    const IncomingDatagram& operator[](std::size_t index) const { return slots_[index]; }
    std::string text(std::size_t index) const {
        return std::string(text_of(slots_[index].buffer.first(slots_[index].size)));
    }

  private:
    std::vector<std::byte> bytes_;
    std::vector<IncomingDatagram> slots_;
};

/// Datagrams for `send_many`: "0", "1", "2", …; every seventh, starting with the fourth, is empty.
class NumberedDatagrams {
  public:
    explicit NumberedDatagrams(std::size_t count, const SocketAddress& peer = {}) {
        for (std::size_t i = 0; i < count; ++i) texts_.push_back(text(i));
        for (const auto& each : texts_) datagrams_.push_back({bytes_of(each), peer});
    }

    static std::string text(std::size_t index) { return index % 7 == 3 ? "" : std::to_string(index); }

    std::span<OutgoingDatagram> all() { return datagrams_; }
    OutgoingDatagram& operator[](std::size_t index) { return datagrams_[index]; }

  private:
    std::vector<std::string> texts_;
    std::vector<OutgoingDatagram> datagrams_;
};

/// For suites that run once per address family; the parameter is a loopback address with port 0.
class OnEachFamily : public testing::TestWithParam<SocketAddress> {
  protected:
    void SetUp() override {
        const auto tried = UdpSocket::bind(GetParam());
        if (!tried && GetParam().ip().is_v6()) GTEST_SKIP() << "no IPv6: " << tried.error().message();
    }
    static UdpSocket bound() { return must(UdpSocket::bind(GetParam())); }
    static UdpSocket unbound() { return must(GetParam().ip().is_v4() ? UdpSocket::v4() : UdpSocket::v6()); }
    /// Two sockets connected to each other.
    static std::pair<UdpSocket, UdpSocket> connected() {
        std::pair sockets(bound(), bound());
        must(sockets.first.connect(address_of(sockets.second)));
        must(sockets.second.connect(address_of(sockets.first)));
        return sockets;
    }
};

inline const auto both_families = testing::Values(local_v4(), local_v6());
inline std::string family_name(const testing::TestParamInfo<SocketAddress>& info) {
    return info.param.ip().is_v4() ? "V4" : "V6";
}

} // namespace test
