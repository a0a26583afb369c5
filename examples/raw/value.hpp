#pragma once

#include <cstdio>
#include <cstdlib>
#include <utility>

/// The value of a `mio::Result`. Where it is an error instead, ends the program with a sentence.
template <class Result> typename Result::value_type value(Result result, const char* what) {
    if (!result) {
        std::fprintf(stderr, "%s: %s\n", what, result.error().message().c_str());
        std::exit(EXIT_FAILURE);
    }
    return *std::move(result);
}
