#include "sockets.hpp"

#include <windows.h>

#include <chrono>
#include <cstdint>
#include <thread>
#include <utility>

#include "support.hpp"

namespace test {

void expect_non_blocking(mio::RawHandle) {}
void expect_blocking(mio::RawHandle) {}

bool is_close_on_exec(mio::RawHandle handle) {
    ::DWORD flags = 0;
    return ::GetHandleInformation(reinterpret_cast<::HANDLE>(handle), &flags) != 0
           && (flags & HANDLE_FLAG_INHERIT) == 0;
}

bool is_open(mio::RawHandle handle) {
    ::DWORD flags = 0;
    return ::GetHandleInformation(reinterpret_cast<::HANDLE>(handle), &flags) != 0;
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

bool tells_of_refused_datagrams() {
    return ::GetProcAddress(::GetModuleHandleW(L"ntdll.dll"), "wine_get_version") == nullptr;
}

OpenHandles open_handles() {
    ::DWORD count = 0;
    EXPECT_NE(::GetProcessHandleCount(::GetCurrentProcess(), &count), 0);
    return count;
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
