#include "workloads/load.hpp"

#include "harness/failure.hpp"
#include "harness/processors.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace bench {
namespace {

int connect_to(std::uint16_t port) {
    const int descriptor = must(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    ::sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must(::connect(descriptor, reinterpret_cast<::sockaddr*>(&address), sizeof address), "connect");
    const int on = 1;
    must(::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "setsockopt");
    return descriptor;
}

void send_all(int descriptor, std::string_view text) {
    if (::send(descriptor, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<::ssize_t>(text.size()))
        fail("send");
}

} // namespace

LoadProcess::LoadProcess(const std::function<void()>& body) {
    const ::pid_t parent = ::getpid();
    const int processor = processors().back();
    process_ = must(::fork(), "fork");
    if (process_ != 0) return;

    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    {
        const Pinned pinned(processor);
        body();
    }
    ::_exit(0); // what was open in the parent is the parent's to close
}

LoadProcess::~LoadProcess() {
    int status = 0;
    must(::waitpid(process_, &status, 0), "waitpid");
    if (status != 0) {
        std::fputs("mio-bench: the load process failed\n", stderr);
        std::_Exit(1);
    }
}

void request_and_wait(std::uint16_t port, std::size_t connections, std::uint64_t requests,
                      std::string_view request, std::size_t response_size) {
    struct Connection {
        int descriptor;
        std::size_t missing; // of the response
    };
    std::vector<Connection> all;
    const int epoll = must(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    for (std::size_t i = 0; i < connections; ++i) {
        all.push_back({connect_to(port), response_size});
        ::epoll_event record{.events = EPOLLIN, .data = {.u64 = i}};
        must(::epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].descriptor, &record), "epoll_ctl");
    }

    std::uint64_t sent = 0;
    std::uint64_t answered = 0;
    for (auto& connection : all) {
        if (sent == requests) break;
        send_all(connection.descriptor, request);
        ++sent;
    }
    std::array<::epoll_event, 256> records;
    std::array<char, 4096> buffer;
    while (answered < requests) {
        const int count = must(::epoll_wait(epoll, records.data(), records.size(), -1), "epoll_wait");
        for (int i = 0; i < count; ++i) {
            auto& connection = all[records[static_cast<std::size_t>(i)].data.u64];
            const auto got = must(::recv(connection.descriptor, buffer.data(), buffer.size(), 0), "recv");
            if (got == 0) fail("recv", ECONNRESET);
            connection.missing -= std::min(connection.missing, static_cast<std::size_t>(got));
            if (connection.missing != 0) continue;
            ++answered;
            connection.missing = response_size;
            if (sent == requests) continue;
            send_all(connection.descriptor, request);
            ++sent;
        }
    }
}

void connect_and_wait(std::uint16_t port, std::uint64_t times) {
    // What the server closes first leaves its port in use for a minute, unless this side resets it.
    const ::linger reset{.l_onoff = 1, .l_linger = 0};
    std::vector<int> open;
    while (times != 0) {
        for (; times != 0 && open.size() < 16; --times) open.push_back(connect_to(port));
        for (const int descriptor : open) {
            char nothing;
            if (::recv(descriptor, &nothing, 1, 0) != 0) fail("recv");
            must(::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), "setsockopt");
            ::close(descriptor);
        }
        open.clear();
    }
}

} // namespace bench
