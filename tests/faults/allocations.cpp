// Every allocation of the script fails: once, and from then on.

#include <cerrno>
#include <cstdio>
#include <limits>

#include "parts.hpp"

namespace {

using namespace faults;

void sweep(const char* name, void (*part)(), Totals& totals, const Options& options) {
    play({}, part);
    const long count = allocations_made();
    totals.places += count;
    totals.errors = 1;
    static long turn = 0;
    for (long nth = 0; nth < count; ++nth) {
        for (const long times : {1L, std::numeric_limits<long>::max()}) {
            if (++turn % options.every != 0) continue;
            char label[128];
            std::snprintf(label, sizeof label, "%s, allocation %ld %s", name, nth,
                          times == 1 ? "once" : "from then on");
            run({.of = Fault::Of::allocation, .nth = nth, .number = 0, .error = ENOMEM, .times = times}, part,
                label, totals);
        }
    }
}

} // namespace

int main(int count, char** arguments) { return for_each_part(count, arguments, "allocations", &sweep); }
