module mio.sys.iocp;

import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.types;
import mio.os.kernel_handle;
import mio.std;
import mio.sys.iocp.afd;
import mio.sys.selector;

namespace mio::sys::iocp {

struct Group {
    // The number of sockets that AFD handles efficiently through one handle.
    static constexpr std::size_t size = 32;

    Group(Port& port, os::KernelHandle handle) noexcept : device(std::move(handle)) {
        for (auto& source : sources) {
            source.port = &port;
            source.group = this;
            source.device = device.get();
            source.next = std::exchange(free, &source);
        }
    }
    Group(const Group&) = delete;
    Group& operator=(const Group&) = delete;

    os::KernelHandle device;
    Group* previous = nullptr; // in the list of groups with room
    Group* next = nullptr;
    Source* free = nullptr;
    std::size_t used = 0;
    std::array<Source, size> sources;
};

// Takes a source from a group with room, or from a new group. One unused group is kept, so that adding and removing a
// single source repeatedly does not open the driver each time.
Result<Source*> Port::take_source() noexcept {
    if (groups_with_room_ == nullptr) {
        auto device = afd::open(handle_);
        if (!device) return std::unexpected(device.error());
        groups_with_room_ = new (std::nothrow) Group(*this, std::move(*device));
        if (groups_with_room_ == nullptr) return std::unexpected(os_error(std::errc::not_enough_memory));
        ++spare_groups_;
    }
    auto& group = *groups_with_room_;
    if (group.used++ == 0) --spare_groups_;
    auto& source = *std::exchange(group.free, group.free->next);
    if (group.free == nullptr) {
        groups_with_room_ = group.next;
        if (groups_with_room_ != nullptr) groups_with_room_->previous = nullptr;
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
        group.next = groups_with_room_;
        if (groups_with_room_ != nullptr) groups_with_room_->previous = &group;
        groups_with_room_ = &group;
    }
    source.next = std::exchange(group.free, &source);
    if (--group.used != 0) return;
    if (spare_groups_ == 0) {
        ++spare_groups_;
        return;
    }
    (group.previous != nullptr ? group.previous->next : groups_with_room_) = group.next;
    if (group.next != nullptr) group.next->previous = group.previous;
    delete &group;
}

// Called when no source is in use, so that every group has room.
void Port::free_groups() noexcept {
    while (groups_with_room_ != nullptr) delete std::exchange(groups_with_room_, groups_with_room_->next);
}

} // namespace mio::sys::iocp
