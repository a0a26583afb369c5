module;

#include <windows.h>

module mio.async.file;

import mio.core;
import mio.net;
import mio.std;

namespace mio::async {
namespace {

std::unexpected<std::error_code> failed() noexcept {
    return std::unexpected(std::error_code(static_cast<int>(::GetLastError()), os_category()));
}

::HANDLE handle_of(RawHandle file) noexcept { return reinterpret_cast<::HANDLE>(file); }

::DWORD clamp(std::size_t size) noexcept {
    constexpr std::size_t most = 0x7fff'f000;
    return static_cast<::DWORD>(size < most ? size : most);
}

// The offset of a call. The handle is synchronous: the call returns when it is done.
::OVERLAPPED at(std::uint64_t offset) noexcept {
    ::OVERLAPPED place{};
    place.Offset = static_cast<::DWORD>(offset);
    place.OffsetHigh = static_cast<::DWORD>(offset >> 32);
    return place;
}

} // namespace

Result<RawHandle> open_file(const std::string& path, const OpenOptions& options) noexcept {
    if (path.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
        return std::unexpected(os_error(std::errc::filename_too_long));
    const int bytes = static_cast<int>(path.size());
    const int size =
        bytes == 0 ? 0 : ::MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path.data(), bytes, nullptr, 0);
    if (size == 0 && bytes != 0) return failed();
    const std::unique_ptr<wchar_t[]> wide(new (std::nothrow) wchar_t[static_cast<std::size_t>(size) + 1]{});
    if (!wide) return std::unexpected(os_error(std::errc::not_enough_memory));
    if (bytes != 0)
        ::MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path.data(), bytes, wide.get(), size);
    const ::DWORD access = (options.read ? GENERIC_READ : 0) | (options.write ? GENERIC_WRITE : 0);
    const ::DWORD disposition = options.create_new                   ? CREATE_NEW
                                : options.create && options.truncate ? CREATE_ALWAYS
                                : options.create                     ? OPEN_ALWAYS
                                : options.truncate                   ? TRUNCATE_EXISTING
                                                                     : OPEN_EXISTING;
    const ::HANDLE file =
        ::CreateFileW(wide.get(), access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                      disposition, FILE_ATTRIBUTE_NORMAL, nullptr);
    if (file == INVALID_HANDLE_VALUE) return failed();
    return reinterpret_cast<RawHandle>(file);
}

Result<std::size_t> read_file(RawHandle file, std::span<std::byte> buffer, std::uint64_t offset) noexcept {
    ::OVERLAPPED place = at(offset);
    ::DWORD count = 0;
    if (::ReadFile(handle_of(file), buffer.data(), clamp(buffer.size()), &count, &place) != 0) return count;
    if (::GetLastError() == ERROR_HANDLE_EOF) return 0;
    return failed();
}

Result<std::size_t> write_file(RawHandle file, std::span<const std::byte> bytes,
                               std::uint64_t offset) noexcept {
    ::OVERLAPPED place = at(offset);
    ::DWORD count = 0;
    if (::WriteFile(handle_of(file), bytes.data(), clamp(bytes.size()), &count, &place) != 0) return count;
    return failed();
}

Result<> sync_file(RawHandle file) noexcept {
    if (::FlushFileBuffers(handle_of(file)) == 0) return failed();
    return {};
}

Result<std::uint64_t> size_of_file(RawHandle file) noexcept {
    ::LARGE_INTEGER size{};
    if (::GetFileSizeEx(handle_of(file), &size) == 0) return failed();
    return static_cast<std::uint64_t>(size.QuadPart);
}

Result<> resize_file(RawHandle file, std::uint64_t size) noexcept {
    ::FILE_END_OF_FILE_INFO end{};
    end.EndOfFile.QuadPart = static_cast<::LONGLONG>(size);
    if (::SetFileInformationByHandle(handle_of(file), FileEndOfFileInfo, &end, sizeof end) == 0)
        return failed();
    return {};
}

void close_file(RawHandle file) noexcept { static_cast<void>(::CloseHandle(handle_of(file))); }

Result<std::size_t> read_file_at_once(RawHandle, std::span<std::byte>, std::uint64_t) noexcept {
    return std::unexpected(make_error_code(Errc::unsupported));
}

Result<std::size_t> send_file_some(const net::TcpStream&, RawHandle, std::uint64_t, std::size_t) noexcept {
    return std::unexpected(make_error_code(Errc::unsupported));
}

} // namespace mio::async
