#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iostream>
#include <span>
#include <system_error>
#include <utility>

import mio;

using namespace std::chrono_literals;

struct Surroundings {
    mio::Poll& poll;
    const mio::Registry& registry;
    const mio::net::TcpListener& listener;
    mio::net::TcpStream& stream;
    const mio::net::UdpSocket& socket;
    mio::Result<std::size_t> result;
    mio::Event event;
    mio::net::IncomingDatagram datagram;
    mio::Token token;
    mio::net::SocketAddress address;
    std::span<const std::byte> bytes;
    int fd;
    std::int64_t pid;
};

void shut_down(mio::Signal);
