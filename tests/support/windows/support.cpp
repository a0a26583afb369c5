#include "sockets.hpp"

#include <windows.h>
#include <winternl.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <thread>
#include <utility>

#include "support.hpp"

namespace test {

void expect_non_blocking(mio::RawHandle) {}
void expect_blocking(mio::RawHandle) {}

bool is_close_on_exec(mio::RawHandle handle) {
    ::DWORD flags = 0;
    // The invalid handle value is the pseudo-handle of the current process.
    return handle != mio::invalid_handle
           && ::GetHandleInformation(reinterpret_cast<::HANDLE>(handle), &flags) != 0
           && (flags & HANDLE_FLAG_INHERIT) == 0;
}

bool is_open(mio::RawHandle handle) {
    ::DWORD flags = 0;
    // The invalid handle value is the pseudo-handle of the current process.
    return handle != mio::invalid_handle
           && ::GetHandleInformation(reinterpret_cast<::HANDLE>(handle), &flags) != 0;
}

std::chrono::nanoseconds processor_time() {
    ::FILETIME creation{}, exit{}, kernel{}, user{};
    EXPECT_NE(::GetThreadTimes(::GetCurrentThread(), &creation, &exit, &kernel, &user), 0);
    // In units of 100 ns.
    const auto count = [](const ::FILETIME& time) {
        return std::int64_t{time.dwHighDateTime} << 32 | time.dwLowDateTime;
    };
    return std::chrono::nanoseconds((count(kernel) + count(user)) * 100);
}

bool is_wine() { return ::GetProcAddress(::GetModuleHandleW(L"ntdll.dll"), "wine_get_version") != nullptr; }

bool reports_refused_datagrams() { return !is_wine(); }

namespace {

bool is_in_use(::HANDLE handle) {
    ::DWORD flags = 0;
    return ::GetHandleInformation(handle, &flags) != 0;
}

// Sockets, devices and pipes are files. Other handles belong to the run-time library, which creates an event when
// threads first contend for one of its locks, and keeps it.
bool is_of_interest(::HANDLE handle) {
    struct {
        ::PUBLIC_OBJECT_TYPE_INFORMATION type;
        std::array<wchar_t, 64> name;
    } information{};
    // ObjectTypeInformation, missing from some SDKs
    const auto what = static_cast<::OBJECT_INFORMATION_CLASS>(2);
    EXPECT_GE(::NtQueryObject(handle, what, &information, sizeof information, nullptr), 0);
    const auto& name = information.type.TypeName;
    const std::wstring_view type(name.Buffer, name.Length / sizeof(wchar_t));
    return type == L"File" || type == L"IoCompletion";
}

} // namespace

// Handles are tested one by one: under Wine GetProcessHandleCount returns 0, and wineserver occasionally crashes
// when asked for the list of all handles. Handle values are multiples of four, allocated from the lowest.
OpenHandles open_handles() {
    // Winsock opens handles of its own for the first sockets, and keeps them.
    [[maybe_unused]] static const bool is_warm =
        (static_cast<void>(plain::socket_pair()), static_cast<void>(plain::datagram_socket()), true);
    constexpr int most_unused = 4096; // consecutive unused values
    OpenHandles count = 0;
    int unused = 0;
    for (std::uintptr_t number = 4; unused != most_unused; number += 4) {
        auto* const handle = reinterpret_cast<::HANDLE>(number);
        if (!is_in_use(handle)) {
            ++unused;
            continue;
        }
        unused = 0;
        if (is_of_interest(handle)) ++count;
    }
    return count;
}

DescriptorGuard::~DescriptorGuard() {
    // A thread's resources are freed shortly after it can be joined.
    const auto limit = std::chrono::steady_clock::now() + generous_margin;
    auto after = open_handles();
    while (after > before_ && std::chrono::steady_clock::now() < limit) {
        std::this_thread::sleep_for(10ms);
        after = open_handles();
    }
    EXPECT_LE(after, before_) << "handles were leaked";
}

namespace plain {

// The system reports a close in addition to the requested events, and not on its own. Wine reports it only after all
// earlier data is read.
void await_end(mio::RawHandle handle) {
    const std::chrono::milliseconds patience = is_wine() ? 200ms : generous_margin;
    const auto limit = std::chrono::steady_clock::now() + patience;
    while ((await(handle, POLLIN) & (POLLHUP | POLLERR)) == 0 && std::chrono::steady_clock::now() < limit)
        std::this_thread::sleep_for(1ms);
}

// There is no socketpair: uses a loopback connection without Nagle's algorithm.
std::pair<Socket, Socket> socket_pair() {
    const auto listener = listen(local_v4());
    auto here = connect(address_of(listener));
    auto there = accept(listener);
    for (const auto* end : {&here, &there}) must(set_option(end->fd(), IPPROTO_TCP, TCP_NODELAY, 1));
    return {std::move(here), std::move(there)};
}

} // namespace plain

} // namespace test
