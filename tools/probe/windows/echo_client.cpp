#include <winsock2.h>

#include <windows.h>

#include "workloads/echo_connection.hpp"

#include "echo_client.hpp"
#include "os.hpp"

namespace probe {

namespace {

// The first argument of the client. It is not for users, so that `--help` does not show it.
constexpr std::string_view client_argument = "--echo-client";

std::error_code last_error() { return {static_cast<int>(::GetLastError()), mio::os_category()}; }

std::wstring path_of_this_program() {
    std::wstring path(32'768, L'\0'); // the longest of Windows
    path.resize(::GetModuleFileNameW(nullptr, path.data(), static_cast<::DWORD>(path.size())));
    return path;
}

mio::Child start_client(std::uint16_t port, std::uint64_t requests) {
    const auto path = path_of_this_program();
    std::wstring line = L'"' + path + L"\" ";
    line.append(client_argument.begin(), client_argument.end());
    line += L' ' + std::to_wstring(port) + L' ' + std::to_wstring(requests);
    ::STARTUPINFOW startup{};
    startup.cb = sizeof startup;
    ::PROCESS_INFORMATION started{};
    // Ctrl-C reaches the processes of one group.
    if (::CreateProcessW(path.c_str(), line.data(), nullptr, nullptr, FALSE, CREATE_NEW_PROCESS_GROUP,
                         nullptr, nullptr, &startup, &started)
        == 0) {
        throw Refused{"CreateProcess", last_error(), {}};
    }
    ::CloseHandle(started.hThread);
    return must(mio::Child::from_raw(reinterpret_cast<mio::RawHandle>(started.hProcess)), "CreateProcess");
}

// Blocking calls. Returns whether all requests were echoed.
bool send_requests(std::uint16_t port, std::uint64_t requests) {
    ::WSADATA data;
    if (::WSAStartup(MAKEWORD(2, 2), &data) != 0) return false;
    const ::SOCKET socket = ::socket(AF_INET, SOCK_STREAM, 0);
    ::sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = ::htons(port);
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    if (::connect(socket, reinterpret_cast<const ::sockaddr*>(&address), sizeof address) != 0) return false;
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, reinterpret_cast<const char*>(&on), sizeof on);
    std::array<char, ::bench::echo_text.size()> echo{};
    const int size = static_cast<int>(echo.size());
    for (; requests != 0; --requests) {
        if (::send(socket, ::bench::echo_text.data(), size, 0) != size) return false;
        for (int missing = size; missing != 0;) {
            const int got = ::recv(socket, echo.data(), missing, 0);
            if (got <= 0) return false;
            missing -= got;
        }
    }
    return ::closesocket(socket) == 0;
}

} // namespace

std::optional<int> os::run_as_peer(int count, const char* const* arguments) {
    if (count != 4 || arguments[1] != client_argument) return std::nullopt;
    const auto port = static_cast<std::uint16_t>(std::strtoul(arguments[2], nullptr, 10));
    return send_requests(port, std::strtoull(arguments[3], nullptr, 10)) ? EXIT_SUCCESS : EXIT_FAILURE;
}

namespace bench {

EchoClient::EchoClient(std::uint16_t port, std::uint64_t requests) : process_(start_client(port, requests)) {}

EchoClient::~EchoClient() {
    static_cast<void>(process_.send(mio::Signal::kill)); // fails if it has ended
}

void EchoClient::join() {
    ::WaitForSingleObject(reinterpret_cast<::HANDLE>(process_.raw()), INFINITE);
    const auto ended = must(process_.try_wait(), "GetExitCodeProcess");
    if (ended && !ended->is_success())
        throw Refused{"the client", std::make_error_code(std::errc::connection_aborted), {}};
}

} // namespace bench
} // namespace probe
