#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <iostream>
#include <iterator>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tcp.hpp"

import mio;

namespace {

using namespace std::chrono_literals;

/// Declarations that the snippets of the guide, of options.md and of backends.md assume, and the statements of the reader that they reached.
struct Assumed {
    test::Loop loop;
    const mio::Registry& registry = loop.registry();
    mio::net::TcpListener listener = test::must(mio::net::TcpListener::bind(test::local_v4()));
    mio::net::TcpStream stream = mio::net::TcpStream::from_raw(mio::invalid_handle);
    mio::net::UdpSocket socket = test::must(mio::net::UdpSocket::bind(test::local_v4()));
    mio::Result<std::size_t> result = 0;
    mio::Event event{};
    mio::net::IncomingDatagram datagram{};
    mio::Token token{7};
    mio::net::SocketAddress address{};
    std::span<const std::byte> bytes{};
    int fd = -1;
    std::int64_t pid = 0;
    std::function<mio::Result<std::size_t>(int)> read_some{};
    std::function<void(mio::Signal)> shut_down{};
    std::vector<std::string> reached{};
    std::function<void(std::string_view)> reader = [this](std::string_view text) {
        reached.emplace_back(text);
    };

    Assumed() = default;
    Assumed(const Assumed&) = delete;
    Assumed& operator=(const Assumed&) = delete;

    /// Where the snippet waits for an event of its source, waits for one.
    void wait_at(std::string_view place, mio::Interest interest) {
        reader = [this, place, interest](std::string_view text) {
            if (text == place)
                loop.expect({{token, interest}});
            else
                reached.emplace_back(text);
        };
    }
};
using Surroundings = Assumed&;

} // namespace
