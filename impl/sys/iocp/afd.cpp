module;

#include <winsock2.h>

#include <windows.h>
#include <winternl.h>

module mio.sys.iocp.afd;

import mio.core.error;
import mio.core.handle;
import mio.os;
import mio.os.kernel_handle;
import mio.std;

// Exported by ntdll since Windows Vista, but not declared in the SDK's headers.
extern "C" __declspec(dllimport) ::NTSTATUS __stdcall NtCancelIoFileEx(::HANDLE file, ::IO_STATUS_BLOCK* of,
                                                                       ::IO_STATUS_BLOCK* result);

namespace mio::sys::iocp::afd {
namespace {

constexpr ::ULONG ioctl_afd_poll = 0x00012024;

constexpr auto status_of(std::uint32_t code) noexcept { return static_cast<::NTSTATUS>(code); }
constexpr auto status_invalid_handle = status_of(0xC0000008);
constexpr auto status_object_type_mismatch = status_of(0xC0000024);
constexpr auto status_not_found = status_of(0xC0000225);

// Missing from the headers of older SDKs.
constexpr ::DWORD sio_base_handle = 0x48000022;
constexpr ::DWORD sio_bsp_handle = 0x4800001B;
constexpr ::DWORD sio_bsp_handle_select = 0x4800001C;
constexpr ::DWORD sio_bsp_handle_poll = 0x4800001D;

std::unexpected<std::error_code> fail(::NTSTATUS status) noexcept {
    return std::unexpected(os::error(::RtlNtStatusToDosError(status)));
}

Result<RawHandle> query(RawHandle socket, ::DWORD what) noexcept {
    ::SOCKET found = INVALID_SOCKET;
    ::DWORD size = 0;
    if (auto queried =
            os::check(::WSAIoctl(socket, what, nullptr, 0, &found, sizeof found, &size, nullptr, nullptr));
        !queried) {
        return std::unexpected(queried.error());
    }
    return found;
}

} // namespace

Result<os::KernelHandle> open(void* port) noexcept {
    // The name after the driver's is arbitrary; it identifies the handle in a list of open handles.
    wchar_t path[] = L"\\Device\\Afd\\Mio";
    ::UNICODE_STRING name{
        .Length = sizeof path - sizeof path[0], .MaximumLength = sizeof path, .Buffer = path};
    ::OBJECT_ATTRIBUTES attributes{};
    attributes.Length = sizeof attributes;
    attributes.ObjectName = &name;
    ::IO_STATUS_BLOCK block{};
    ::HANDLE opened = nullptr;
    const auto status = ::NtCreateFile(&opened, SYNCHRONIZE, &attributes, &block, nullptr, 0,
                                       FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_OPEN, 0, nullptr, 0);
    if (status < 0) return fail(status);
    os::KernelHandle device(opened);
    if (::CreateIoCompletionPort(device.get(), port, 0, 0) == nullptr)
        return std::unexpected(os::last_error());
    // No thread waits for the handle itself.
    if (auto set =
            os::check_bool(::SetFileCompletionNotificationModes(device.get(), FILE_SKIP_SET_EVENT_ON_HANDLE));
        !set) {
        return std::unexpected(set.error());
    }
    return device;
}

Result<RawHandle> base_of(RawHandle socket) noexcept {
    // Wine does not check that the handle is a socket in the other requests.
    int type = 0;
    int size = sizeof type;
    if (auto is_socket =
            os::check(::getsockopt(socket, SOL_SOCKET, SO_TYPE, reinterpret_cast<char*>(&type), &size));
        !is_socket) {
        return std::unexpected(is_socket.error());
    }
    const auto base = query(socket, sio_base_handle);
    if (base) return base;
    // A layered provider should pass SIO_BASE_HANDLE on, but some do not. They support at least one of these requests.
    for (const auto what : {sio_bsp_handle_select, sio_bsp_handle_poll, sio_bsp_handle}) {
        const auto found = query(socket, what);
        if (found && *found != socket) return found;
    }
    return std::unexpected(base.error());
}

Result<Submitted> submit(void* device, void* info, std::uint32_t size, void* block, void* context) noexcept {
    const auto status =
        ::NtDeviceIoControlFile(device, nullptr, nullptr, context, static_cast<::IO_STATUS_BLOCK*>(block),
                                ioctl_afd_poll, info, size, info, size);
    // A poll that completes immediately is queued to the port, too.
    if (status >= 0) return Submitted::accepted;
    if (status == status_invalid_handle || status == status_object_type_mismatch)
        return Submitted::socket_is_closed;
    return fail(status);
}

Result<> cancel(void* device, void* block) noexcept {
    ::IO_STATUS_BLOCK result{};
    const auto status = NtCancelIoFileEx(device, static_cast<::IO_STATUS_BLOCK*>(block), &result);
    if (status < 0 && status != status_not_found) return fail(status);
    return {};
}

} // namespace mio::sys::iocp::afd
