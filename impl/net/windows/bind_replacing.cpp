module;

#include <windows.h>

#include <array>
#include <expected>
#include <string_view>
#include <system_error>
#include <utility>

module mio.net.local;

import mio.core.error;
import mio.os;
import mio.os.kernel_handle;

namespace mio::net {
namespace {

using WidePath = std::array<wchar_t, UnixAddress::max_size + 1>;

// Winsock takes paths in UTF-8.
Result<WidePath> wide_path(std::string_view path) noexcept {
    WidePath wide{};
    const int size =
        ::MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path.data(), static_cast<int>(path.size()),
                              wide.data(), static_cast<int>(wide.size() - 1));
    if (size == 0) return std::unexpected(os::last_error());
    return wide;
}

// Keeps other processes of this session out.
class Lock {
  public:
    static Result<Lock> acquire() noexcept {
        os::KernelHandle mutex(::CreateMutexW(nullptr, FALSE, L"Local\\mio.net.UnixListener.bind_replacing"));
        if (!mutex) return std::unexpected(os::last_error());
        // Abandoned by a process that ended, it is ours as well.
        if (::WaitForSingleObject(mutex.get(), INFINITE) == WAIT_FAILED)
            return std::unexpected(os::last_error());
        return Lock(std::move(mutex));
    }
    Lock(Lock&&) noexcept = default;
    ~Lock() {
        if (mutex_) ::ReleaseMutex(mutex_.get());
    }

  private:
    explicit Lock(os::KernelHandle mutex) noexcept : mutex_(std::move(mutex)) {}

    os::KernelHandle mutex_;
};

// A socket that was bound and whose listener is gone.
bool is_left_over(const UnixAddress& address, const WidePath& path) noexcept {
    constexpr ::DWORD socket_tag = 0x80000023; // IO_REPARSE_TAG_AF_UNIX, which not all headers have
    ::WIN32_FIND_DATAW entry{};
    const auto search = ::FindFirstFileW(path.data(), &entry);
    if (search == INVALID_HANDLE_VALUE) return false;
    ::FindClose(search);
    if ((entry.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) == 0 || entry.dwReserved0 != socket_tag)
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
    const auto wide = wide_path(path);
    if (!wide) return std::unexpected(wide.error());
    const auto lock = Lock::acquire();
    if (!lock) return std::unexpected(lock.error());
    auto listener = bind(*address);
    if (listener || listener.error() != std::errc::address_in_use || !is_left_over(*address, *wide))
        return listener;
    if (auto removed = os::check_bool(::DeleteFileW(wide->data())); !removed)
        return std::unexpected(removed.error());
    return bind(*address);
}

} // namespace mio::net
