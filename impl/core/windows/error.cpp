module;

#include <winsock2.h>

#include <windows.h>

#include <iterator>

module mio.core.error;

import mio.std;

namespace mio {
namespace {

struct Meaning {
    unsigned long code;
    std::errc condition;
};

// Sorted by code. Codes without a POSIX equivalent are omitted.
constexpr Meaning meanings[] = {
    {ERROR_INVALID_FUNCTION, std::errc::function_not_supported},
    {ERROR_FILE_NOT_FOUND, std::errc::no_such_file_or_directory},
    {ERROR_PATH_NOT_FOUND, std::errc::no_such_file_or_directory},
    {ERROR_TOO_MANY_OPEN_FILES, std::errc::too_many_files_open},
    {ERROR_ACCESS_DENIED, std::errc::permission_denied},
    {ERROR_INVALID_HANDLE, std::errc::bad_file_descriptor},
    {ERROR_ARENA_TRASHED, std::errc::not_enough_memory},
    {ERROR_NOT_ENOUGH_MEMORY, std::errc::not_enough_memory},
    {ERROR_INVALID_BLOCK, std::errc::not_enough_memory},
    {ERROR_BAD_ENVIRONMENT, std::errc::argument_list_too_long},
    {ERROR_BAD_FORMAT, std::errc::executable_format_error},
    {ERROR_INVALID_ACCESS, std::errc::permission_denied},
    {ERROR_OUTOFMEMORY, std::errc::not_enough_memory},
    {ERROR_INVALID_DRIVE, std::errc::no_such_device},
    {ERROR_CURRENT_DIRECTORY, std::errc::permission_denied},
    {ERROR_NOT_SAME_DEVICE, std::errc::cross_device_link},
    {ERROR_NO_MORE_FILES, std::errc::no_such_file_or_directory},
    {ERROR_WRITE_PROTECT, std::errc::permission_denied},
    {ERROR_BAD_UNIT, std::errc::no_such_device},
    {ERROR_NOT_READY, std::errc::resource_unavailable_try_again},
    {ERROR_SEEK, std::errc::io_error},
    {ERROR_WRITE_FAULT, std::errc::io_error},
    {ERROR_READ_FAULT, std::errc::io_error},
    {ERROR_GEN_FAILURE, std::errc::io_error},
    {ERROR_SHARING_VIOLATION, std::errc::permission_denied},
    {ERROR_LOCK_VIOLATION, std::errc::no_lock_available},
    {ERROR_HANDLE_DISK_FULL, std::errc::no_space_on_device},
    {ERROR_NOT_SUPPORTED, std::errc::operation_not_supported},
    {ERROR_BAD_NETPATH, std::errc::no_such_file_or_directory},
    {ERROR_DEV_NOT_EXIST, std::errc::no_such_device},
    {ERROR_NETNAME_DELETED, std::errc::connection_reset},
    {ERROR_NETWORK_ACCESS_DENIED, std::errc::permission_denied},
    {ERROR_BAD_NET_NAME, std::errc::no_such_file_or_directory},
    {ERROR_FILE_EXISTS, std::errc::file_exists},
    {ERROR_CANNOT_MAKE, std::errc::permission_denied},
    {ERROR_INVALID_PARAMETER, std::errc::invalid_argument},
    {ERROR_NO_PROC_SLOTS, std::errc::resource_unavailable_try_again},
    {ERROR_BROKEN_PIPE, std::errc::broken_pipe},
    {ERROR_OPEN_FAILED, std::errc::io_error},
    {ERROR_BUFFER_OVERFLOW, std::errc::filename_too_long},
    {ERROR_DISK_FULL, std::errc::no_space_on_device},
    {ERROR_CALL_NOT_IMPLEMENTED, std::errc::function_not_supported},
    {ERROR_SEM_TIMEOUT, std::errc::timed_out},
    {ERROR_INVALID_NAME, std::errc::invalid_argument},
    {ERROR_NEGATIVE_SEEK, std::errc::invalid_argument},
    {ERROR_BUSY_DRIVE, std::errc::device_or_resource_busy},
    {ERROR_DIR_NOT_EMPTY, std::errc::directory_not_empty},
    {ERROR_BAD_PATHNAME, std::errc::no_such_file_or_directory},
    {ERROR_MAX_THRDS_REACHED, std::errc::resource_unavailable_try_again},
    {ERROR_LOCK_FAILED, std::errc::no_lock_available},
    {ERROR_BUSY, std::errc::device_or_resource_busy},
    {ERROR_ALREADY_EXISTS, std::errc::file_exists},
    {ERROR_FILENAME_EXCED_RANGE, std::errc::filename_too_long},
    {ERROR_LOCKED, std::errc::no_lock_available},
    {ERROR_BAD_PIPE, std::errc::invalid_argument},
    {ERROR_PIPE_BUSY, std::errc::device_or_resource_busy},
    {ERROR_NO_DATA, std::errc::broken_pipe},
    {ERROR_PIPE_NOT_CONNECTED, std::errc::broken_pipe},
    {ERROR_MORE_DATA, std::errc::message_size},
    {WAIT_TIMEOUT, std::errc::timed_out},
    {ERROR_DIRECTORY, std::errc::not_a_directory},
    {ERROR_PIPE_CONNECTED, std::errc::already_connected},
    {ERROR_OPERATION_ABORTED, std::errc::operation_canceled},
    {ERROR_IO_INCOMPLETE, std::errc::operation_in_progress},
    {ERROR_IO_PENDING, std::errc::operation_in_progress},
    {ERROR_NOACCESS, std::errc::bad_address},
    {ERROR_PROCESS_ABORTED, std::errc::no_such_process},
    {ERROR_IO_DEVICE, std::errc::io_error},
    {ERROR_POSSIBLE_DEADLOCK, std::errc::resource_deadlock_would_occur},
    {ERROR_TOO_MANY_LINKS, std::errc::too_many_links},
    {ERROR_NOT_FOUND, std::errc::no_such_file_or_directory},
    {ERROR_CANCELLED, std::errc::operation_canceled},
    {ERROR_CONNECTION_REFUSED, std::errc::connection_refused},
    {ERROR_GRACEFUL_DISCONNECT, std::errc::connection_reset},
    {ERROR_ADDRESS_ALREADY_ASSOCIATED, std::errc::address_in_use},
    {ERROR_CONNECTION_INVALID, std::errc::not_connected},
    {ERROR_CONNECTION_ACTIVE, std::errc::already_connected},
    {ERROR_NETWORK_UNREACHABLE, std::errc::network_unreachable},
    {ERROR_HOST_UNREACHABLE, std::errc::host_unreachable},
    {ERROR_PROTOCOL_UNREACHABLE, std::errc::no_protocol_option},
    {ERROR_PORT_UNREACHABLE, std::errc::connection_refused},
    {ERROR_CONNECTION_ABORTED, std::errc::connection_aborted},
    {ERROR_RETRY, std::errc::resource_unavailable_try_again},
    {ERROR_NO_SYSTEM_RESOURCES, std::errc::no_buffer_space},
    {ERROR_WORKING_SET_QUOTA, std::errc::not_enough_memory},
    {ERROR_COMMITMENT_LIMIT, std::errc::not_enough_memory},
    {ERROR_TIMEOUT, std::errc::timed_out},
    {ERROR_NOT_ENOUGH_QUOTA, std::errc::not_enough_memory},
    {ERROR_CANT_ACCESS_FILE, std::errc::permission_denied},
    {ERROR_CANT_RESOLVE_FILENAME, std::errc::too_many_symbolic_link_levels},
    {WSAEINTR, std::errc::interrupted},
    {WSAEBADF, std::errc::bad_file_descriptor},
    {WSAEACCES, std::errc::permission_denied},
    {WSAEFAULT, std::errc::bad_address},
    {WSAEINVAL, std::errc::invalid_argument},
    {WSAEMFILE, std::errc::too_many_files_open},
    {WSAEWOULDBLOCK, std::errc::operation_would_block},
    {WSAEINPROGRESS, std::errc::operation_in_progress},
    {WSAEALREADY, std::errc::connection_already_in_progress},
    {WSAENOTSOCK, std::errc::not_a_socket},
    {WSAEDESTADDRREQ, std::errc::destination_address_required},
    {WSAEMSGSIZE, std::errc::message_size},
    {WSAEPROTOTYPE, std::errc::wrong_protocol_type},
    {WSAENOPROTOOPT, std::errc::no_protocol_option},
    {WSAEPROTONOSUPPORT, std::errc::protocol_not_supported},
    {WSAESOCKTNOSUPPORT, std::errc::operation_not_supported},
    {WSAEOPNOTSUPP, std::errc::operation_not_supported},
    {WSAEPFNOSUPPORT, std::errc::address_family_not_supported},
    {WSAEAFNOSUPPORT, std::errc::address_family_not_supported},
    {WSAEADDRINUSE, std::errc::address_in_use},
    {WSAEADDRNOTAVAIL, std::errc::address_not_available},
    {WSAENETDOWN, std::errc::network_down},
    {WSAENETUNREACH, std::errc::network_unreachable},
    {WSAENETRESET, std::errc::network_reset},
    {WSAECONNABORTED, std::errc::connection_aborted},
    {WSAECONNRESET, std::errc::connection_reset},
    {WSAENOBUFS, std::errc::no_buffer_space},
    {WSAEISCONN, std::errc::already_connected},
    {WSAENOTCONN, std::errc::not_connected},
    {WSAESHUTDOWN, std::errc::broken_pipe},
    {WSAETIMEDOUT, std::errc::timed_out},
    {WSAECONNREFUSED, std::errc::connection_refused},
    {WSAELOOP, std::errc::too_many_symbolic_link_levels},
    {WSAENAMETOOLONG, std::errc::filename_too_long},
    {WSAEHOSTDOWN, std::errc::host_unreachable},
    {WSAEHOSTUNREACH, std::errc::host_unreachable},
    {WSAENOTEMPTY, std::errc::directory_not_empty},
    {WSAEPROCLIM, std::errc::resource_unavailable_try_again},
    {WSASYSNOTREADY, std::errc::network_down},
    {WSAVERNOTSUPPORTED, std::errc::operation_not_supported},
    {WSAEDISCON, std::errc::connection_reset},
    {WSAENOMORE, std::errc::no_such_file_or_directory},
    {WSAECANCELLED, std::errc::operation_canceled},
    {WSA_E_CANCELLED, std::errc::operation_canceled},
    {WSAEREFUSED, std::errc::connection_refused},
};
static_assert(std::ranges::is_sorted(meanings, {}, &Meaning::code)
              && std::ranges::adjacent_find(meanings, {}, &Meaning::code) == std::end(meanings));

constexpr const Meaning* meaning_of(unsigned long code) noexcept {
    const auto* meaning = std::ranges::lower_bound(meanings, code, {}, &Meaning::code);
    return meaning != std::end(meanings) && meaning->code == code ? meaning : nullptr;
}
static_assert(meaning_of(WSAEWOULDBLOCK)->condition == std::errc::operation_would_block);
static_assert(meaning_of(ERROR_INVALID_HANDLE)->condition == std::errc::bad_file_descriptor);
static_assert(meaning_of(WSAECONNREFUSED)->condition == std::errc::connection_refused);
static_assert(meaning_of(ERROR_SUCCESS) == nullptr && meaning_of(~0ul) == nullptr);

// The Winsock code for a condition, or else the Win32 code; Winsock's messages refer to sockets.
constexpr unsigned long code_of(std::errc condition) noexcept {
    if (condition == std::errc::not_enough_memory) return ERROR_NOT_ENOUGH_MEMORY;
    const auto* last = std::end(meanings);
    const auto* winsock =
        std::ranges::lower_bound(meanings, static_cast<unsigned long>(WSABASEERR), {}, &Meaning::code);
    const auto* found = std::ranges::find(winsock, last, condition, &Meaning::condition);
    if (found == last) found = std::ranges::find(meanings, condition, &Meaning::condition);
    return found != last ? found->code : ERROR_INVALID_FUNCTION;
}
static_assert(code_of(std::errc::invalid_argument) == WSAEINVAL);
static_assert(code_of(std::errc::not_connected) == WSAENOTCONN);
static_assert(code_of(std::errc::operation_would_block) == WSAEWOULDBLOCK);
static_assert(meaning_of(code_of(std::errc::not_enough_memory))->condition == std::errc::not_enough_memory);

// Messages for Winsock codes, which Wine and MinGW-w64's C library lack.
constexpr std::pair<std::errc, const char*> texts[] = {
    {std::errc::interrupted, "Interrupted function call"},
    {std::errc::bad_file_descriptor, "Not a valid handle"},
    {std::errc::permission_denied, "Permission denied"},
    {std::errc::bad_address, "Bad address"},
    {std::errc::invalid_argument, "Invalid argument"},
    {std::errc::too_many_files_open, "Too many open sockets"},
    {std::errc::operation_would_block, "Operation would block"},
    {std::errc::operation_in_progress, "Operation now in progress"},
    {std::errc::connection_already_in_progress, "Connection already in progress"},
    {std::errc::not_a_socket, "Not a socket"},
    {std::errc::destination_address_required, "Destination address required"},
    {std::errc::message_size, "Message too long"},
    {std::errc::wrong_protocol_type, "Protocol of the wrong type for the socket"},
    {std::errc::no_protocol_option, "Option not known to the protocol"},
    {std::errc::protocol_not_supported, "Protocol not supported"},
    {std::errc::operation_not_supported, "Operation not supported"},
    {std::errc::address_family_not_supported, "Address family not supported"},
    {std::errc::address_in_use, "Address already in use"},
    {std::errc::address_not_available, "Address not available"},
    {std::errc::network_down, "Network is down"},
    {std::errc::network_unreachable, "Network is unreachable"},
    {std::errc::network_reset, "Connection dropped by the network"},
    {std::errc::connection_aborted, "Connection aborted"},
    {std::errc::connection_reset, "Connection reset by the peer"},
    {std::errc::no_buffer_space, "No buffer space available"},
    {std::errc::already_connected, "Socket is connected already"},
    {std::errc::not_connected, "Socket is not connected"},
    {std::errc::broken_pipe, "Socket was shut down for writing"},
    {std::errc::timed_out, "Connection timed out"},
    {std::errc::connection_refused, "Connection refused"},
    {std::errc::filename_too_long, "Name too long"},
    {std::errc::host_unreachable, "Host is unreachable"},
    {std::errc::operation_canceled, "Operation cancelled"},
};

constexpr const char* text_of(std::errc condition) noexcept {
    const auto* text = std::ranges::find(texts, condition, &std::pair<std::errc, const char*>::first);
    return text != std::end(texts) ? text->second : nullptr;
}

// POSIX allows each of these pairs to be one code, as on most systems, so comparing with one matches the other.
constexpr bool are_one_elsewhere(std::errc a, std::errc b) noexcept {
    const auto are = [a, b](std::errc one, std::errc other) {
        return (a == one && b == other) || (a == other && b == one);
    };
    return are(std::errc::operation_would_block, std::errc::resource_unavailable_try_again)
           || are(std::errc::operation_not_supported, std::errc::not_supported);
}

std::string to_utf8(std::wstring_view text) {
    const auto length = static_cast<int>(text.size());
    const int size = ::WideCharToMultiByte(CP_UTF8, 0, text.data(), length, nullptr, 0, nullptr, nullptr);
    std::string bytes(static_cast<std::size_t>(size), '\0');
    ::WideCharToMultiByte(CP_UTF8, 0, text.data(), length, bytes.data(), size, nullptr, nullptr);
    return bytes;
}

class OsCategory final : public std::error_category {
  public:
    const char* name() const noexcept override { return "windows"; }

    // The system's localized message, without the trailing full stop and line break.
    std::string message(int value) const override {
        wchar_t buffer[512];
        const auto length = ::FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS,
                                             nullptr, static_cast<::DWORD>(value), 0, buffer,
                                             static_cast<::DWORD>(std::size(buffer)), nullptr);
        std::wstring_view text(buffer, length);
        text = text.substr(0, text.find_last_not_of(L"\r\n. ") + 1);
        if (!text.empty()) return to_utf8(text);
        const auto* meaning = meaning_of(static_cast<unsigned long>(value));
        const auto* known = meaning != nullptr ? text_of(meaning->condition) : nullptr;
        if (known != nullptr) return known;
        return "Windows error " + std::to_string(value);
    }

    std::error_condition default_error_condition(int value) const noexcept override {
        const auto* meaning = meaning_of(static_cast<unsigned long>(value));
        return meaning != nullptr ? std::error_condition(meaning->condition)
                                  : std::error_condition(value, *this);
    }

    bool equivalent(int value, const std::error_condition& condition) const noexcept override {
        const auto own = default_error_condition(value);
        return own == condition
               || (own.category() == std::generic_category()
                   && condition.category() == std::generic_category()
                   && are_one_elsewhere(static_cast<std::errc>(own.value()),
                                        static_cast<std::errc>(condition.value())));
    }
};

// Whether a code equals the Win32 code `value`; other libraries store such codes in the standard system category.
bool is_windows(const std::error_code& code, int value) noexcept {
    return code.value() == value
           && (code.category() == os_category() || code.category() == std::system_category());
}

} // namespace

const std::error_category& os_category() noexcept {
    static const OsCategory category;
    return category;
}

std::error_code os_error(std::errc condition) noexcept {
    return {static_cast<int>(code_of(condition)), os_category()};
}

bool would_block(const std::error_code& code) noexcept {
    // Fast path: checked after every read that drains a socket, so the common result must not search the categories.
    if (code.category() == os_category()) return code.value() == WSAEWOULDBLOCK;
    return is_windows(code, WSAEWOULDBLOCK) || code == std::errc::operation_would_block
           || code == std::errc::resource_unavailable_try_again;
}

bool interrupted(const std::error_code& code) noexcept {
    return is_windows(code, WSAEINTR) || code == std::errc::interrupted;
}

// `connect` reports an operation in progress as WSAEWOULDBLOCK.
bool in_progress(const std::error_code& code) noexcept {
    return is_windows(code, WSAEWOULDBLOCK) || is_windows(code, WSAEINPROGRESS)
           || code == std::errc::operation_in_progress;
}

} // namespace mio
