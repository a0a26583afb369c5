// Every system call of the script fails, with every error that it may have: once, and from then on.

#include <cstdio>
#include <limits>
#include <set>
#include <string_view>
#include <vector>

#include "errors.hpp"
#include "parts.hpp"

namespace {

using namespace faults;

std::set<int> errors_tried;

// A condition that passes does so after some attempts.
long longest(int error) { return is_transient(error) ? 10 : std::numeric_limits<long>::max(); }

void sweep(const char* name, void (*part)(), Totals& totals, const Options& options) {
    play({}, part);
    const std::vector<long> calls(calls_made().begin(), calls_made().end());
    totals.places += static_cast<long>(calls.size());
    static long turn = 0;
    for (std::size_t nth = 0; nth < calls.size(); ++nth) {
        const auto& call = *find_fallible(calls[nth]);
        for (const int error : call.errors) {
            // A loop of mio.async whose wake-up is refused goes on in its next turn, which may never come.
            if (call.number == write_eventfd && !is_transient(error)
                && std::string_view(name).contains("async"))
                continue;
            errors_tried.insert(error);
            for (const long times : {1L, longest(error)}) {
                if (++turn % options.every != 0) continue;
                char label[128];
                std::snprintf(label, sizeof label, "%s, call %zu (%s): %s %s", name, nth, call.name,
                              name_of_error(error), times == 1 ? "once" : "from then on");
                run({.of = Fault::Of::call,
                     .nth = static_cast<long>(nth),
                     .number = call.number,
                     .error = error,
                     .times = times},
                    part, label, totals);
            }
        }
    }
    totals.errors = static_cast<long>(errors_tried.size());
}

} // namespace

int main(int count, char** arguments) { return for_each_part(count, arguments, "calls", &sweep); }
