#include <winsock2.h>

#include <windows.h>
#include <winternl.h>
#include <ws2tcpip.h>

#include "doctor.hpp"
#include "shared.hpp"

namespace probe {

// Facilities and checks of a system with completion ports: Windows and Wine.

namespace {

// Winsock is started by the library when it makes a socket.
std::error_code start_winsock() {
    const auto socket = mio::net::TcpSocket::v4();
    return socket ? std::error_code() : socket.error();
}

std::error_code last_socket_error() { return {::WSAGetLastError(), mio::os_category()}; }

std::error_code try_family(int family) {
    const auto socket = ::WSASocketW(family, SOCK_STREAM, 0, nullptr, 0, WSA_FLAG_NO_HANDLE_INHERIT);
    if (socket == INVALID_SOCKET) return last_socket_error();
    ::closesocket(socket);
    return {};
}

// The driver below Winsock, which reports the readiness of sockets.
std::error_code try_afd() {
    wchar_t path[] = L"\\Device\\Afd\\MioProbe";
    ::UNICODE_STRING name{.Length = sizeof path - sizeof *path, .MaximumLength = sizeof path, .Buffer = path};
    ::OBJECT_ATTRIBUTES attributes{};
    attributes.Length = sizeof attributes;
    attributes.ObjectName = &name;
    ::IO_STATUS_BLOCK status{};
    ::HANDLE handle = nullptr;
    const auto result = ::NtCreateFile(&handle, SYNCHRONIZE, &attributes, &status, nullptr, 0,
                                       FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_OPEN, 0, nullptr, 0);
    if (result < 0) return {static_cast<int>(::RtlNtStatusToDosError(result)), mio::os_category()};
    ::CloseHandle(handle);
    return {};
}

std::error_code try_completion_port() {
    const auto port = ::CreateIoCompletionPort(INVALID_HANDLE_VALUE, nullptr, 0, 1);
    if (port == nullptr) return {static_cast<int>(::GetLastError()), mio::os_category()};
    ::CloseHandle(port);
    return {};
}

std::error_code try_fine_timer() {
    constexpr ::DWORD high_resolution =
        2; // CREATE_WAITABLE_TIMER_HIGH_RESOLUTION, since Windows 10, version 1803
    const auto timer = ::CreateWaitableTimerExW(nullptr, nullptr, high_resolution, TIMER_ALL_ACCESS);
    if (timer == nullptr) return {static_cast<int>(::GetLastError()), mio::os_category()};
    ::CloseHandle(timer);
    return {};
}

} // namespace

std::vector<Facility> facilities() {
    return {
        {"Winsock", "sockets at all", start_winsock()},
        {"AFD device", "\\Device\\Afd: readiness of sockets", try_afd()},
        {"completion port", "what a poll waits for", try_completion_port()},
        {"fine timer", "timers finer than the system's tick; not used by the library", try_fine_timer()},
        {"IPv6", "IPv6 sockets", try_family(AF_INET6)},
        {"IPv4 loopback", "127.0.0.1 can be connected to", try_loopback_v4()},
        {"IPv6 loopback", "::1 can be connected to", try_loopback_v6()},
        {"Unix sockets", "streams by path; since Windows 10, version 1803", try_family(AF_UNIX)},
    };
}

std::vector<Limit> system_limits() { return {}; }

namespace {

// One for each of `facilities()`.
constexpr std::array needs{
    Need{"Winsock",
         {},
         Verdict::fail,
         "no socket can be made",
         "see whether ws2_32.dll loads, and its services run"},
    Need{"AFD device", {}, Verdict::fail, "no socket can be watched", "under Wine, take 7.13 or newer"},
    Need{"completion port", {}, Verdict::fail, "nothing can be waited for", ""},
    Need{"fine timer", {}, Verdict::note, "not used by the library", ""},
    Need{"IPv6", {}, Verdict::note, "IPv4 only", ""},
    Need{"Unix sockets", {}, Verdict::note, "UnixStream is refused", "Windows 10, version 1803, has them"},
};

Need requirement_of(std::string_view facility) {
    const auto found = std::ranges::find(needs, facility, &Need::facility);
    return found == needs.end() ? Need{facility, {}, Verdict::note, "", ""} : *found;
}

// The loopback is no interface that could be down or lack an address.
constexpr LoopbackRemedies remedies{.set_up = "",
                                    .assign_v4 = "reset TCP/IP: netsh int ip reset",
                                    .assign_v6 = "if it is wanted: netsh int ipv6 reset",
                                    .see_filter = "netsh advfirewall show allprofiles",
                                    .see_routes = "ipconfig /all, route print"};

} // namespace

std::vector<Check> system_checks() {
    std::vector<Check> checks;
    for (const auto& facility : facilities())
        checks.push_back(facility.name.ends_with(" loopback")
                             ? check_loopback(facility, std::nullopt, remedies)
                             : check_facility(facility, requirement_of(facility.name), std::nullopt));
    return checks;
}

} // namespace probe
