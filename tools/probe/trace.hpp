// The sources that another process has registered.

#pragma once

#include "shared.hpp"

namespace probe {

/// A source that is registered with a poll.
struct Registered {
    int descriptor = 0;
    std::string source;      ///< "TCP 127.0.0.1:80, listening"
    std::uint32_t flags = 0; ///< the events, as epoll_ctl(2) has them
    std::uint64_t token = 0; ///< of a program with mio; in others whatever they stored there
    [[nodiscard]] std::vector<std::string> interest() const;
    [[nodiscard]] std::string_view trigger() const;
};

/// One epoll instance of a process.
struct TracedPoll {
    int descriptor = 0;
    std::vector<Registered> sources;
};

/// A process and its polls.
struct TracedProcess {
    std::uint64_t id = 0;
    std::string name;
    std::vector<TracedPoll> polls;
};

/// Reads the polls of a process. Throws `Refused` on systems other than Linux, for a process that does not exist, and for
/// one of another user.
TracedProcess read_process(std::uint64_t id);

std::string json_of(const TracedProcess& process);

} // namespace probe
