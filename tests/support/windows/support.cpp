#include "sockets.hpp"

#include <windows.h>
#include <winternl.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "support.hpp"

namespace test {

void expect_non_blocking(mio::RawHandle) {}
void expect_blocking(mio::RawHandle) {}

bool is_close_on_exec(mio::RawHandle handle) {
    ::DWORD flags = 0;
    // What names nothing here names the process itself there.
    return handle != mio::invalid_handle
           && ::GetHandleInformation(reinterpret_cast<::HANDLE>(handle), &flags) != 0
           && (flags & HANDLE_FLAG_INHERIT) == 0;
}

bool is_open(mio::RawHandle handle) {
    ::DWORD flags = 0;
    // What names nothing here names the process itself there.
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

bool tells_of_refused_datagrams() { return !is_wine(); }

namespace {

// SystemExtendedHandleInformation, of which no header of the SDK's tells.
struct HandleOfTheSystem {
    void* object;
    std::uintptr_t process, handle;
    ::ULONG access;
    ::USHORT trace, type;
    ::ULONG attributes, reserved;
};
struct HandlesOfTheSystem {
    std::uintptr_t count, reserved;
    HandleOfTheSystem first;
};
constexpr int handles_of_the_system = 64;
constexpr auto status_info_length_mismatch = static_cast<::NTSTATUS>(0xC0000004);

} // namespace

// GetProcessHandleCount would be shorter, but Wine always answers 0.
OpenHandles open_handles() {
    // Winsock opens things of its own for the first sockets, and keeps them.
    [[maybe_unused]] static const bool is_warm =
        (static_cast<void>(plain::socket_pair()), static_cast<void>(plain::datagram_socket()), true);
    static std::vector<std::byte> room(1 << 20);
    static std::mutex mutex;
    const std::scoped_lock lock(mutex);
    ::NTSTATUS status = 0;
    const auto what = static_cast<::SYSTEM_INFORMATION_CLASS>(handles_of_the_system);
    while (
        (status = ::NtQuerySystemInformation(what, room.data(), static_cast<::ULONG>(room.size()), nullptr))
        == status_info_length_mismatch) {
        room.resize(room.size() * 2);
    }
    EXPECT_GE(status, 0);
    const auto& all = *reinterpret_cast<const HandlesOfTheSystem*>(room.data());
    const std::span handles(&all.first, all.count);
    return static_cast<OpenHandles>(
        std::ranges::count(handles, std::uintptr_t{::GetCurrentProcessId()}, &HandleOfTheSystem::process));
}

DescriptorGuard::~DescriptorGuard() { EXPECT_LE(open_handles(), before_) << "handles were left open"; }

namespace plain {

// The system tells of an end beside what it is asked for, and cannot be asked for it alone.
void await_end(mio::RawHandle handle) {
    const auto limit = std::chrono::steady_clock::now() + generous_margin;
    while ((await(handle, POLLIN) & (POLLHUP | POLLERR)) == 0 && std::chrono::steady_clock::now() < limit)
        std::this_thread::sleep_for(1ms);
}

// There is no socketpair: a connection over the loopback, which sends at once what it is given.
std::pair<Socket, Socket> socket_pair() {
    const auto listener = listen(local_v4());
    auto here = connect(address_of(listener));
    auto there = accept(listener);
    for (const auto* end : {&here, &there}) must(set_option(end->fd(), IPPROTO_TCP, TCP_NODELAY, 1));
    return {std::move(here), std::move(there)};
}

} // namespace plain

} // namespace test
