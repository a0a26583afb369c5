#pragma once

#include <cstddef>
#include <vector>

namespace bench {

/// Processors that this process may use; a single one where that is unknown.
const std::vector<int>& processors();

/// Keeps the calling thread on one processor for its lifetime, on Linux; elsewhere does nothing.
class Pinned {
  public:
    explicit Pinned(int processor);
    Pinned(const Pinned&) = delete;
    Pinned& operator=(const Pinned&) = delete;
    ~Pinned();
};

} // namespace bench
