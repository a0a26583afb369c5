#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <functional>
#include <future>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tcp.hpp"

import mio;
import mio.async;

namespace {

using namespace std::chrono_literals;

/// The program's table of clients. Ends the snippet, whose loop has no end, with an exception.
struct Clients {
    struct Full {};
    void push_back(mio::net::TcpStream stream) {
        streams.push_back(std::move(stream));
        if (streams.size() == 3) throw Full{};
    }
    std::vector<mio::net::TcpStream> streams;
};

struct Surroundings {
    mio::Poll& poll;
    const mio::Registry& registry;
    mio::Events& events;
    mio::Token server;
    mio::net::SocketAddress address;
    Clients& clients;
    int fd;
    bool& running;
    std::function<void(int)> receive;
    std::function<void()> drain_queue;
    std::function<void(mio::Waker&)> start_worker;
};

} // namespace
