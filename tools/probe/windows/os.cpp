#include <winsock2.h>

#include <io.h>
#include <windows.h>

#include "os.hpp"

namespace probe::os {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

std::unexpected<std::error_code> last_socket_error() {
    return std::unexpected(std::error_code(::WSAGetLastError(), mio::os_category()));
}

mio::Result<> check(int result) {
    if (result == SOCKET_ERROR) return last_socket_error();
    return {};
}

// Waits up to `limit` for one of `wanted` and returns the events that hold for `socket`. Hang-ups and errors are always
// included.
mio::Result<short> holding(mio::RawHandle socket, short wanted, std::chrono::milliseconds limit) {
    ::WSAPOLLFD entry{.fd = socket, .events = wanted, .revents = 0};
    const int count = ::WSAPoll(&entry, 1, static_cast<int>(limit.count()));
    if (count == SOCKET_ERROR) return last_socket_error();
    return entry.revents;
}

// The events to pass to WSAPoll, and those of its result that show the state.
struct Flags {
    short asked;
    short shown;
};

Flags poll_flags(State state) {
    switch (state) {
    case State::readable: return {POLLRDNORM, POLLRDNORM};
    case State::writable: return {POLLWRNORM, POLLWRNORM};
    case State::urgent: return {POLLRDBAND, POLLRDBAND};
    case State::read_closed: return {POLLRDNORM, POLLHUP | POLLERR};
    case State::closed: return {POLLRDNORM, POLLHUP | POLLERR};
    case State::failed: return {POLLRDNORM, POLLERR | POLLHUP | POLLRDNORM};
    }
    std::unreachable();
}

} // namespace

std::string error_name(const std::error_code& error) {
    return error.category() == mio::os_category() ? "error " + std::to_string(error.value()) : "";
}

// Not needed: the values of handles do not depend on which ones are open.
void occupy_standard_handles() noexcept {}

// There is no such signal.
void ignore_broken_pipes() noexcept {}

// The standard streams are identified by the C library's numbers.
bool is_terminal(mio::RawHandle handle) noexcept { return ::_isatty(static_cast<int>(handle)) != 0; }

std::optional<std::size_t> columns(mio::RawHandle handle) noexcept {
    if (!is_terminal(handle)) return std::nullopt;
    if (const auto said = columns_of_environment()) return said;
    ::CONSOLE_SCREEN_BUFFER_INFO info{};
    const auto console = reinterpret_cast<::HANDLE>(::_get_osfhandle(static_cast<int>(handle)));
    if (::GetConsoleScreenBufferInfo(console, &info) == 0) return std::nullopt;
    const int width = info.srWindow.Right - info.srWindow.Left + 1;
    return width > 0 ? std::optional(static_cast<std::size_t>(width)) : std::nullopt;
}

mio::Result<> write_all(mio::RawHandle handle, std::string_view text) {
    while (!text.empty()) {
        constexpr std::size_t most = 1 << 20;
        const auto count = ::_write(static_cast<int>(handle), text.data(),
                                    static_cast<unsigned>(std::min(text.size(), most)));
        if (count == -1) return std::unexpected(std::error_code(errno, std::generic_category()));
        text.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
}

mio::Result<> require_open(mio::RawHandle handle) {
    ::DWORD flags = 0;
    if (::GetHandleInformation(reinterpret_cast<::HANDLE>(handle), &flags) != 0) return {};
    return std::unexpected(std::error_code(static_cast<int>(::GetLastError()), mio::os_category()));
}

mio::Result<std::size_t> read_ready(mio::RawHandle handle, std::span<std::byte> buffer) {
    const auto ready = holding(handle, POLLRDNORM, 0ms);
    if (!ready) return std::unexpected(ready.error());
    if (*ready == 0) return std::unexpected(make_error_code(std::errc::operation_would_block));
    const auto count =
        ::recv(handle, reinterpret_cast<char*>(buffer.data()), static_cast<int>(buffer.size()), 0);
    if (count == SOCKET_ERROR) return last_socket_error();
    return static_cast<std::size_t>(count);
}

// Windows has no FIFOs.
mio::Result<std::optional<mio::OwnedHandle>> open_fifo(const std::string&) {
    return std::unexpected(make_error_code(mio::Errc::unsupported));
}

mio::Result<> await(mio::RawHandle handle, State state) {
    const auto [asked, shown] = poll_flags(state);
    const auto start = Clock::now();
    while (Clock::now() - start < 2s) {
        const auto seen = holding(handle, asked, 10ms);
        if (!seen) return std::unexpected(seen.error());
        if ((*seen & shown) != 0) return {};
        // Wine reports neither the end of a stream before its data is read nor the first refused datagram.
        const bool may_be_hidden = *seen == POLLRDNORM || state == State::failed;
        if (may_be_hidden && Clock::now() - start > 100ms) return {};
    }
    return std::unexpected(make_error_code(std::errc::timed_out));
}

mio::Result<bool> becomes(mio::RawHandle handle, State state) {
    const auto [asked, shown] = poll_flags(state);
    const auto seen = holding(handle, asked, 20ms);
    if (!seen) return std::unexpected(seen.error());
    return (*seen & shown) != 0;
}

// A bound socket's name is a file like any other, and keeps no identity that could be compared.
SocketFile::SocketFile(std::string path) : path_(std::move(path)) {}

SocketFile::SocketFile(SocketFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), identity_(other.identity_) {}

SocketFile& SocketFile::operator=(SocketFile&& other) noexcept {
    SocketFile taken(std::move(other));
    std::swap(path_, taken.path_);
    std::swap(identity_, taken.identity_);
    return *this;
}

SocketFile::~SocketFile() {
    if (!path_.empty()) ::DeleteFileA(path_.c_str());
}

TemporaryFolder::TemporaryFolder() {
    std::array<char, MAX_PATH + 1> parent{};
    ::GetTempPathA(static_cast<::DWORD>(parent.size()), parent.data());
    path_ = std::string(parent.data()) + "mio-probe-" + std::to_string(::GetCurrentProcessId());
    if (::CreateDirectoryA(path_.c_str(), nullptr) == 0)
        throw Refused{"CreateDirectory", {static_cast<int>(::GetLastError()), mio::os_category()}, path_};
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryFolder::operator/(std::string_view name) const {
    return path_ + '\\' + std::string(name);
}

mio::Result<> reset_on_close(mio::RawHandle socket) {
    const ::linger option{.l_onoff = 1, .l_linger = 0};
    return check(
        ::setsockopt(socket, SOL_SOCKET, SO_LINGER, reinterpret_cast<const char*>(&option), sizeof option));
}

mio::Result<> send_urgent(mio::RawHandle socket, std::byte byte) {
    return check(::send(socket, reinterpret_cast<const char*>(&byte), 1, MSG_OOB));
}

mio::Result<std::byte> receive_urgent(mio::RawHandle socket) {
    std::byte byte{};
    if (::recv(socket, reinterpret_cast<char*>(&byte), 1, MSG_OOB) == SOCKET_ERROR)
        return last_socket_error();
    return byte;
}

} // namespace probe::os
