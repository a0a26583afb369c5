// Socket functions that differ between system families, for plain.cpp.
#pragma once

#include <chrono>
#include <system_error>

#include "sockets.hpp"

#include "support.hpp"

namespace test::plain::native {

using Length = int;
using Size = int;
inline constexpr int shut_writing = SD_SEND;

inline std::error_code last_error() { return {::WSAGetLastError(), mio::os_category()}; }

/// Also starts Winsock: a test may need it before the library does.
inline mio::RawHandle open(int family, int type) {
    static const int started = [] {
        ::WSADATA data{};
        return ::WSAStartup(MAKEWORD(2, 2), &data);
    }();
    if (started != 0) return mio::invalid_handle;
    return ::WSASocketW(family, type, 0, nullptr, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
}
inline mio::RawHandle accept(mio::RawHandle listener) { return ::accept(listener, nullptr, nullptr); }
inline void close(mio::RawHandle handle) { ::closesocket(handle); }
inline bool set_non_blocking(mio::RawHandle handle) {
    ::u_long yes = 1;
    return ::ioctlsocket(handle, static_cast<long>(FIONBIO), &yes) == 0;
}
inline int wait(::WSAPOLLFD& record, int timeout_ms) { return ::WSAPoll(&record, 1, timeout_ms); }

inline ::DWORD time_out(std::chrono::milliseconds limit) { return static_cast<::DWORD>(limit.count()); }

} // namespace test::plain::native
