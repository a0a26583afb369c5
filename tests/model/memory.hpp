// The memory of a model: atomic locations under the release/acquire/relaxed/seq_cst rules of C++20, by views.
//
// A location is the list of its messages (writes) in modification order. A view says, for each location, the oldest
// message that may still be read. Each thread has a view, and each message carries one: what an acquire that reads the
// message learns. README.md states the rules and what they leave out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace model {

using Value = std::uint8_t;

enum class Order : std::uint8_t { relaxed, acquire, release, acq_rel, seq_cst };

constexpr bool acquires(Order order) {
    return order == Order::acquire || order == Order::acq_rel || order == Order::seq_cst;
}
constexpr bool releases(Order order) {
    return order == Order::release || order == Order::acq_rel || order == Order::seq_cst;
}

/// Limits; a model that exceeds one ends the program.
inline constexpr std::size_t max_locations = 14, max_messages = 14, max_threads = 6, max_syncs = 3,
                             max_sc = 32;

using Index = std::uint8_t;    // of a message in its location
using Location = std::uint8_t; // index of a location
using Thread = std::uint8_t;   // index of a thread
using Sync = std::uint8_t; // index of a synchronisation object: a mutex, or a kernel that orders its calls

/// For each location, the index of the oldest message that may be read; and the seq_cst operations that strongly happen
/// before what follows.
struct View {
    std::array<Index, max_locations> at{};
    std::uint32_t sc = 0;

    void join(const View& other) {
        for (std::size_t i = 0; i < max_locations; ++i) {
            if (other.at[i] > at[i]) at[i] = other.at[i];
        }
        sc |= other.sc;
    }
};

class Memory {
  public:
    Memory() = default;
    Memory(std::size_t threads, const std::vector<Value>& initial);

    [[nodiscard]] std::size_t size(Location l) const { return locations_[l].size; }
    [[nodiscard]] Value value(Location l, Index i) const { return locations_[l].messages[i].value; }
    /// The first message that the thread may read; it may read every later one, too.
    [[nodiscard]] Index first_readable(Thread t, Location l) const { return views_[t].at[l]; }
    /// Whether a write may be put directly behind message `i`: not between an update and the message it read.
    [[nodiscard]] bool is_free_behind(Location l, Index i) const {
        const auto& location = locations_[l];
        return i + 1u == location.size || !location.messages[i + 1u].is_update;
    }

    // These return false if no single order of the seq_cst operations allows the operation: no such execution exists.
    [[nodiscard]] bool read(Thread, Location, Index, Order);
    [[nodiscard]] bool write_behind(Thread, Location, Index, Value, Order);
    [[nodiscard]] bool update(Thread, Location, Index, Value, Order);

    /// Access to an object that is not atomic. Returns false for a data race: an earlier access does not happen
    /// before this one. All accesses count as writes.
    [[nodiscard]] bool plain(Thread, Location, Value);

    void acquire(Thread t, Sync s) { views_[t].join(syncs_[s]); }
    void release(Thread t, Sync s) { syncs_[s].join(views_[t]); }

    /// The thread has ended.
    void finish(Thread);
    /// The thread starts, and everything so far happens before it.
    void start_after_all(Thread);
    void exclude(Thread t) { is_live_[t] = false; }

    /// The thread writes to a location that no other thread writes to. None learns of it before it synchronises with
    /// the thread, if all read by `oldest`.
    void write_own(Thread, Location, Value);
    /// The value that the thread has to expect: the oldest that it may read.
    [[nodiscard]] Value oldest(Thread t, Location l) const { return value(l, views_[t].at[l]); }

    /// Drops what no thread can read any more, so that equal states become equal bytes. `used` has a bit for each
    /// location that the thread may still access.
    void compact(const std::array<std::uint32_t, max_threads>& used);
    void append_to(std::vector<std::uint8_t>&) const;

  private:
    struct Message {
        Value value = 0;
        bool is_update = false; // read the message before it
        View view;
    };
    struct Messages {
        std::array<Message, max_messages> messages;
        std::size_t size = 0;
    };
    /// A seq_cst operation that some later one may have to precede.
    struct ScEvent {
        Location location;
        Index at; // the message that was read or written
        bool is_write;
        std::uint32_t before; // the events that precede it
    };

    template <class F> void for_each_view(F&&);
    void insert(Location, std::size_t position, const Message&);
    [[nodiscard]] bool order_sc(std::uint32_t before, Thread, Location, Index, bool is_write);
    template <class F> void for_each_events(F&&);
    void drop_sc(Location, std::size_t dropped);
    void remove_sc(std::size_t i);
    void sort_sc();

    std::array<Messages, max_locations> locations_;
    std::size_t location_count_ = 0;
    std::size_t thread_count_ = 0;
    std::array<View, max_threads> views_{};
    std::array<bool, max_threads> is_live_{};
    std::array<View, max_syncs> syncs_{};

    std::array<ScEvent, max_sc> sc_{};
    std::size_t sc_count_ = 0;
    // The events that precede the next seq_cst operation of a location. Those of a thread are in its view.
    std::array<std::uint32_t, max_locations> before_location_{};
};

} // namespace model
