module;

#include <winsock2.h>

#include <cstddef>

module mio.core.raw_handle;

import mio.std;

namespace mio {

static_assert(std::is_same_v<RawHandle, ::SOCKET> && invalid_handle == INVALID_SOCKET);
static_assert(sizeof(RawHandle) == sizeof(void*));
static_assert(sizeof(RawBuffer) == sizeof(::WSABUF));
static_assert(offsetof(RawBuffer, data) == offsetof(::WSABUF, buf));
static_assert(offsetof(RawBuffer, size) == offsetof(::WSABUF, len));

void close_handle(RawHandle handle) noexcept { ::closesocket(handle); }

} // namespace mio
