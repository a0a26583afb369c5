// mio-accept-sharding [SECONDS [LOOPS]]: compares ways to share new connections among several event loops, each with a
// thread of its own. Prints, for one client at a time and for eight at once: connections per second; the smallest and
// the largest share of a loop; and per connection the polls that returned, the wake-ups of threads (voluntary context
// switches), and the server's processor time.
//
// A connection is accepted, receives one byte, and is closed.
#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <netinet/in.h>
#include <span>
#include <string_view>
#include <sys/resource.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

import mio;
import mio.sys.epoll;

namespace {

namespace net = mio::net;
using namespace mio::net::literals;
using namespace std::string_view_literals;

template <class T> T must(mio::Result<T> result, const char* what) {
    if (!result) {
        std::fprintf(stderr, "mio-accept-sharding: %s: %s\n", what, result.error().message().c_str());
        std::exit(EXIT_FAILURE);
    }
    return *std::move(result);
}

enum class Sharing {
    shared,     // every loop watches one listener
    exclusive,  // the same with EPOLLEXCLUSIVE
    reuse_port, // every loop has a listener of its own, with SO_REUSEPORT
    hand_over,  // a thread accepts and hands the streams to the loops in turn
};

constexpr mio::Token new_clients{0}, mail{1}, stop{2};

struct Counts {
    std::uint64_t connections = 0;
    std::uint64_t polls = 0; // that returned
    std::uint64_t wakes = 0;
    double microseconds = 0; // of processor time

    /// Those of the calling thread since its start.
    void take_usage() {
        ::rusage usage{};
        ::getrusage(RUSAGE_THREAD, &usage);
        wakes = static_cast<std::uint64_t>(usage.ru_nvcsw);
        microseconds = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6
                       + static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    }
    Counts& operator+=(const Counts& other) {
        connections += other.connections;
        polls += other.polls;
        wakes += other.wakes;
        microseconds += other.microseconds;
        return *this;
    }
};

net::TcpListener listen(const net::SocketAddress& address, bool reuses_port) {
    auto socket = must(net::TcpSocket::v4(), "socket");
    must(socket.set_reuse_port(reuses_port), "SO_REUSEPORT");
    must(socket.bind(address), "bind");
    return must(std::move(socket).listen(1024), "listen");
}

void greet(const net::TcpStream& stream) {
    [[maybe_unused]] const auto written = stream.write(std::as_bytes(std::span("x"sv)));
}

class Loop {
  public:
    Loop() : stopper_(must(mio::Waker::create(poll_.registry(), stop), "waker")) {}

    void watch(const net::TcpListener& listener, bool is_exclusive) {
        listener_ = &listener;
        source_ = mio::RawSource(listener.raw());
        must(poll_.registry().add(source_, new_clients, mio::Interest::readable, mio::Trigger::level), "add");
        must(mio::sys::epoll::set_watch_options(poll_.registry(), listener.raw(),
                                                {.is_exclusive = is_exclusive}),
             "EPOLLEXCLUSIVE");
    }
    void start() {
        thread_ = std::thread([this] { run(); });
    }
    /// Any thread may call it.
    void take(net::TcpStream stream) {
        {
            const std::scoped_lock lock(mutex_);
            mail_.push_back(std::move(stream));
        }
        must(mailbox_.wake(), "wake");
    }
    Counts end() {
        must(stopper_.wake(), "wake");
        thread_.join();
        return counts_;
    }

  private:
    void run() {
        mio::Events events(64);
        while (true) {
            must(poll_.poll(events), "poll");
            ++counts_.polls;
            for (const auto& event : events) {
                if (event.token() == stop) return counts_.take_usage();
                if (event.token() == mail) {
                    receive();
                } else if (const auto client = listener_->accept()) { // one: level-triggered
                    greet(client->first);
                    ++counts_.connections;
                }
            }
        }
    }
    void receive() {
        {
            const std::scoped_lock lock(mutex_);
            received_.swap(mail_);
        }
        for (const auto& stream : received_) greet(stream);
        counts_.connections += received_.size();
        received_.clear();
    }

    mio::Poll poll_ = must(mio::Poll::create(), "poll");
    mio::Waker mailbox_ = must(mio::Waker::create(poll_.registry(), mail), "waker");
    mio::Waker stopper_;
    const net::TcpListener* listener_ = nullptr;
    mio::RawSource source_{mio::invalid_handle};
    std::mutex mutex_;
    std::vector<net::TcpStream> mail_; // guarded by mutex_
    std::vector<net::TcpStream> received_;
    Counts counts_;
    std::thread thread_;
};

/// Connects again and again, and waits each time until the server has closed. Returns false on errors.
bool connect_until(const std::atomic<bool>& is_over, std::uint16_t port) {
    ::sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    while (!is_over) {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const ::linger reset{.l_onoff = 1, .l_linger = 0}; // otherwise ports run out, in TIME_WAIT
        char buffer[8];
        bool is_served = fd >= 0 && ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) == 0
                         && ::connect(fd, reinterpret_cast<::sockaddr*>(&address), sizeof address) == 0
                         && ::read(fd, buffer, sizeof buffer) == 1 && ::read(fd, buffer, sizeof buffer) == 0;
        if (fd >= 0) ::close(fd);
        if (!is_served) return false;
    }
    return true;
}

void measure(const char* name, Sharing sharing, int loop_count, int client_count,
             std::chrono::seconds duration) {
    std::vector<net::TcpListener> listeners;
    listeners.push_back(listen("127.0.0.1:0"_addr, sharing == Sharing::reuse_port));
    const auto address = must(listeners[0].local_address(), "address");
    while (sharing == Sharing::reuse_port && listeners.size() < static_cast<std::size_t>(loop_count))
        listeners.push_back(listen(address, true));

    std::vector<std::unique_ptr<Loop>> loops;
    for (int i = 0; i < loop_count; ++i) {
        auto& loop = *loops.emplace_back(std::make_unique<Loop>());
        const auto& listener = listeners[static_cast<std::size_t>(i) % listeners.size()];
        if (sharing != Sharing::hand_over) loop.watch(listener, sharing == Sharing::exclusive);
        loop.start();
    }

    // For `hand_over`: the acceptor.
    auto poll = must(mio::Poll::create(), "poll");
    const auto stopper = must(mio::Waker::create(poll.registry(), stop), "waker");
    Counts accepting;
    std::thread acceptor;
    if (sharing == Sharing::hand_over) {
        must(poll.registry().add(listeners[0], new_clients, mio::Interest::readable), "add");
        acceptor = std::thread([&] {
            mio::Events events(8);
            for (std::size_t next = 0;;) {
                must(poll.poll(events), "poll");
                ++accepting.polls;
                for (const auto& event : events) {
                    if (event.token() == stop) return accepting.take_usage();
                }
                while (auto client = listeners[0].accept())
                    loops[next++ % loops.size()]->take(std::move(client->first));
            }
        });
    }

    std::atomic<bool> is_over = false;
    std::atomic<bool> has_failed = false;
    std::vector<std::thread> clients;
    for (int i = 0; i < client_count; ++i) {
        clients.emplace_back([&] {
            if (!connect_until(is_over, address.port())) has_failed = true;
        });
    }
    std::this_thread::sleep_for(duration);
    is_over = true;
    for (auto& client : clients) client.join();
    must(stopper.wake(), "wake");
    if (acceptor.joinable()) acceptor.join();

    Counts total = accepting;
    std::vector<double> shares;
    for (auto& loop : loops) {
        const auto counts = loop->end();
        shares.push_back(static_cast<double>(counts.connections));
        total += counts;
    }
    const auto all = static_cast<double>(total.connections);
    const auto [least, most] = std::ranges::minmax(shares);
    std::printf("%-10s  %7d  %13.0f  %7.0f %% - %2.0f %%  %5.2f  %8.2f  %13.1f%s\n", name, client_count,
                all / static_cast<double>(duration.count()), 100 * least / all, 100 * most / all,
                static_cast<double>(total.polls) / all, static_cast<double>(total.wakes) / all,
                total.microseconds / all, has_failed ? "  (a client failed)" : "");
    std::fflush(stdout);
}

} // namespace

int main(int argc, char** argv) {
    const int seconds = argc > 1 ? std::atoi(argv[1]) : 5;
    const int loops = argc > 2 ? std::atoi(argv[2]) : 4;
    if (argc > 3 || seconds < 1 || loops < 1 || mio::backend() != "epoll") {
        std::fprintf(stderr, "usage: mio-accept-sharding [SECONDS [LOOPS]]   (with the backend epoll)\n");
        return 2;
    }
    std::printf("%d loops, %ld processors, %d s each\n\n", loops, ::sysconf(_SC_NPROCESSORS_ONLN), seconds);
    std::puts("            clients  connections/s  shares of loops  polls  wake-ups  processor, us");
    for (const int clients : {1, 8}) {
        for (const auto& [name, sharing] : {std::pair("shared", Sharing::shared),
                                            {"exclusive", Sharing::exclusive},
                                            {"reuse-port", Sharing::reuse_port},
                                            {"hand-over", Sharing::hand_over}})
            measure(name, sharing, loops, clients, std::chrono::seconds(seconds));
    }
}
