#include <array>
#include <cerrno>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include <sys/eventfd.h>
#include <unistd.h>

import mio;
import mio.time;
import mio.async;

using namespace std::chrono_literals;

struct Connection {
    void close();
};
struct Surroundings {
    mio::Poll& poll;
    const mio::Registry& registry;
    mio::Events& events;
    mio::Token token, server, alarm_token;
    mio::net::SocketAddress address;
    mio::net::TcpStream& stream;
    mio::net::TcpListener& listener;
    std::vector<mio::net::TcpStream>& clients;
    mio::time::Timers& timers;
    mio::time::TimerQueue& queue;
    mio::time::Instant now;
    int fd;
    bool running;
};
class Session { // of docs/custom-sources.md
  public:
    explicit Session(mio::net::TcpStream);
    mio::net::TcpStream& source();
};
void drain_queue();
void receive(int fd);
