module;

#include <cstddef>
#include <ranges>
#include <string>
#include <string_view>
#include <vector>

module probe.build_info;

namespace probe {

std::string_view version() { return MIO_PROBE_VERSION; }

std::string compiler() {
#if defined(__clang__)
    return "Clang " + std::to_string(__clang_major__) + '.' + std::to_string(__clang_minor__) + '.'
           + std::to_string(__clang_patchlevel__);
#elif defined(__GNUC__)
    return "GCC " + std::to_string(__GNUC__) + '.' + std::to_string(__GNUC_MINOR__) + '.'
           + std::to_string(__GNUC_PATCHLEVEL__);
#elif defined(_MSC_VER)
    return "MSVC " + std::to_string(_MSC_VER / 100) + '.' + std::to_string(_MSC_VER % 100);
#else
    return "unknown";
#endif
}

std::string standard_library() {
#if defined(_LIBCPP_VERSION)
    return "libc++ " + std::to_string(_LIBCPP_VERSION / 10000) + '.'
           + std::to_string(_LIBCPP_VERSION / 100 % 100);
#elif defined(_GLIBCXX_RELEASE)
    return "libstdc++ " + std::to_string(_GLIBCXX_RELEASE);
#elif defined(_MSVC_STL_VERSION)
    return "MSVC STL " + std::to_string(_MSVC_STL_VERSION);
#else
    return "unknown";
#endif
}

std::vector<std::string> backends() {
    std::vector<std::string> list;
    for (const auto name : std::views::split(std::string_view(MIO_PROBE_BACKENDS), ',')) {
        list.emplace_back(name.begin(), name.end());
    }
    return list;
}

} // namespace probe
