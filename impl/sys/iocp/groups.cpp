module;

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <new>
#include <system_error>
#include <utility>

module mio.sys.iocp;

import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.types;
import mio.os.kernel_handle;
import mio.sys.iocp.afd;
import mio.sys.selector;

#include "source.hpp"

namespace mio::sys::iocp {

// Takes a source from a group with room, or from a new group. One unused group is kept, so that adding and removing a
// single source repeatedly does not open the driver each time.
Result<Source*> Port::take_source() noexcept {
    if (roomy_ == nullptr) {
        auto device = afd::open(handle_);
        if (!device) return std::unexpected(device.error());
        roomy_ = new (std::nothrow) Group(*this, std::move(*device));
        if (roomy_ == nullptr) return std::unexpected(os_error(std::errc::not_enough_memory));
        ++spare_groups_;
    }
    auto& group = *roomy_;
    if (group.used++ == 0) --spare_groups_;
    auto& source = *std::exchange(group.free, group.free->next);
    if (group.free == nullptr) {
        roomy_ = group.next;
        if (roomy_ != nullptr) roomy_->previous = nullptr;
        group.next = nullptr;
    }
    source.next = nullptr;
    source.is_released = false;
    return &source;
}

void Port::free_source(Source& source) noexcept {
    auto& group = *source.group;
    dequeue(source);
    if (group.free == nullptr) {
        group.next = roomy_;
        if (roomy_ != nullptr) roomy_->previous = &group;
        roomy_ = &group;
    }
    source.next = std::exchange(group.free, &source);
    if (--group.used != 0) return;
    if (spare_groups_ == 0) {
        ++spare_groups_;
        return;
    }
    (group.previous != nullptr ? group.previous->next : roomy_) = group.next;
    if (group.next != nullptr) group.next->previous = group.previous;
    delete &group;
}

} // namespace mio::sys::iocp
