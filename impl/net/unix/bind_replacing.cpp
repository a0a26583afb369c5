module;

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <expected>
#include <string_view>
#include <system_error>
#include <utility>

module mio.net.local;

import mio.core.error;
import mio.core.handle;
import mio.core.owned_handle;
import mio.os;

namespace mio::net {
namespace {

using CPath = std::array<char, UnixAddress::max_size + 1>;

CPath c_path(std::string_view path) noexcept {
    CPath copy{};
    path.copy(copy.data(), UnixAddress::max_size);
    return copy;
}

std::string_view folder_of(std::string_view path) noexcept {
    const auto slash = path.rfind('/');
    if (slash == std::string_view::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

// Holds an exclusive lock on a folder.
class FolderLock {
  public:
    static Result<FolderLock> acquire(std::string_view folder) noexcept {
        auto handle = os::check_handle(::open(c_path(folder).data(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!handle) return std::unexpected(handle.error());
        while (::flock(handle->get(), LOCK_EX) == -1) {
            if (errno != EINTR) return std::unexpected(os::last_error());
        }
        return FolderLock(std::move(*handle));
    }
    FolderLock(FolderLock&&) noexcept = default;
    // Closing is not enough: a child forked meanwhile by another thread would keep the lock. See flock(2).
    ~FolderLock() {
        if (handle_.get() != invalid_handle) ::flock(handle_.get(), LOCK_UN);
    }

  private:
    explicit FolderLock(OwnedHandle handle) noexcept : handle_(std::move(handle)) {}

    OwnedHandle handle_;
};

// A socket that was bound and whose listener is gone.
bool is_left_over(const UnixAddress& address) noexcept {
    struct ::stat status{};
    if (::lstat(c_path(*address.path()).data(), &status) == -1 || !S_ISSOCK(status.st_mode)) return false;
    const auto answer = UnixStream::connect(address);
    return !answer && answer.error() == std::errc::connection_refused;
}

} // namespace

// The lock is held until the new listener listens: between its `bind` and its `listen` it refuses connections, and
// another process that looked then would take it for left over.
Result<UnixListener> UnixListener::bind_replacing(std::string_view path) {
    const auto address = UnixAddress::from_path(path);
    if (!address) return std::unexpected(address.error());
    const auto lock = FolderLock::acquire(folder_of(path));
    if (!lock) return std::unexpected(lock.error());
    auto listener = bind(*address);
    if (listener || listener.error() != std::errc::address_in_use || !is_left_over(*address)) return listener;
    if (auto unlinked = os::check(::unlink(c_path(path).data())); !unlinked)
        return std::unexpected(unlinked.error());
    return bind(*address);
}

} // namespace mio::net
