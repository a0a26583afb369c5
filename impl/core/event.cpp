module mio.core.event;

import mio.std;
import mio.sys;

namespace mio {

static_assert(sizeof(Event) <= 16, "an event is small, so that a batch of them stays in the cache");

namespace {

// The size of `count` records; saturates, so that the allocation fails. On a 32-bit system the events may fit where
// the larger records do not.
constexpr std::size_t bytes_of(std::size_t count, std::size_t record_size) noexcept {
    constexpr auto most = std::numeric_limits<std::size_t>::max();
    return record_size != 0 && count > most / record_size ? most : count * record_size;
}
static_assert(bytes_of(4, 64) == 256 && bytes_of(4, 0) == 0);
static_assert(bytes_of(std::numeric_limits<std::size_t>::max() / 32, 64)
              == std::numeric_limits<std::size_t>::max());

} // namespace

Events::Events(std::size_t capacity) : Events(capacity, sys::native::record_size) {}

Events::Events(std::size_t capacity, std::size_t record_size)
    : events_(std::make_unique<Event[]>(capacity)),
      records_(std::make_unique_for_overwrite<std::byte[]>(bytes_of(capacity, record_size))),
      capacity_(capacity) {}

Events::Events(Events&& other) noexcept
    : events_(std::move(other.events_)), records_(std::move(other.records_)),
      capacity_(std::exchange(other.capacity_, 0)), size_(std::exchange(other.size_, 0)) {}

Events& Events::operator=(Events&& other) noexcept {
    Events taken(std::move(other));
    std::swap(events_, taken.events_);
    std::swap(records_, taken.records_);
    std::swap(capacity_, taken.capacity_);
    std::swap(size_, taken.size_);
    return *this;
}

std::string to_string(const Event& event) {
    std::string text = "Token(" + std::to_string(event.token().value) + ")";
    std::string_view separator = " ";
    const auto append = [&](bool holds, std::string_view name) {
        if (!holds) return;
        text += separator;
        text += name;
        separator = " | ";
    };
    append(event.is_readable(), "READABLE");
    append(event.is_writable(), "WRITABLE");
    append(event.is_error(), "ERROR");
    append(event.is_read_closed(), "READ_CLOSED");
    append(event.is_write_closed(), "WRITE_CLOSED");
    append(event.is_priority(), "PRIORITY");
    append(event.is_aio(), "AIO");
    append(event.is_lio(), "LIO");
    return text;
}

std::string describe(const Event& event) { return sys::native::describe(event); }

} // namespace mio
