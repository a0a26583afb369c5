#include "workloads/load.hpp"

#include "harness/failure.hpp"
#include "harness/processors.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__linux__)
#include <sys/epoll.h>
#include <sys/prctl.h>
#endif

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

namespace bench {
namespace {

::sockaddr_in loopback(std::uint16_t port, std::uint32_t host = INADDR_LOOPBACK) {
    ::sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(host);
    return address;
}

// A connection that this side closes first occupies its pair of addresses for a minute. Linux has a network of loopback
// addresses, so that each connection can have its own.
void bind_to_own_address([[maybe_unused]] int descriptor, [[maybe_unused]] std::uint64_t number) {
#if defined(IP_BIND_ADDRESS_NO_PORT)
    const int on = 1;
    must(::setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on), "setsockopt");
    const auto address = loopback(0, INADDR_LOOPBACK + static_cast<std::uint32_t>(number % 0xff'0000));
    must(::bind(descriptor, reinterpret_cast<const ::sockaddr*>(&address), sizeof address), "bind");
#endif
}

int connect_to(std::uint16_t port, std::optional<std::uint64_t> number = std::nullopt) {
    const int descriptor = must(::socket(AF_INET, SOCK_STREAM, 0), "socket");
    if (number) bind_to_own_address(descriptor, *number);
    const auto address = loopback(port);
    must(::connect(descriptor, reinterpret_cast<const ::sockaddr*>(&address), sizeof address), "connect");
    const int on = 1;
    must(::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "setsockopt");
    return descriptor;
}

void send_all(int descriptor, std::string_view text) {
    // SIGPIPE is ignored in this process.
    if (::send(descriptor, text.data(), text.size(), 0) != static_cast<::ssize_t>(text.size())) fail("send");
}

// Waits until the server, which is the parent process, sleeps: it has then accepted all connections and waits for their
// events. Otherwise it would depend on the scheduler whether a server that tries to read first ever waits.
void await_sleeping_server() {
#if defined(__linux__)
    std::array<char, 64> path;
    std::snprintf(path.data(), path.size(), "/proc/%d/stat", static_cast<int>(::getppid()));
    for (int i = 0; i < 5'000; ++i) { // a second at most: it may poll without sleeping
        std::array<char, 256> text{};
        const int file = ::open(path.data(), O_RDONLY | O_CLOEXEC);
        if (file == -1) return; // a sandbox without /proc
        must(::read(file, text.data(), text.size() - 1), "read");
        ::close(file);
        const char* const end_of_name = std::strrchr(text.data(), ')'); // see proc_pid_stat(5)
        if (end_of_name != nullptr && std::strncmp(end_of_name, ") S", 3) == 0) return;
        const ::timespec pause{.tv_sec = 0, .tv_nsec = 200'000};
        ::nanosleep(&pause, nullptr);
    }
#endif
}

// Connections; a wait reports the readable ones.
#if defined(__linux__)
class ReadableSet {
  public:
    void add(int descriptor, std::size_t number) {
        ::epoll_event record{.events = EPOLLIN, .data = {.u64 = number}};
        must(::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &record), "epoll_ctl");
    }
    template <class F> void wait(F on_readable) {
        const int count =
            must(::epoll_wait(epoll_, records_.data(), static_cast<int>(records_.size()), -1), "epoll_wait");
        for (int i = 0; i < count; ++i) on_readable(records_[static_cast<std::size_t>(i)].data.u64);
    }

  private:
    int epoll_ = must(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    std::array<::epoll_event, 256> records_;
};
#else
class ReadableSet {
  public:
    void add(int descriptor, std::size_t) {
        records_.push_back({.fd = descriptor, .events = POLLIN, .revents = 0});
    }
    template <class F> void wait(F on_readable) {
        must(::poll(records_.data(), static_cast<::nfds_t>(records_.size()), -1), "poll");
        for (std::size_t i = 0; i < records_.size(); ++i) {
            if (records_[i].revents != 0) on_readable(i);
        }
    }

  private:
    std::vector<::pollfd> records_; // by number
};
#endif

// A load process that ends with this status or a higher one reports an error number by it; other failures end with 1.
constexpr int first_error_status = 2;

} // namespace

LoadProcess::LoadProcess(const std::function<void()>& body) : end_(-1) {
    auto [here, there] = Socket::pair_of_descriptors();
    end_ = Socket(here);
    const Socket other_end(there);
    [[maybe_unused]] const ::pid_t parent = ::getpid();
    const int processor = processors().back();
    process_ = must(::fork(), "fork");
    if (process_ != 0) return;

#if defined(__linux__)
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
#endif
    // Ctrl-C on a terminal reaches this process too; the parent decides when it ends.
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::signal(signal, SIG_IGN);
    try {
        const Pinned pinned(processor);
        body();
    } catch (...) { // from `fail`, if it throws; errno still is the error of the call
        ::_exit(errno + first_error_status);
    }
    ::_exit(0); // without destructors: the parent's descriptors are the parent's to close
}

LoadProcess::~LoadProcess() {
    if (process_ == -1) return;
    ::kill(process_, SIGKILL);
    while (::waitpid(process_, nullptr, 0) == -1 && errno == EINTR) {
    }
}

int LoadProcess::end_descriptor() const { return must(::dup(end_.raw()), "dup"); }

void LoadProcess::join() {
    int status = 0;
    const ::pid_t process = std::exchange(process_, -1);
    while (::waitpid(process, &status, 0) == -1) {
        if (errno != EINTR) fail("waitpid");
    }
    if (status == 0) return;
    const bool has_error = WIFEXITED(status) && WEXITSTATUS(status) >= first_error_status;
    fail("the load process", has_error ? WEXITSTATUS(status) - first_error_status : ECONNABORTED);
}

void request_and_wait(std::uint16_t port, std::size_t connections, std::uint64_t requests,
                      std::string_view request, std::size_t response_size) {
    struct Connection {
        int descriptor;
        std::size_t missing; // of the response
    };
    std::vector<Connection> all;
    ReadableSet readable;
    for (std::size_t i = 0; i < connections; ++i) {
        all.push_back({connect_to(port), response_size});
        readable.add(all[i].descriptor, i);
    }
    await_sleeping_server();

    std::uint64_t sent = 0;
    std::uint64_t answered = 0;
    for (auto& connection : all) {
        if (sent == requests) break;
        send_all(connection.descriptor, request);
        ++sent;
    }
    std::array<char, 4096> buffer;
    const auto receive = [&](std::size_t number) {
        auto& connection = all[number];
        const auto got = must(::recv(connection.descriptor, buffer.data(), buffer.size(), 0), "recv");
        if (got == 0) fail("recv", ECONNRESET);
        connection.missing -= std::min(connection.missing, static_cast<std::size_t>(got));
        if (connection.missing != 0) return;
        ++answered;
        connection.missing = response_size;
        if (sent == requests) return;
        send_all(connection.descriptor, request);
        ++sent;
    };
    while (answered < requests) readable.wait(receive);
}

void connect_and_request(std::uint16_t port, std::uint64_t times, std::string_view request,
                         std::size_t response_size) {
    std::array<char, 4096> buffer;
    for (std::uint64_t i = 0; i < times; ++i) {
        const int descriptor = connect_to(port, i);
        send_all(descriptor, request);
        const auto got = must(::recv(descriptor, buffer.data(), response_size, MSG_WAITALL), "recv");
        if (static_cast<std::size_t>(got) != response_size) fail("recv", ECONNRESET);
        must(::close(descriptor), "close");
    }
}

void connect_and_wait(std::uint16_t port, std::uint64_t times) {
    // A connection that the server closes first occupies its port for a minute, unless this side resets it.
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
