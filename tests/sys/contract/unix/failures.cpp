// Pipes and Unix sockets with a closed peer, and failed connects.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "posix.hpp"

#include "failures.hpp"

using namespace test;

namespace {

const std::vector<Interest> reading{Interest::readable};
const std::vector<Interest> writing{Interest::writable};
const std::vector<Interest> either_and_both{Interest::readable, Interest::writable, read_write};

Pair receiver() {
    auto [receiver, sender] = plain::pipe();
    receiver.set_non_blocking();
    return {std::move(receiver), std::move(sender)};
}

Pair receiver_with_data() {
    auto pair = receiver();
    EXPECT_EQ(::write(pair.there.fd(), "data", 4), 4);
    return pair;
}

Pair sender() {
    auto [receiver, sender] = plain::pipe();
    sender.set_non_blocking();
    return {std::move(sender), std::move(receiver)};
}

Pair full_sender() {
    auto pair = sender();
    const std::array<char, 4096> page{};
    while (::write(pair.here.fd(), page.data(), page.size()) > 0) {
    }
    return pair;
}

Pair unix_pair(int type) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, type, 0, ends), 0);
    Pair pair{plain::Socket(ends[0]), plain::Socket(ends[1])};
    pair.here.set_non_blocking();
    return pair;
}

Pair unix_stream() { return unix_pair(SOCK_STREAM); }

Pair full_unix_stream() {
    auto pair = unix_stream();
    const std::array<char, 4096> page{};
    while (plain::send(pair.here.fd(), page.data(), page.size())) {
    }
    return pair;
}

Pair unix_stream_with_data_on_both_sides() {
    auto pair = unix_stream();
    plain::write_all(pair.here, "data");
    plain::write_all(pair.there, "data");
    return pair;
}

Pair unix_datagram() { return unix_pair(SOCK_DGRAM); }

void close_there(Pair& pair) { pair.there.close(); }

void shut_down_here(Pair& pair) { EXPECT_EQ(::shutdown(pair.here.fd(), SHUT_RDWR), 0); }

/// A socket with a connect in progress to a port without a listener.
Pair connecting() {
    auto holder = plain::datagram_socket();
    auto listener = plain::listen(local_v4());
    const auto port = plain::address_of(listener).port();
    listener.close();
    plain::Socket here(::socket(AF_INET, SOCK_STREAM, 0));
    here.set_non_blocking();
    ::sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    EXPECT_EQ(::connect(here.fd(), reinterpret_cast<::sockaddr*>(&address), sizeof address), -1);
    EXPECT_EQ(errno, EINPROGRESS);
    return {std::move(here), std::move(holder)};
}

} // namespace

TEST_F(ContractFailures, PipeWithClosedWriterIsReadable) {
    expect_that_each_direction_is_reported({
        {"Empty", receiver, close_there, reading},
        {"WithDataLeft", receiver_with_data, close_there, reading},
    });
}

TEST_F(ContractFailures, PipeWithClosedReaderIsWritable) {
    expect_that_each_direction_is_reported({
        {"WithSpaceLeft", sender, close_there, writing},
        {"Full", full_sender, close_there, writing},
    });
}

TEST_F(ContractFailures, UnixStreamWithClosedPeerIsReadyForEachInterest) {
    expect_that_each_direction_is_reported({
        {"Idle", unix_stream, close_there, either_and_both},
        {"Full", full_unix_stream, close_there, either_and_both},
        {"WithDataLeft", unix_stream_with_data_on_both_sides, close_there, either_and_both},
        {"ShutDownHere", unix_stream, shut_down_here, either_and_both},
    });
}

TEST_F(ContractFailures, ShutDownUnixDatagramSocketIsReadyForEachInterest) {
    expect_that_each_direction_is_reported(
        {{"ShutDownHere", unix_datagram, shut_down_here, either_and_both}});
}

TEST_F(ContractFailures, RefusedConnectionIsReadyForEachInterest) {
    expect_that_each_direction_is_reported({{"Refused", connecting, nullptr, either_and_both}});
}
