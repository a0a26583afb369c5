module mio.sys.epoll;

import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.poll;
import mio.std;

namespace mio::sys::epoll {
namespace {

// Null if `Poll` has another backend.
Selector* selector_of(const Registry& registry) noexcept {
    if (backend() != Selector::name) return nullptr;
    return static_cast<Selector*>(BackendAccess::selector(registry));
}

} // namespace

Result<> set_watch_options(const Registry& registry, RawHandle handle, const WatchOptions& options) noexcept {
    auto* const selector = selector_of(registry);
    if (selector == nullptr) return std::unexpected(make_error_code(Errc::unsupported));
    return selector->set_options(handle, options);
}

Result<WatchOptions> watch_options(const Registry& registry, RawHandle handle) noexcept {
    auto* const selector = selector_of(registry);
    if (selector == nullptr) return std::unexpected(make_error_code(Errc::unsupported));
    return selector->options(handle);
}

} // namespace mio::sys::epoll
