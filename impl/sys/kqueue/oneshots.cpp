module;

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>

module mio.sys.kqueue;

import mio.core.handle;
import mio.core.types;

namespace mio::sys::kqueue {

bool Oneshots::make_room_for(RawHandle handle) noexcept {
    const auto index = static_cast<std::size_t>(handle);
    if (index < size_) return true;
    const auto size = std::max(index + 1, size_ * 2);
    std::unique_ptr<Entry[]> larger(new (std::nothrow) Entry[size]);
    if (!larger) return false;
    std::copy_n(by_handle_.get(), size_, larger.get());
    by_handle_ = std::move(larger);
    size_ = size;
    return true;
}

Token Oneshots::begin(RawHandle handle, Token token, Interest interest) noexcept {
    auto& entry = by_handle_[static_cast<std::size_t>(handle)];
    entry = {.token = token,
             .registration = ++last_registration_,
             .is_oneshot = true,
             .has_two_filters = interest.is_readable() && interest.is_writable()};
    return Token{entry.registration};
}

void Oneshots::end(RawHandle handle) noexcept {
    if (auto* const entry = find(handle)) entry->is_oneshot = false;
}

Oneshots::Entry* Oneshots::find(RawHandle handle) noexcept {
    const auto index = static_cast<std::size_t>(handle);
    return index < size_ ? &by_handle_[index] : nullptr;
}

} // namespace mio::sys::kqueue
