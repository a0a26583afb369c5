#include "harness/processors.hpp"

#include "harness/failure.hpp"

#if defined(__linux__)

#include <sched.h>

namespace bench {
namespace {

void keep_to(const std::vector<int>& some) {
    ::cpu_set_t set;
    CPU_ZERO(&set);
    for (const int processor : some) CPU_SET(static_cast<std::size_t>(processor), &set);
    must(::sched_setaffinity(0, sizeof set, &set), "sched_setaffinity");
}

} // namespace

const std::vector<int>& processors() {
    static const std::vector<int> all = [] {
        ::cpu_set_t set;
        must(::sched_getaffinity(0, sizeof set, &set), "sched_getaffinity");
        std::vector<int> found;
        for (int processor = 0; processor < CPU_SETSIZE; ++processor) {
            if (CPU_ISSET(static_cast<std::size_t>(processor), &set)) found.push_back(processor);
        }
        return found;
    }();
    return all;
}

Pinned::Pinned(int processor) {
    static_cast<void>(processors()); // read before it is narrowed
    keep_to({processor});
}

Pinned::~Pinned() { keep_to(processors()); }

} // namespace bench

#else // the other systems have no affinity, or each its own calls for it

namespace bench {

const std::vector<int>& processors() {
    static const std::vector<int> one{0};
    return one;
}

Pinned::Pinned(int) {}
Pinned::~Pinned() {} // NOLINT(modernize-use-equals-default)

} // namespace bench

#endif
