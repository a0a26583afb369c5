// The entry point that libFuzzer calls. @see https://llvm.org/docs/LibFuzzer.html
#include <cstddef>
#include <cstdint>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::run({data, size});
    return 0;
}
