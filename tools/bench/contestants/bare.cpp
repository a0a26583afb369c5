// The system calls, as one writes them who wants nothing between the program and the kernel: what the others are
// compared with.

#include "contestants/contestant.hpp"
#include "contestants/socket.hpp"
#include "harness/failure.hpp"
#include "harness/suite.hpp"
#include "workloads/all.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace bench {
namespace {

struct Bare {
    static constexpr std::string_view name = reference;

    class Stream : public Socket {
      public:
        static Stream from_raw(int descriptor) { return Stream(descriptor); }
        static std::pair<Stream, Stream> pair() {
            const auto [a, b] = pair_of_descriptors();
            return {Stream(a), Stream(b)};
        }

      private:
        using Socket::Socket;
    };

    using LocalStream = Stream;

    class Listener : public Socket {
      public:
        static Listener bind() { return Listener(listening_descriptor()); }
        [[nodiscard]] std::optional<Stream> accept() const {
            const int descriptor = Socket::accept();
            if (descriptor == -1) return std::nullopt;
            return Stream::from_raw(descriptor);
        }

      private:
        using Socket::Socket;
    };

    template <class Handler> class Loop {
      public:
        explicit Loop(Handler& handler) : handler_(handler) {}
        Loop(const Loop&) = delete;
        Loop& operator=(const Loop&) = delete;
        ~Loop() { ::close(epoll_); }

        void add(const Socket& socket, std::size_t token) {
            add(socket.raw(), token, EPOLLIN | EPOLLRDHUP | EPOLLET);
        }
        void add(int descriptor, std::size_t token, std::uint32_t flags) {
            ::epoll_event record{.events = flags, .data = {.u64 = token}};
            must(::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &record), "epoll_ctl");
        }
        void remove(const Socket& socket) {
            must(::epoll_ctl(epoll_, EPOLL_CTL_DEL, socket.raw(), nullptr), "epoll_ctl");
        }

        void run() {
            while (!handler_.done()) hand_on(::epoll_wait(epoll_, records_.data(), capacity, -1));
        }
        void look() { hand_on(::epoll_wait(epoll_, records_.data(), capacity, 0)); }
        void pause(std::chrono::nanoseconds time) {
            const ::timespec limit{time.count() / 1'000'000'000, time.count() % 1'000'000'000};
            hand_on(::epoll_pwait2(epoll_, records_.data(), capacity, &limit, nullptr));
        }

      private:
        static constexpr int capacity = 256;

        void hand_on(int count) {
            must(count, "epoll_wait");
            for (int i = 0; i < count; ++i) handler_.ready(records_[static_cast<std::size_t>(i)].data.u64);
        }

        Handler& handler_;
        int epoll_ = must(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
        std::array<::epoll_event, capacity> records_;
    };

    // Each write is an edge, so that the eventfd need not be read.
    template <class Handler> class Waker {
      public:
        Waker(Loop<Handler>& loop, std::size_t token) { loop.add(eventfd_.raw(), token, EPOLLIN | EPOLLET); }
        void wake() const {
            const std::uint64_t one = 1;
            if (::write(eventfd_.raw(), &one, sizeof one) != sizeof one) fail("write to an eventfd");
        }

      private:
        Socket eventfd_{must(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd")};
    };
};

} // namespace

void enter_bare(Suite& suite) { enter_workloads<Bare>(suite); }

} // namespace bench
