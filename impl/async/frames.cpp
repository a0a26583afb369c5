// The free lists from which coroutine frames are allocated.

module;

#include "../core/attempt.hpp"

module mio.async.internal;

import mio.std;

#include "frames.hpp"

// Sanitizers would not detect the use of a freed frame that was reused.
#if defined(__SANITIZE_ADDRESS__)
#define MIO_REUSES_FRAMES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define MIO_REUSES_FRAMES 0
#endif
#endif
#ifndef MIO_REUSES_FRAMES
#define MIO_REUSES_FRAMES 1
#endif

namespace mio::async {
namespace {

constexpr bool reuses_frames = MIO_REUSES_FRAMES != 0;
constexpr std::size_t step = 64;
constexpr std::size_t classes = 16 * 1024 / step;   // of frame sizes
constexpr std::size_t most_kept = 16 * 1024 * 1024; // bytes, per thread

struct Free {
    Free* next;
};

// Not destroyed, so that access needs no check whether it was constructed.
struct FreeLists {
    Free* lists[classes];
    std::size_t kept; // bytes in the lists
    enum class State : unsigned char { unused, in_use, closed } state;
};
constinit thread_local FreeLists free_lists{};

bool may_keep(std::size_t size) noexcept {
    if (free_lists.state == FreeLists::State::in_use) [[likely]]
        return free_lists.kept + size <= most_kept;
    if (free_lists.state == FreeLists::State::closed) return false;
    if (!close_free_lists_at_thread_exit()) return false;
    free_lists.state = FreeLists::State::in_use;
    return true;
}

} // namespace

// Frames freed afterwards are not kept.
void close_free_lists() noexcept {
    free_lists.state = FreeLists::State::closed;
    for (Free*& list : free_lists.lists)
        while (list != nullptr) ::operator delete(std::exchange(list, list->next));
}

ReturnFrames::ReturnFrames() noexcept : before_(static_cast<unsigned char>(free_lists.state)) {
    free_lists.state = FreeLists::State::closed;
}
ReturnFrames::~ReturnFrames() { free_lists.state = static_cast<FreeLists::State>(before_); }

void* allocate_frame(std::size_t size) {
    const std::size_t index = (size - 1) / step;
    if (!reuses_frames || index >= classes) return ::operator new(size);
    FreeLists& mine = free_lists;
    if (Free* const found = mine.lists[index]) [[likely]] {
        mine.lists[index] = found->next;
        mine.kept -= (index + 1) * step;
        return found;
    }
    return ::operator new((index + 1) * step);
}

void* try_allocate_frame(std::size_t size) noexcept {
    void* frame = nullptr;
    static_cast<void>(attempt([&] { frame = allocate_frame(size); }));
    return frame;
}

void free_frame(void* frame, std::size_t size) noexcept {
    const std::size_t index = (size - 1) / step;
    if (!reuses_frames || index >= classes || !may_keep((index + 1) * step)) {
        ::operator delete(frame);
        return;
    }
    FreeLists& mine = free_lists;
    mine.lists[index] = ::new (frame) Free{mine.lists[index]};
    mine.kept += (index + 1) * step;
}

} // namespace mio::async
