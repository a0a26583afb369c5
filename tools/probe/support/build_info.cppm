/// @file
/// What this program was built from and with.

module;

#include <string>
#include <string_view>
#include <vector>

export module probe.build_info;

namespace probe {

/// The library's version, "0.1.0".
export std::string_view version();

/// "Clang 19.1.7"
export std::string compiler();

/// "libstdc++ 12"
export std::string standard_library();

/// Every backend that was built in, the platform's own choice first.
export std::vector<std::string> backends();

} // namespace probe
