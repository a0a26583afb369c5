#pragma once

#include <new>
#include <system_error>

namespace mio {

/// Runs `function`, which may allocate or start a thread. Returns `std::errc()`, or the error if there is no memory or
/// if the system refuses. In a build without exceptions, such a failure ends the program.
template <class F> [[nodiscard]] std::errc attempt(F&& function) noexcept {
#if defined(__cpp_exceptions)
    try {
        function();
    } catch (const std::bad_alloc&) {
        return std::errc::not_enough_memory;
    } catch (const std::system_error& refusal) {
        return static_cast<std::errc>(
            refusal.code().value()); // of the generic category: the C++ library threw it
    }
#else
    function();
#endif
    return {};
}

} // namespace mio
