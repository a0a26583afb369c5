module;

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

module mio.net.local;

import mio.core.error;
import mio.core.handle;
import mio.net.sockio;
import mio.os;
import mio.std;

namespace mio::net {
namespace {

using CPath = std::array<char, UnixAddress::max_size + 1>;

CPath c_path(std::string_view path) noexcept {
    CPath copy{};
    path.copy(copy.data(), UnixAddress::max_size);
    return copy;
}

// Locks a path against other processes and threads: the lock is a separate file beside it, which only its owner can
// open and which is removed afterwards.
class PathLock {
  public:
    /// Never waits. Errors: `address_in_use` while another holder has the lock; the OS's own.
    static Result<PathLock> acquire(std::string_view path) noexcept {
        // Each failed attempt met a holder that has since removed its file.
        constexpr int attempts = 64;
        PathLock lock(path);
        for (int i = 0; i < attempts; ++i) {
            // Non-blocking, since anyone with write permission to the directory can put a FIFO there.
            constexpr int how = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
            bool is_new = true;
            auto handle = lock.open(how | O_CREAT | O_EXCL);
            if (!handle && handle.error() == std::errc::file_exists) {
                is_new = false;
                handle = lock.open(how);
                if (!handle && handle.error() == std::errc::no_such_file_or_directory) continue;
            }
            if (!handle) return std::unexpected(handle.error());
            // A file that existed before belongs to others.
            const auto give_up = [&](const std::error_code& error) {
                if (is_new) ::unlink(lock.name_.data());
                return std::unexpected(error);
            };
            if (::flock(handle->get(), LOCK_EX | LOCK_NB) == -1) {
                if (errno == EWOULDBLOCK) return std::unexpected(os_error(std::errc::address_in_use));
                return give_up(os::last_error());
            }
            lock.handle_ = std::move(*handle);
            const auto is_there = lock.is_at_its_name();
            if (is_there && *is_there) return lock;
            lock.unlock();
            if (!is_there) return give_up(is_there.error());
        }
        return std::unexpected(os_error(std::errc::address_in_use));
    }
    PathLock(PathLock&&) noexcept = default;
    ~PathLock() {
        if (handle_.get() == invalid_handle) return;
        ::unlink(name_.data()); // before it is unlocked; afterwards it may belong to another holder
        unlock();
    }

  private:
    static constexpr std::string_view suffix = ".mio-lock";

    explicit PathLock(std::string_view path) noexcept {
        auto* const end = std::ranges::copy(path, name_.data()).out;
        std::ranges::copy(suffix, end);
    }

    [[nodiscard]] Result<OwnedHandle> open(int how) const noexcept {
        return os::check_handle(::open(name_.data(), how, S_IRUSR | S_IWUSR));
    }

    // Closing is not enough: a child forked by another thread would keep the lock. See flock(2).
    void unlock() noexcept {
        ::flock(handle_.get(), LOCK_UN);
        handle_ = OwnedHandle();
    }

    [[nodiscard]] Result<bool> is_at_its_name() const noexcept {
        struct ::stat mine{}, there{};
        if (::fstat(handle_.get(), &mine) == -1) return std::unexpected(os::last_error());
        if (::lstat(name_.data(), &there) == -1) {
            if (errno == ENOENT) return false;
            return std::unexpected(os::last_error());
        }
        return mine.st_dev == there.st_dev && mine.st_ino == there.st_ino;
    }

    std::array<char, UnixAddress::max_size + suffix.size() + 1> name_{};
    OwnedHandle handle_;
};

enum class Found { nothing, left_over, in_use };

// The state of the path. A socket file without a listener is stale. Errors: those of the check, including no
// permission to connect.
Result<Found> look_at(const UnixAddress& address) noexcept {
    struct ::stat status{};
    if (::lstat(c_path(*address.path()).data(), &status) == -1) {
        if (errno == ENOENT) return Found::nothing;
        return std::unexpected(os::last_error());
    }
    if (!S_ISSOCK(status.st_mode)) return Found::in_use;
    const auto connected = UnixStream::connect(address);
    if (connected || would_block(connected.error())) return Found::in_use; // or its queue is full
    const auto& error = connected.error();
    if (error == std::errc::connection_refused) return Found::left_over;
    if (error == std::errc::wrong_protocol_type) return Found::in_use; // another socket type, in use
    if (error == std::errc::no_such_file_or_directory) return Found::nothing;
    return std::unexpected(error);
}

} // namespace

// The lock is held until the new listener listens: between `bind` and `listen` it refuses connections, and another
// process would treat it as stale.
Result<UnixListener> UnixListener::bind_replacing(std::string_view path) {
    const auto address = UnixAddress::from_path(path);
    if (!address) return std::unexpected(address.error());
    const auto lock = PathLock::acquire(path);
    if (!lock) return std::unexpected(lock.error());
    auto listener = bind(*address);
    if (listener || listener.error() != std::errc::address_in_use) return listener;
    const auto found = look_at(*address);
    if (!found) return std::unexpected(found.error());
    if (*found == Found::in_use) return listener;
    if (*found == Found::left_over) {
        if (auto removed = remove_socket_file(path); !removed) return std::unexpected(removed.error());
    }
    return bind(*address);
}

} // namespace mio::net
