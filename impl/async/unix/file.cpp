module;

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#if defined(__linux__)
#include <sys/utsname.h>
#endif

module mio.async.file;

import mio.core;
import mio.net;
import mio.std;

namespace mio::async {
namespace {

// Some systems reject larger sizes, or shorten the transfer.
constexpr std::size_t most_bytes = 0x7fff'f000;
constexpr std::size_t clamp(std::size_t size) noexcept { return size < most_bytes ? size : most_bytes; }

template <class T> Result<T> failed() noexcept {
    return std::unexpected(std::error_code(errno, os_category()));
}

// For calls that return a count, or -1 and set `errno`; repeated after a signal.
template <class F> Result<std::size_t> counted(F&& call) noexcept {
    while (true) {
        const ::ssize_t count = call();
        if (count >= 0) return static_cast<std::size_t>(count);
        if (errno != EINTR) return failed<std::size_t>();
    }
}
// For calls that return 0, or -1 and set `errno`; repeated after a signal.
template <class F> Result<> checked(F&& call) noexcept {
    while (call() == -1)
        if (errno != EINTR) return failed<void>();
    return {};
}

bool fits(std::uint64_t offset) noexcept {
    return offset <= static_cast<std::uint64_t>(std::numeric_limits<::off_t>::max());
}

#if defined(RWF_NOWAIT)
// Linux 5.9 and 5.10 return 0 instead of EAGAIN in some cases.
bool has_reliable_nowait() noexcept {
    ::utsname system{};
    if (::uname(&system) == -1) return false;
    char* end = nullptr;
    const long major = std::strtol(system.release, &end, 10);
    if (*end != '.') return false;
    const long minor = std::strtol(end + 1, nullptr, 10);
    return !(major == 5 && (minor == 9 || minor == 10));
}
#endif

} // namespace

Result<RawHandle> open_file(const std::string& path, const OpenOptions& options) noexcept {
    int flags = O_CLOEXEC | (options.write ? options.read ? O_RDWR : O_WRONLY : O_RDONLY);
    if (options.create || options.create_new) flags |= O_CREAT;
    if (options.create_new) flags |= O_EXCL;
    if (options.truncate) flags |= O_TRUNC;
    while (true) {
        const int file = ::open(path.c_str(), flags, 0666);
        if (file != -1) return file;
        if (errno != EINTR) return failed<RawHandle>();
    }
}

Result<std::size_t> read_file(RawHandle file, std::span<std::byte> buffer, std::uint64_t offset) noexcept {
    if (!fits(offset)) return std::unexpected(os_error(std::errc::invalid_argument));
    return counted(
        [&] { return ::pread(file, buffer.data(), clamp(buffer.size()), static_cast<::off_t>(offset)); });
}

Result<std::size_t> write_file(RawHandle file, std::span<const std::byte> bytes,
                               std::uint64_t offset) noexcept {
    if (!fits(offset)) return std::unexpected(os_error(std::errc::file_too_large));
    return counted(
        [&] { return ::pwrite(file, bytes.data(), clamp(bytes.size()), static_cast<::off_t>(offset)); });
}

Result<> sync_file(RawHandle file) noexcept {
    return checked([&] { return ::fsync(file); });
}

Result<std::uint64_t> size_of_file(RawHandle file) noexcept {
    struct ::stat status{};
    if (::fstat(file, &status) == -1) return failed<std::uint64_t>();
    return static_cast<std::uint64_t>(status.st_size);
}

Result<> resize_file(RawHandle file, std::uint64_t size) noexcept {
    if (!fits(size)) return std::unexpected(os_error(std::errc::file_too_large));
    return checked([&] { return ::ftruncate(file, static_cast<::off_t>(size)); });
}

void close_file(RawHandle file) noexcept { static_cast<void>(::close(file)); }

Result<std::size_t> read_file_at_once([[maybe_unused]] RawHandle file,
                                      [[maybe_unused]] std::span<std::byte> buffer,
                                      [[maybe_unused]] std::uint64_t offset) noexcept {
#if defined(RWF_NOWAIT)
    static const bool is_reliable = has_reliable_nowait();
    if (is_reliable && fits(offset)) {
        const ::iovec vector{buffer.data(), clamp(buffer.size())};
        const ::ssize_t count = ::preadv2(file, &vector, 1, static_cast<::off_t>(offset), RWF_NOWAIT);
        if (count >= 0) return static_cast<std::size_t>(count);
        if (errno == EAGAIN || errno == EINTR)
            return std::unexpected(os_error(std::errc::operation_would_block));
        // Some file systems, Linux before 4.14 and some sandboxes do not support it.
        if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL && errno != EPERM)
            return failed<std::size_t>();
    }
#endif
    return std::unexpected(make_error_code(Errc::unsupported));
}

Result<std::size_t> send_file_some(const net::TcpStream& to, RawHandle file, std::uint64_t offset,
                                   std::size_t count) noexcept {
    return net::send_file(to, file, offset, count);
}

} // namespace mio::async
