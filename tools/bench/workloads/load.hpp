// The other side of the servers: a process of its own, the same for all contestants.

#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace bench {

/// A process that does one thing and ends.
class LoadProcess {
  public:
    /// Runs `body` on the processor that `Server` does not run on, if there is one.
    explicit LoadProcess(const std::function<void()>& body);
    LoadProcess(const LoadProcess&) = delete;
    LoadProcess& operator=(const LoadProcess&) = delete;
    /// Waits for it. That it failed fails this process too.
    ~LoadProcess();

  private:
    ::pid_t process_;
};

/// Sends `requests` in all through `connections`, each of which waits for `response_size` bytes before it sends again.
void request_and_wait(std::uint16_t port, std::size_t connections, std::uint64_t requests,
                      std::string_view request, std::size_t response_size);

/// Connects `times` in all, up to 16 at a time, and has the server close.
void connect_and_wait(std::uint16_t port, std::uint64_t times);

} // namespace bench
