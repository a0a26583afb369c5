module;

#include <windows.h>

module mio.net.local;

import mio.core.error;
import mio.net.sockio;
import mio.os;
import mio.os.kernel_handle;
import mio.std;

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

// Excludes other threads and other processes of this session from a path, with a named mutex whose name is derived from
// the path. Spellings of one path that differ in more than the case of ASCII letters are different paths to it.
class PathLock {
  public:
    /// Never waits. Errors: `address_in_use` while another thread or process holds the lock; the OS's own.
    static Result<PathLock> acquire(const WidePath& path) noexcept {
        auto name = name_of(path);
        if (!name) return std::unexpected(name.error());
        os::KernelHandle mutex(::CreateMutexW(nullptr, FALSE, name->data()));
        if (!mutex) return std::unexpected(os::last_error());
        switch (::WaitForSingleObject(mutex.get(), 0)) {
        case WAIT_OBJECT_0:
        case WAIT_ABANDONED: return PathLock(std::move(mutex)); // abandoned by a process that ended
        case WAIT_TIMEOUT: return std::unexpected(os_error(std::errc::address_in_use));
        default: return std::unexpected(os::last_error());
        }
    }
    PathLock(PathLock&&) noexcept = default;
    ~PathLock() {
        if (mutex_) ::ReleaseMutex(mutex_.get());
    }

  private:
    using Name = std::array<wchar_t, 64>;

    explicit PathLock(os::KernelHandle mutex) noexcept : mutex_(std::move(mutex)) {}

    static Result<Name> name_of(const WidePath& path) noexcept {
        std::array<wchar_t, 1024> full{};
        const auto length =
            ::GetFullPathNameW(path.data(), static_cast<::DWORD>(full.size()), full.data(), nullptr);
        if (length == 0) return std::unexpected(os::last_error());
        if (length >= full.size()) return std::unexpected(make_error_code(Errc::path_too_long));
        // FNV-1a
        std::uint64_t digest = 0xcbf29ce484222325;
        for (const wchar_t c : std::span(full).first(length)) {
            const auto lower = c >= L'A' && c <= L'Z' ? c - L'A' + L'a' : c;
            digest = (digest ^ static_cast<std::uint64_t>(lower)) * 0x100000001b3;
        }
        constexpr std::wstring_view prefix = L"Local\\mio.net.bind_replacing.";
        Name name{};
        auto* end = std::ranges::copy(prefix, name.data()).out;
        for (int shift = 60; shift >= 0; shift -= 4) *end++ = L"0123456789abcdef"[digest >> shift & 0xf];
        return name;
    }

    os::KernelHandle mutex_;
};

enum class Found { nothing, left_over, in_use };

// Examines the path. `left_over`: a bound socket without a listener. Errors: the OS's own.
Result<Found> look_at(const UnixAddress& address, const WidePath& path) noexcept {
    constexpr ::DWORD socket_tag = 0x80000023; // IO_REPARSE_TAG_AF_UNIX, which not all headers have
    ::WIN32_FIND_DATAW entry{};
    const auto search = ::FindFirstFileW(path.data(), &entry);
    if (search == INVALID_HANDLE_VALUE) {
        if (::GetLastError() == ERROR_FILE_NOT_FOUND) return Found::nothing;
        return std::unexpected(os::last_error());
    }
    ::FindClose(search);
    if ((entry.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) == 0 || entry.dwReserved0 != socket_tag)
        return Found::in_use;
    const auto connected = UnixStream::connect(address);
    if (connected || would_block(connected.error())) return Found::in_use;
    const auto& error = connected.error();
    if (error == std::errc::connection_refused) return Found::left_over;
    if (error == std::errc::wrong_protocol_type) return Found::in_use;
    if (error == std::errc::no_such_file_or_directory) return Found::nothing;
    return std::unexpected(error);
}

} // namespace

// The lock is held until the new listener listens: between `bind` and `listen` it refuses connections, so another
// process would consider it left over.
Result<UnixListener> UnixListener::bind_replacing(std::string_view path) {
    const auto address = UnixAddress::from_path(path);
    if (!address) return std::unexpected(address.error());
    const auto wide = wide_path(path);
    if (!wide) return std::unexpected(wide.error());
    const auto lock = PathLock::acquire(*wide);
    if (!lock) return std::unexpected(lock.error());
    auto listener = bind(*address);
    if (listener || listener.error() != std::errc::address_in_use) return listener;
    const auto found = look_at(*address, *wide);
    if (!found) return std::unexpected(found.error());
    if (*found == Found::in_use) return listener;
    if (*found == Found::left_over) {
        if (auto removed = remove_socket_file(path); !removed) return std::unexpected(removed.error());
    }
    return bind(*address);
}

} // namespace mio::net
