module mio.sys.kqueue;

import mio.core.handle;
import mio.core.types;
import mio.std;
import mio.sys.selector;

namespace mio::sys::kqueue {

bool Oneshots::make_room_for(RawHandle handle) noexcept { return by_handle_.make_room_for(handle); }

Token Oneshots::begin(RawHandle handle, Token token, Interest interest) noexcept {
    auto& entry = *by_handle_.find(handle);
    entry = {.token = token,
             .registration = ++last_registration_,
             .is_oneshot = true,
             .has_two_filters = interest.is_readable() && interest.is_writable()};
    return Token{entry.registration};
}

void Oneshots::end(RawHandle handle) noexcept {
    if (auto* const entry = find(handle)) entry->is_oneshot = false;
}

Oneshots::Entry* Oneshots::find(RawHandle handle) noexcept { return by_handle_.find(handle); }

} // namespace mio::sys::kqueue
