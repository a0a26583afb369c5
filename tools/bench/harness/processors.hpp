#pragma once

#include <cstddef>
#include <vector>

namespace bench {

/// Those that this process may use.
const std::vector<int>& processors();

/// Keeps the calling thread on one processor while it lives.
class Pinned {
  public:
    explicit Pinned(int processor);
    Pinned(const Pinned&) = delete;
    Pinned& operator=(const Pinned&) = delete;
    ~Pinned();
};

} // namespace bench
