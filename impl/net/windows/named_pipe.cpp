module;

#include <winsock2.h>

#include <windows.h>
#include <winternl.h>

#include <cstring>

module mio.net.pipe;

import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.poll;
import mio.core.types;
import mio.os;
import mio.std;
import mio.sys;
import mio.sys.iocp;

namespace mio::net {
namespace {

using sys::iocp::Channel;
using sys::iocp::Operation;
using sys::iocp::Record;

constexpr std::size_t buffer_size = 65'536; // also the size of the kernel's buffers of a created pipe

constexpr auto status_buffer_overflow = static_cast<::NTSTATUS>(0x80000005); // more of the message follows

std::unexpected<std::error_code> fail(::DWORD code) noexcept { return std::unexpected(os::error(code)); }

// Would-block is WSAEWOULDBLOCK for every source.
std::unexpected<std::error_code> would_block_error() noexcept { return fail(WSAEWOULDBLOCK); }

::HANDLE native_of(RawHandle handle) noexcept { return reinterpret_cast<::HANDLE>(handle); }

bool is_end(::DWORD code) noexcept { return code == ERROR_BROKEN_PIPE || code == ERROR_PIPE_NOT_CONNECTED; }

sys::native& selector_of(const Registry& registry) noexcept {
    return *static_cast<sys::native*>(sys::BackendAccess::selector(registry));
}

/// A pipe name in UTF-16.
struct WideName {
    std::array<wchar_t, NamedPipe::max_name_size + 1> text{};

    static constexpr std::string_view prefix = R"(\\.\pipe\)";

    [[nodiscard]] static Result<WideName> from(std::string_view name) noexcept {
        if (name.find('\0') != name.npos) return std::unexpected(make_error_code(Errc::interior_nul));
        // CreateFile would open other objects, such as files.
        if (name.size() <= prefix.size() || !name.starts_with(prefix)) return fail(ERROR_INVALID_NAME);
        if (name.size() > 4 * NamedPipe::max_name_size)
            return std::unexpected(make_error_code(Errc::path_too_long));
        WideName wide;
        const int size =
            ::MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, name.data(), static_cast<int>(name.size()),
                                  wide.text.data(), static_cast<int>(NamedPipe::max_name_size));
        if (size != 0) return wide;
        const auto code = ::GetLastError();
        if (code == ERROR_INSUFFICIENT_BUFFER) return std::unexpected(make_error_code(Errc::path_too_long));
        return fail(code);
    }
};

} // namespace

/// Buffers, pending operations and their results of a registered pipe. The `NamedPipe` and each pending operation hold
/// a reference.
///
/// Reading: idle (no client, or not registered yet) -> pending -> holds data or an error -> pending again once they are
/// consumed. Writing: idle -> pending -> idle, or holds an error -> idle once the error is consumed.
struct NamedPipe::State {
    explicit State(RawHandle pipe) noexcept : handle(pipe) {
        ::DWORD flags = 0;
        if (::GetNamedPipeInfo(native(), &flags, nullptr, nullptr, nullptr) != FALSE)
            has_messages = (flags & PIPE_TYPE_MESSAGE) != 0;
    }

    /// An operation of a pipe.
    struct Step : Operation {
        Step(State& of, Completed handler) noexcept : Operation(handler), pipe(of) {}
        State& pipe;
        bool is_under_way = false;
        bool is_stale = false; // of a connection that has ended since: its result is discarded
    };

    inline void retain() noexcept { owners.retain(); }
    inline void release() noexcept {
        if (owners.drop()) delete this;
    }
    [[nodiscard]] ::HANDLE native() const noexcept { return native_of(handle); }

    // Called with the mutex held.

    /// Starts `step` with `call`, which receives its OVERLAPPED and returns what ReadFile returns. A started operation
    /// completes through the port, even if the call succeeds immediately. Returns 0, or the error code if not started.
    template <class Call>::DWORD start(Step& step, Call&& call) noexcept {
        static_assert(sizeof step.overlapped == sizeof(::OVERLAPPED));
        step.overlapped = {};
        step.is_under_way = true;
        retain();
        channel.begin();
        if (call(reinterpret_cast<::OVERLAPPED*>(&step.overlapped)) != FALSE) return 0;
        const auto code = ::GetLastError();
        if (code == ERROR_IO_PENDING || code == ERROR_MORE_DATA) return 0;
        channel.abandon();
        release(); // not the last reference: the caller holds another
        step.is_under_way = false;
        return code;
    }

    void read_on() noexcept {
        if (reading.is_under_way || first != last || has_empty_message || read_error != 0) return;
        const auto code = start(reading, [this](::OVERLAPPED* overlapped) {
            return ::ReadFile(native(), in.data(), static_cast<::DWORD>(in.size()), nullptr, overlapped);
        });
        if (code == 0) {
            is_connected = true;
        } else if (code != ERROR_PIPE_LISTENING) { // no client yet
            note_read_error(code);
        }
    }

    void note_read_error(::DWORD code) noexcept {
        is_connected = true; // it was connected, and its end must be reported
        read_error = code;
        channel.set(is_end(code) ? Readiness::readable | Readiness::read_closed | Readiness::write_closed
                                 : Readiness::readable);
    }

    void note_client() noexcept {
        is_connected = true;
        read_on();
        if (!writing.is_under_way) channel.set(Readiness::writable);
    }

    [[nodiscard]] ::DWORD wait_for_client() noexcept {
        if (connecting.is_under_way) return ERROR_IO_PENDING;
        const auto code = start(connecting, [this](::OVERLAPPED* overlapped) {
            return ::ConnectNamedPipe(native(), overlapped);
        });
        if (code == 0) return ERROR_IO_PENDING;
        // NO_DATA: a client connected and has closed its end; its data may still be unread.
        if (code != ERROR_PIPE_CONNECTED && code != ERROR_NO_DATA) return code;
        note_client();
        return 0;
    }

    void note_failed_wait(::DWORD code) noexcept {
        connect_error = code;
        channel.set(Readiness::writable | Readiness::error);
    }

    [[nodiscard]] ::DWORD write_on() noexcept {
        return start(writing, [this](::OVERLAPPED* overlapped) {
            return ::WriteFile(native(), out.data() + written, static_cast<::DWORD>(to_write - written),
                               nullptr, overlapped);
        });
    }

    /// Marks the pending operations as stale and discards earlier results: the connection has ended.
    void end_connection() noexcept {
        is_connected = false;
        reading.is_stale = reading.is_under_way;
        writing.is_stale = writing.is_under_way;
        connect_error = read_error = write_error = 0;
        has_empty_message = false;
        first = last = 0;
        channel.clear(Readiness::readable | Readiness::writable | Readiness::error | Readiness::read_closed
                      | Readiness::write_closed);
    }

    // Called without the mutex held.

    /// Completes an operation: calls `note` with its result if the `NamedPipe` still exists.
    template <class F> static void complete(Operation& operation, const Record& record, F&& note) noexcept {
        auto& step = static_cast<Step&>(operation);
        auto& pipe = step.pipe;
        {
            const std::scoped_lock lock(pipe.mutex);
            step.is_under_way = false;
            const bool is_stale = std::exchange(step.is_stale, false);
            const auto status = static_cast<::NTSTATUS>(record.internal);
            const bool is_done = status >= 0 || status == status_buffer_overflow;
            if (!pipe.is_closed)
                note(pipe, is_done ? ::DWORD{0} : ::RtlNtStatusToDosError(status), record.bytes, is_stale);
        }
        pipe.release();
    }

    static void connected(Operation& operation, const Record& record) noexcept {
        complete(operation, record, [](State& pipe, ::DWORD code, std::size_t, bool) {
            if (code == 0 || code == ERROR_PIPE_CONNECTED || code == ERROR_NO_DATA) {
                pipe.note_client();
            } else if (code != ERROR_OPERATION_ABORTED) {
                pipe.note_failed_wait(code);
            }
        });
    }

    static void has_read(Operation& operation, const Record& record) noexcept {
        complete(operation, record, [](State& pipe, ::DWORD code, std::size_t bytes, bool is_stale) {
            if (is_stale || code == ERROR_OPERATION_ABORTED) {
                if (pipe.is_connected) pipe.read_on();
            } else if (code != 0) {
                pipe.note_read_error(code);
            } else if (bytes == 0 && !pipe.has_messages) {
                pipe.read_on(); // a write of zero bytes
            } else {
                pipe.last = bytes;
                pipe.has_empty_message = bytes == 0;
                pipe.channel.set(Readiness::readable);
            }
        });
    }

    static void has_written(Operation& operation, const Record& record) noexcept {
        complete(operation, record, [](State& pipe, ::DWORD code, std::size_t bytes, bool is_stale) {
            if (is_stale) {
                if (pipe.is_connected) pipe.channel.set(Readiness::writable);
                return;
            }
            pipe.written += bytes;
            if (code == 0 && pipe.written < pipe.to_write) code = pipe.write_on();
            if (code != 0) {
                pipe.write_error = code;
                pipe.channel.set(Readiness::writable | Readiness::write_closed);
            } else if (!pipe.writing.is_under_way) {
                pipe.channel.set(Readiness::writable);
            }
        });
    }

    /// Called when the `NamedPipe` is destroyed. `end` closes the handle or cancels its pending operations.
    template <class End> void close(End&& end) noexcept {
        {
            const std::scoped_lock lock(mutex);
            is_closed = true;
            end();
        }
        channel.close(); // without the mutex: if the poll is gone, operations complete inside this call
        release();
    }

    sys::ReferenceCount owners;
    std::mutex mutex;
    const RawHandle handle; // owned by the `NamedPipe`
    Channel channel;
    bool has_messages = false;
    bool is_closed = false;
    bool is_connected = false;

    Step connecting{*this, connected};
    Step reading{*this, has_read};
    Step writing{*this, has_written};
    ::DWORD connect_error = 0;
    ::DWORD read_error = 0;
    ::DWORD write_error = 0;

    bool has_empty_message = false;
    std::size_t first = 0, last = 0; // unread part of `in`
    std::size_t written = 0, to_write = 0;
    std::array<std::byte, buffer_size> in;
    std::array<std::byte, buffer_size> out;
};

Result<NamedPipe> NamedPipe::serve(std::string_view name, PipeMode mode, bool is_first) {
    const auto wide = WideName::from(name);
    if (!wide) return std::unexpected(wide.error());
    const ::DWORD opening =
        PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | (is_first ? FILE_FLAG_FIRST_PIPE_INSTANCE : 0);
    const ::DWORD kind = PIPE_REJECT_REMOTE_CLIENTS
                         | (mode == PipeMode::messages ? PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE
                                                       : PIPE_TYPE_BYTE | PIPE_READMODE_BYTE);
    const auto handle =
        ::CreateNamedPipeW(wide->text.data(), opening, kind, PIPE_UNLIMITED_INSTANCES,
                           static_cast<::DWORD>(buffer_size), static_cast<::DWORD>(buffer_size), 0, nullptr);
    if (handle == INVALID_HANDLE_VALUE) return std::unexpected(os::last_error());
    return NamedPipe(reinterpret_cast<RawHandle>(handle));
}

Result<NamedPipe> NamedPipe::create(std::string_view name, PipeMode mode) { return serve(name, mode, true); }

Result<NamedPipe> NamedPipe::create_another(std::string_view name, PipeMode mode) {
    return serve(name, mode, false);
}

Result<NamedPipe> NamedPipe::open(std::string_view name, PipeMode mode) {
    const auto wide = WideName::from(name);
    if (!wide) return std::unexpected(wide.error());
    const auto handle = ::CreateFileW(wide->text.data(), GENERIC_READ | GENERIC_WRITE, 0, nullptr,
                                      OPEN_EXISTING, FILE_FLAG_OVERLAPPED, nullptr);
    if (handle == INVALID_HANDLE_VALUE) return std::unexpected(os::last_error());
    NamedPipe pipe(reinterpret_cast<RawHandle>(handle));
    ::DWORD reading = PIPE_READMODE_MESSAGE;
    if (mode == PipeMode::messages && ::SetNamedPipeHandleState(handle, &reading, nullptr, nullptr) == FALSE)
        return std::unexpected(os::last_error());
    return pipe;
}

NamedPipe::~NamedPipe() {
    const auto close = [this] {
        if (handle_ != invalid_handle) ::CloseHandle(native_of(handle_));
    };
    if (state_ != nullptr) {
        state_->close(close);
    } else {
        close();
    }
}

RawHandle NamedPipe::release() noexcept {
    if (auto* state = std::exchange(state_, nullptr); state != nullptr)
        state->close([state] { ::CancelIoEx(state->native(), nullptr); });
    return std::exchange(handle_, invalid_handle);
}

Result<> NamedPipe::connect() noexcept {
    if (state_ == nullptr) {
        is_listening_ = true; // `add_to` starts waiting
        return would_block_error();
    }
    const std::scoped_lock lock(state_->mutex);
    const auto code = state_->wait_for_client();
    if (code == ERROR_IO_PENDING) return would_block_error();
    if (code != 0) return fail(code);
    return {};
}

Result<> NamedPipe::disconnect() noexcept {
    if (state_ == nullptr) {
        is_listening_ = false;
        return os::check_bool(::DisconnectNamedPipe(native_of(handle_)));
    }
    const std::scoped_lock lock(state_->mutex);
    if (::DisconnectNamedPipe(state_->native()) == FALSE) return std::unexpected(os::last_error());
    state_->end_connection();
    return {};
}

Result<std::error_code> NamedPipe::take_error() noexcept {
    if (state_ == nullptr) return std::error_code();
    const std::scoped_lock lock(state_->mutex);
    const auto code = std::exchange(state_->connect_error, 0);
    return code == 0 ? std::error_code() : os::error(code);
}

Result<std::size_t> NamedPipe::read(std::span<std::byte> buffer) const noexcept {
    if (state_ == nullptr) return would_block_error();
    auto& pipe = *state_;
    const std::scoped_lock lock(pipe.mutex);
    if (buffer.empty()) return std::size_t{0};
    if (pipe.first != pipe.last || pipe.has_empty_message) {
        const auto size = std::min(buffer.size(), pipe.last - pipe.first);
        std::memcpy(buffer.data(), pipe.in.data() + pipe.first, size);
        pipe.first += size;
        if (pipe.first == pipe.last) {
            pipe.first = pipe.last = 0;
            pipe.has_empty_message = false;
            pipe.channel.clear(Readiness::readable);
            pipe.read_on();
        }
        return size;
    }
    if (pipe.read_error == 0) return would_block_error();
    if (is_end(pipe.read_error)) return std::size_t{0}; // end of stream is permanent
    const auto code = std::exchange(pipe.read_error, 0);
    pipe.channel.clear(Readiness::readable);
    pipe.read_on();
    return fail(code);
}

Result<std::size_t> NamedPipe::write(std::span<const std::byte> bytes) const noexcept {
    if (state_ == nullptr) return would_block_error();
    auto& pipe = *state_;
    const std::scoped_lock lock(pipe.mutex);
    if (pipe.writing.is_under_way) return would_block_error();
    if (pipe.write_error != 0) return fail(std::exchange(pipe.write_error, 0));
    if (pipe.has_messages && bytes.size() > buffer_size) return fail(WSAEMSGSIZE);
    if (bytes.empty() && !pipe.has_messages) return std::size_t{0};
    pipe.written = 0;
    pipe.to_write = std::min(bytes.size(), buffer_size);
    if (pipe.to_write != 0) std::memcpy(pipe.out.data(), bytes.data(), pipe.to_write);
    if (const auto code = pipe.write_on(); code != 0) return fail(code);
    pipe.channel.clear(Readiness::writable);
    return pipe.to_write;
}

Result<> NamedPipe::add_to(const Registry& registry, Token token, Interest interest, Trigger trigger) {
    std::unique_ptr<State> made; // moves to `state_` once the handle is associated with the port
    if (state_ == nullptr) {
        made.reset(new (std::nothrow) State(handle_));
        if (made == nullptr) return std::unexpected(os_error(std::errc::not_enough_memory));
    }
    auto& pipe = made ? *made : *state_;
    const std::scoped_lock lock(pipe.mutex);
    auto added = pipe.channel.add(selector_of(registry), handle_, token, interest, trigger);
    if (made && pipe.channel.is_associated()) state_ = made.release();
    if (!added) return added;
    if (std::exchange(is_listening_, false)) {
        const auto code = pipe.wait_for_client();
        if (code != 0 && code != ERROR_IO_PENDING) pipe.note_failed_wait(code);
    } else if (!pipe.is_connected) {
        pipe.read_on(); // detects whether a client is connected
        if (pipe.is_connected) pipe.channel.set(Readiness::writable);
    }
    return {};
}

Result<> NamedPipe::modify_in(const Registry& registry, Token token, Interest interest, Trigger trigger) {
    if (state_ == nullptr) return std::unexpected(make_error_code(Errc::not_registered));
    const std::scoped_lock lock(state_->mutex);
    return state_->channel.modify(selector_of(registry), token, interest, trigger);
}

Result<> NamedPipe::renew_in(const Registry& registry) {
    if (state_ == nullptr) return std::unexpected(make_error_code(Errc::not_registered));
    const std::scoped_lock lock(state_->mutex);
    return state_->channel.renew(selector_of(registry));
}

Result<> NamedPipe::remove_from(const Registry& registry) {
    if (state_ == nullptr) return std::unexpected(make_error_code(Errc::not_registered));
    const std::scoped_lock lock(state_->mutex);
    return state_->channel.remove(selector_of(registry));
}

} // namespace mio::net
