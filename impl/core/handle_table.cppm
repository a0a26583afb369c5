/// @file
/// Hash table from handles to source states. Internal.

module;

#include <bit>

export module mio.core.handle_table;

import mio.core.handle;
import mio.std;

namespace mio {

/// The states of the handles that are registered without an object. Open addressing with linear probing; a state is
/// never 0, which marks an empty place.
export class HandleTable {
  public:
    HandleTable() noexcept = default;
    HandleTable(const HandleTable&) = delete;
    HandleTable& operator=(const HandleTable&) = delete;

    /// The state of a handle; null if there is none. Valid until the next `insert` or `erase`.
    [[nodiscard]] std::uint64_t* find(RawHandle handle) noexcept {
        if (places_ == nullptr) return nullptr;
        auto& place = place_of(handle);
        return place.state == 0 ? nullptr : &place.state;
    }
    /// Makes room for one more handle. Returns false if memory allocation fails.
    [[nodiscard]] bool make_room() noexcept {
        if (count_ < size() / 2) return true;
        const auto bits = places_ == nullptr ? least_bits : bits_ + 1;
        std::unique_ptr<Place[]> larger(new (std::nothrow) Place[std::size_t{1} << bits]);
        if (larger == nullptr) return false;
        const auto before = size();
        std::swap(places_, larger);
        bits_ = bits;
        for (std::size_t i = 0; i < before; ++i) {
            if (larger[i].state != 0) place_of(larger[i].handle) = larger[i];
        }
        return true;
    }
    /// There must be room, and no state of the handle.
    void insert(RawHandle handle, std::uint64_t state) noexcept {
        place_of(handle) = {.handle = handle, .state = state};
        ++count_;
    }
    /// There must be a state of the handle.
    void erase(RawHandle handle) noexcept {
        auto hole = static_cast<std::size_t>(&place_of(handle) - places_.get());
        // Moves later members of the run into the hole, so that searches that pass it do not end there.
        for (auto i = next(hole); places_[i].state != 0; i = next(i)) {
            const auto distance = (i - home_of(places_[i].handle)) & mask();
            if (distance < ((i - hole) & mask())) continue;
            places_[hole] = places_[i];
            hole = i;
        }
        places_[hole] = {};
        --count_;
    }
    template <class F> void for_each_state(F&& f) {
        for (std::size_t i = 0; i < size(); ++i) {
            if (places_[i].state != 0) f(places_[i].state);
        }
    }

  private:
    struct Place {
        RawHandle handle = invalid_handle;
        std::uint64_t state = 0;
    };
    static constexpr unsigned least_bits = 4;

    [[nodiscard]] std::size_t size() const noexcept {
        return places_ == nullptr ? 0 : std::size_t{1} << bits_;
    }
    [[nodiscard]] std::size_t mask() const noexcept { return size() - 1; }
    [[nodiscard]] std::size_t next(std::size_t index) const noexcept { return (index + 1) & mask(); }
    // Fibonacci hashing: handles are small numbers, or multiples of four.
    [[nodiscard]] std::size_t home_of(RawHandle handle) const noexcept {
        return static_cast<std::size_t>(static_cast<std::uint64_t>(handle) * 0x9e37'79b9'7f4a'7c15u
                                        >> (64 - bits_));
    }
    // Of the handle, or empty.
    [[nodiscard]] Place& place_of(RawHandle handle) noexcept {
        auto index = home_of(handle);
        while (places_[index].state != 0 && places_[index].handle != handle) index = next(index);
        return places_[index];
    }

    std::unique_ptr<Place[]> places_;
    unsigned bits_ = 0;
    std::size_t count_ = 0;
};

} // namespace mio
