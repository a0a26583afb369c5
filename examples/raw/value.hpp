#pragma once

#include <cstdio>
#include <cstdlib>
#include <utility>

/// Returns the value of a `mio::Result`. Prints an error and exits if there is none.
template <class Result> typename Result::value_type value(Result result, const char* what) {
    if (!result) {
        std::fprintf(stderr, "%s: %s\n", what, result.error().message().c_str());
        std::exit(EXIT_FAILURE);
    }
    return *std::move(result);
}
