// Include it in the global module fragment.
#pragma once

#include <atomic>
#include <cstddef>

namespace mio {

/// Base class of an object with several owners, on any threads. A new `T` has one reference; releasing the last one
/// deletes it.
template <class T> class ReferenceCounted {
  public:
    ReferenceCounted(const ReferenceCounted&) = delete;
    ReferenceCounted& operator=(const ReferenceCounted&) = delete;

    void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
    void release() noexcept {
        // The last owner must see all writes of the other owners before it deletes the object.
        if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete static_cast<T*>(this);
    }

  protected:
    ReferenceCounted() noexcept = default;
    ~ReferenceCounted() = default;

  private:
    std::atomic<std::size_t> references_ = 1;
};

} // namespace mio
