#include <windows.h>

#include "doctor.hpp"
#include "os.hpp"

namespace probe {

namespace {

// A function of ntdll that not every version has.
template <class F> F from_ntdll(const char* name) {
    const auto library = ::GetModuleHandleA("ntdll.dll");
    return reinterpret_cast<F>(reinterpret_cast<void*>(::GetProcAddress(library, name)));
}

// The true version: `GetVersionEx` returns a compatible one to older programs.
// @see RtlGetVersion
std::string windows_version() {
    ::OSVERSIONINFOW version{};
    version.dwOSVersionInfoSize = sizeof version;
    const auto get = from_ntdll<long(WINAPI*)(::OSVERSIONINFOW*)>("RtlGetVersion");
    if (get == nullptr || get(&version) != 0) return {};
    return std::to_string(version.dwMajorVersion) + '.' + std::to_string(version.dwMinorVersion) + '.'
           + std::to_string(version.dwBuildNumber);
}

// Only Wine's ntdll has these: its version, and the system below it.
std::string wine_version() {
    const auto version = from_ntdll<const char*(__cdecl*)()>("wine_get_version");
    if (version == nullptr) return {};
    std::string text = std::string("Wine ") + version();
    if (const auto host = from_ntdll<void(__cdecl*)(const char**, const char**)>("wine_get_host_version")) {
        const char* name = "";
        const char* release = "";
        host(&name, &release);
        text += std::string(" on ") + name + ' ' + release;
    }
    return text;
}

std::string machine() {
    ::SYSTEM_INFO info{};
    ::GetNativeSystemInfo(&info);
    switch (info.wProcessorArchitecture) {
    case PROCESSOR_ARCHITECTURE_AMD64: return "x86_64";
    case PROCESSOR_ARCHITECTURE_ARM64: return "aarch64";
    default: return "architecture " + std::to_string(info.wProcessorArchitecture);
    }
}

} // namespace

System system() { return {"Windows", windows_version(), machine(), wine_version()}; }

// The loopback is no interface that could be down.
std::optional<LoopbackInterface> loopback_interface() { return std::nullopt; }

std::vector<Limit> process_limits() {
    ::DWORD count = 0;
    ::GetProcessHandleCount(::GetCurrentProcess(), &count);
    return {{"handles open", std::to_string(count), "of this process; there is no limit but memory", {}}};
}

// A process has as many handles as there is memory for, and no signal is sent for a broken pipe.
std::vector<Check> process_checks() { return {}; }

} // namespace probe
