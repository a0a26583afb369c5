#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os.hpp"

namespace probe::os {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

std::unexpected<std::error_code> last_error() {
    return std::unexpected(std::error_code(errno, mio::os_category()));
}

mio::Result<> check(int result) {
    if (result == -1) return last_error();
    return {};
}

// Waits until one of the events `wanted` holds for `handle`, at most for `limit`; returns the events that hold.
mio::Result<short> holding(mio::RawHandle handle, short wanted, std::chrono::milliseconds limit) {
    ::pollfd entry{.fd = handle, .events = wanted, .revents = 0};
    const int count = ::poll(&entry, 1, static_cast<int>(limit.count()));
    if (count == -1 && errno != EINTR) return last_error();
    return entry.revents;
}

short poll_flag(State state) {
    switch (state) {
    case State::readable: return POLLIN;
    case State::writable: return POLLOUT;
    case State::urgent: return POLLPRI;
#ifdef POLLRDHUP
    case State::read_closed: return POLLRDHUP;
#else
    case State::read_closed: return POLLIN;
#endif
    case State::closed: return POLLHUP;
    case State::failed: return POLLERR | POLLIN; // BSD's poll has no POLLERR for a socket: it can be read
    }
    std::unreachable();
}

// Device and inode of what `path` names, without following a link.
std::optional<std::pair<std::uint64_t, std::uint64_t>> identity_of(const std::string& path) noexcept {
    struct ::stat status{};
    if (::lstat(path.c_str(), &status) == -1) return std::nullopt;
    return std::pair{static_cast<std::uint64_t>(status.st_dev), static_cast<std::uint64_t>(status.st_ino)};
}

// Known once they are ignored, at the start of the program.
bool started_with_pipes_ignored = false;

bool is_open(mio::RawHandle handle) noexcept { return ::fcntl(handle, F_GETFD) != -1; }

} // namespace

std::string error_name(const std::error_code& error) {
#ifdef __GLIBC__
    if (error.category() == mio::os_category()) {
        if (const char* name = ::strerrorname_np(error.value())) return name;
    }
#endif
    return error.category() == mio::os_category() ? "errno " + std::to_string(error.value()) : "";
}

void occupy_standard_handles() noexcept {
    // `open` returns the lowest free number, here for a descriptor that allows no I/O: its user gets EBADF, as for a
    // closed one.
    for (const int handle : {0, 1, 2}) {
        if (is_open(handle)) continue;
#ifdef O_PATH
        [[maybe_unused]] const int occupied = ::open("/", O_PATH);
#else
        [[maybe_unused]] const int occupied = ::open("/dev/null", handle == 0 ? O_WRONLY : O_RDONLY);
#endif
    }
}

void ignore_broken_pipes() noexcept { started_with_pipes_ignored = std::signal(SIGPIPE, SIG_IGN) == SIG_IGN; }

bool broken_pipes_were_ignored() noexcept { return started_with_pipes_ignored; }

bool is_terminal(mio::RawHandle handle) noexcept { return ::isatty(handle) == 1; }

std::optional<std::size_t> columns(mio::RawHandle handle) noexcept {
    if (!is_terminal(handle)) return std::nullopt;
    if (const auto said = columns_of_environment()) return said;
    ::winsize size{};
    if (::ioctl(handle, TIOCGWINSZ, &size) == -1 || size.ws_col == 0) return std::nullopt;
    return size.ws_col;
}

mio::Result<> write_all(mio::RawHandle handle, std::string_view text) {
    while (!text.empty()) {
        const auto count = ::write(handle, text.data(), text.size());
        if (count >= 0) {
            text.remove_prefix(static_cast<std::size_t>(count));
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (const auto ready = holding(handle, POLLOUT, 1000ms); !ready)
                return std::unexpected(ready.error());
        } else if (errno != EINTR) {
            return last_error();
        }
    }
    return {};
}

mio::Result<> require_open(mio::RawHandle handle) {
    const int flags = ::fcntl(handle, F_GETFL);
    if (flags == -1) return last_error();
#ifdef O_PATH
    // A placeholder for a closed descriptor; backends report different errors for it.
    if ((flags & O_PATH) != 0) return std::unexpected(std::error_code(EBADF, mio::os_category()));
#endif
    return {};
}

mio::Result<std::size_t> read_ready(mio::RawHandle handle, std::span<std::byte> buffer) {
    const auto ready = holding(handle, POLLIN, 0ms);
    if (!ready) return std::unexpected(ready.error());
    if (*ready == 0) return std::unexpected(make_error_code(std::errc::operation_would_block));
    const auto count = ::read(handle, buffer.data(), buffer.size());
    if (count == -1) return last_error();
    return static_cast<std::size_t>(count);
}

mio::Result<std::optional<mio::OwnedHandle>> open_fifo(const std::string& path) {
    mio::OwnedHandle handle(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
    if (handle.get() == -1) return last_error();
    struct ::stat status{};
    if (::fstat(handle.get(), &status) == -1) return last_error();
    if (!S_ISFIFO(status.st_mode)) return std::nullopt;
    return handle;
}

mio::Result<> await(mio::RawHandle handle, State state) {
    const short flag = poll_flag(state);
    const auto deadline = Clock::now() + 2s;
    while (Clock::now() < deadline) {
        // Ten milliseconds at a time, since a closed state that is always reported must not keep this from looking.
        const auto seen = holding(handle, flag, 10ms);
        if (!seen) return std::unexpected(seen.error());
        if ((*seen & flag) != 0) return {};
    }
    return std::unexpected(make_error_code(std::errc::timed_out));
}

mio::Result<bool> becomes(mio::RawHandle handle, State state) {
    const short flag = poll_flag(state);
    const auto seen = holding(handle, flag, 20ms);
    if (!seen) return std::unexpected(seen.error());
    return (*seen & flag) != 0;
}

SocketFile::SocketFile(std::string path) {
    if (const auto identity = identity_of(path)) {
        path_ = std::move(path);
        identity_ = *identity;
    }
}

SocketFile::SocketFile(SocketFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), identity_(other.identity_) {}

SocketFile& SocketFile::operator=(SocketFile&& other) noexcept {
    SocketFile taken(std::move(other));
    std::swap(path_, taken.path_);
    std::swap(identity_, taken.identity_);
    return *this;
}

SocketFile::~SocketFile() {
    if (!path_.empty() && identity_of(path_) == identity_) ::unlink(path_.c_str());
}

TemporaryFolder::TemporaryFolder() {
    constexpr std::size_t longest = 64; // of the hundred and some bytes that a socket's path may have
    std::error_code error;
    auto parent = std::filesystem::temp_directory_path(error);
    if (error || parent.native().size() > longest) parent = "/tmp";
    path_ = (parent / "mio-probe-XXXXXX").string();
    if (::mkdtemp(path_.data()) == nullptr) throw Refused{"mkdtemp", last_error().error(), path_};
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryFolder::operator/(std::string_view name) const {
    return path_ + '/' + std::string(name);
}

std::optional<int> run_as_peer(int, const char* const*) { return std::nullopt; }

mio::Result<> reset_on_close(mio::RawHandle socket) {
    const ::linger option{.l_onoff = 1, .l_linger = 0};
    return check(::setsockopt(socket, SOL_SOCKET, SO_LINGER, &option, sizeof option));
}

mio::Result<> send_urgent(mio::RawHandle socket, std::byte byte) {
    return check(static_cast<int>(::send(socket, &byte, 1, MSG_OOB | MSG_NOSIGNAL)));
}

mio::Result<std::byte> receive_urgent(mio::RawHandle socket) {
    std::byte byte{};
    if (::recv(socket, &byte, 1, MSG_OOB | MSG_DONTWAIT) == -1) return last_error();
    return byte;
}

} // namespace probe::os
