module;

#include <windows.h>

module mio.os.kernel_handle;

namespace mio::os {

void close_kernel_handle(void* handle) noexcept { ::CloseHandle(handle); }

} // namespace mio::os
