module;

#include <winsock2.h>

#include <windows.h>

#include <array>
#include <cstddef>
#include <expected>
#include <string_view>
#include <system_error>
#include <utility>

module mio.net.local;

import mio.core.error;
import mio.os;

namespace mio::net {
namespace {

/// Keeps apart the processes of this session that replace a socket.
class ReplacingLock {
  public:
    static Result<ReplacingLock> acquire() noexcept {
        const auto mutex = ::CreateMutexW(nullptr, FALSE, L"Local\\mio-bind-replacing");
        if (mutex == nullptr) return std::unexpected(os::last_error());
        ReplacingLock lock(mutex);
        // WAIT_ABANDONED is as good: whoever held it ended in between, and left nothing half done.
        if (::WaitForSingleObject(mutex, INFINITE) == WAIT_FAILED) return std::unexpected(os::last_error());
        return lock;
    }
    ReplacingLock(ReplacingLock&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
    ReplacingLock& operator=(ReplacingLock&&) = delete;
    ~ReplacingLock() {
        if (mutex_ == nullptr) return;
        ::ReleaseMutex(mutex_);
        ::CloseHandle(mutex_);
    }

  private:
    explicit ReplacingLock(::HANDLE mutex) noexcept : mutex_(mutex) {}

    ::HANDLE mutex_;
};

// The path in the user's code page, as sockaddr_un takes it.
std::array<char, UnixAddress::max_size + 1> c_path(std::string_view path) noexcept {
    std::array<char, UnixAddress::max_size + 1> copy{};
    path.copy(copy.data(), UnixAddress::max_size);
    return copy;
}

// A socket that was bound and whose listener is gone. Its file is a reparse point, as no ordinary file is.
bool is_left_over(const UnixAddress& address) noexcept {
    const auto attributes = ::GetFileAttributesA(c_path(*address.path()).data());
    if (attributes == INVALID_FILE_ATTRIBUTES || (attributes & FILE_ATTRIBUTE_REPARSE_POINT) == 0)
        return false;
    const auto answer = UnixStream::connect(address);
    return !answer && answer.error() == std::errc::connection_refused;
}

} // namespace

// The lock is held until the new listener listens: between its `bind` and its `listen` it refuses connections, and
// another process that looked then would take it for left over.
Result<UnixListener> UnixListener::bind_replacing(std::string_view path) {
    const auto address = UnixAddress::from_path(path);
    if (!address) return std::unexpected(address.error());
    const auto lock = ReplacingLock::acquire();
    if (!lock) return std::unexpected(lock.error());
    auto listener = bind(*address);
    if (listener || listener.error() != std::errc::address_in_use || !is_left_over(*address)) return listener;
    if (::DeleteFileA(c_path(path).data()) == FALSE) return std::unexpected(os::last_error());
    return bind(*address);
}

} // namespace mio::net
