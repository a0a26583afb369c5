// The client of the workload `echo`: another process of this program.

#pragma once

#include "shared.hpp"

namespace probe::bench {

/// A process that connects to `port`, sends `::bench::echo_text` a number of times, each time after the previous echo, and
/// ends. Ctrl-C does not reach it; destroying this ends it.
class EchoClient {
  public:
    /// Throws `Refused`.
    EchoClient(std::uint16_t port, std::uint64_t requests);
    ~EchoClient();
    EchoClient(const EchoClient&) = delete;
    EchoClient& operator=(const EchoClient&) = delete;

    /// Readable when the process ends.
    [[nodiscard]] mio::Child& end() noexcept { return process_; }

    /// Waits for the end of the process. Throws `Refused` if it failed.
    void join();

  private:
    mio::Child process_;
};

} // namespace probe::bench
