// The clients of the servers: a separate process, the same for all contestants.

#pragma once

#include "contestants/socket.hpp"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace bench {

/// A process that does one thing and ends.
class LoadProcess {
  public:
    /// Runs `body` on a processor that `Server` does not run on, if there is one.
    explicit LoadProcess(const std::function<void()>& body);
    LoadProcess(const LoadProcess&) = delete;
    LoadProcess& operator=(const LoadProcess&) = delete;
    /// Kills the process unless `join` was called.
    ~LoadProcess();

    /// A descriptor that becomes readable when the process ends. The caller closes it.
    [[nodiscard]] int end_descriptor() const;

    /// Waits for the end of the process, and fails if it failed.
    void join();

  private:
    ::pid_t process_ = -1;
    Socket end_;
};

/// A load process whose end is a source of the contestant `C`.
template <class C> class Clients {
  public:
    explicit Clients(const std::function<void()>& body)
        : process_(body), end_(C::LocalStream::from_raw(process_.end_descriptor())) {}

    [[nodiscard]] auto& end() { return end_; }
    void join() { process_.join(); }

  private:
    LoadProcess process_;
    typename C::LocalStream end_;
};

/// Sends `requests` requests over `connections` connections. Each connection waits for `response_size` bytes before it
/// sends the next one.
void request_and_wait(std::uint16_t port, std::size_t connections, std::uint64_t requests,
                      std::string_view request, std::size_t response_size);

/// Connects `times`, one after the other, each for one request. This side closes first.
void connect_and_request(std::uint16_t port, std::uint64_t times, std::string_view request,
                         std::size_t response_size);

/// Connects `times` in all, up to 16 at a time, and has the server close.
void connect_and_wait(std::uint16_t port, std::uint64_t times);

} // namespace bench
