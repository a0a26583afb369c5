// Helper program for `strace_test.py` and `netcat_test.py`, not a test.
//
//     test-udp-peer many              receives 64 of its own datagrams with receive_many
//     test-udp-peer echo              prints its address and echoes the first datagram
//     test-udp-peer send ADDRESS TEXT sends one datagram
#include "sockets.hpp"

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <span>
#include <string>

#include "udp.hpp"

using namespace test;

namespace {

int many() {
    const auto receiver = with_large_receive_buffer(local_v4());
    const auto sender = must(UdpSocket::bind(local_v4()));
    const InOrder order;
    if (must(sender.send_many(NumberedDatagrams(64, address_of(receiver)).all())) != 64) return 1;
    order.settle();
    ReceiveBuffers buffers(64);
    return must(receiver.receive_many(buffers.all())) == 64 ? 0 : 1;
}

int echo() {
    auto socket = must(UdpSocket::bind(local_v4()));
    std::printf("%s\n", address_of(socket).to_string().c_str());
    std::fflush(stdout);
    Loop loop;
    must(loop.registry().add(socket, id1, Interest::readable));
    must(loop.poll.poll(loop.events));
    std::array<std::byte, 1'000> buffer;
    const auto [size, sender] = must(socket.receive_from(buffer));
    must(socket.send_to(std::span(buffer).first(size), sender));
    return 0;
}

int send(const char* address, const char* text) {
    const auto socket = must(UdpSocket::v4());
    must(socket.send_to(bytes_of(text), must(SocketAddress::parse(address))));
    return 0;
}

} // namespace

int main(int count, char** words) {
    const std::string what = count > 1 ? words[1] : "";
    if (what == "many") return many();
    if (what == "echo") return echo();
    if (what == "send" && count == 4) return send(words[2], words[3]);
    std::fprintf(stderr, "usage: %s many | echo | send ADDRESS TEXT\n", words[0]);
    return 2;
}
