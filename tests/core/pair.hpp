// A watched stream.
#pragma once

#include "sockets.hpp"

#include <utility>

#include "support.hpp"

namespace test {

/// Two ends of a stream; the first is watched.
struct Pair {
    explicit Pair(std::pair<plain::Socket, plain::Socket> ends = plain::socket_pair())
        : here(std::move(ends.first)), there(std::move(ends.second)), source(here.fd()) {}

    /// Makes the watched end readable.
    void speak() const { plain::write_all(there, "x"); }

    plain::Socket here;
    plain::Socket there;
    mio::RawSource source;
};

} // namespace test
