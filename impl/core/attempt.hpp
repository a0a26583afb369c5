#pragma once

#include <new>
#include <system_error>

namespace mio {

/// Runs `function`, which may allocate or start a thread. Returns false if there is no memory, or if the system refuses.
/// In a build without exceptions, such a failure ends the program.
template <class F> [[nodiscard]] bool attempt(F&& function) noexcept {
#if defined(__cpp_exceptions)
    try {
        function();
    } catch (const std::bad_alloc&) {
        return false;
    } catch (const std::system_error&) {
        return false;
    }
#else
    function();
#endif
    return true;
}

} // namespace mio
