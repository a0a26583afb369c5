#include "memory.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <tuple>
#include <utility>

namespace model {
namespace {

void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "the model is too large: %s\n", what);
    std::abort();
}

} // namespace

Memory::Memory(std::size_t threads, const std::vector<Value>& initial)
    : location_count_(initial.size()), thread_count_(threads) {
    require(initial.size() <= max_locations, "max_locations");
    require(threads <= max_threads, "max_threads");
    for (std::size_t l = 0; l < initial.size(); ++l) {
        locations_[l].messages[0].value = initial[l];
        locations_[l].size = 1;
    }
    std::fill_n(is_live_.begin(), threads, true);
}

template <class F> void Memory::for_each_view(F&& f) {
    for (std::size_t t = 0; t < thread_count_; ++t) f(views_[t]);
    for (auto& view : syncs_) f(view);
    for (std::size_t l = 0; l < location_count_; ++l) {
        for (std::size_t i = 0; i < locations_[l].size; ++i) f(locations_[l].messages[i].view);
    }
}

template <class F> void Memory::for_each_events(F&& f) {
    for_each_view([&](View& view) { f(view.sc); });
    for (std::size_t i = 0; i < sc_count_; ++i) f(sc_[i].before);
    for (auto& events : before_location_) f(events);
}

void Memory::insert(Location l, std::size_t position, const Message& message) {
    auto& location = locations_[l];
    require(location.size < max_messages, "max_messages");
    if (position != location.size) {
        for_each_view([&](View& view) {
            if (view.at[l] >= position) ++view.at[l];
        });
        for (std::size_t i = 0; i < sc_count_; ++i) {
            if (sc_[i].location == l && sc_[i].at >= position) ++sc_[i].at;
        }
        std::move_backward(location.messages.begin() + static_cast<std::ptrdiff_t>(position),
                           location.messages.begin() + static_cast<std::ptrdiff_t>(location.size),
                           location.messages.begin() + static_cast<std::ptrdiff_t>(location.size) + 1);
    }
    location.messages[position] = message;
    ++location.size;
}

bool Memory::read(Thread t, Location l, Index i, Order order) {
    auto& view = views_[t];
    const auto before =
        view.sc; // what is acquired comes before the operations that follow, not before this one
    view.at[l] = std::max(view.at[l], i);
    if (acquires(order)) view.join(locations_[l].messages[i].view);
    return order != Order::seq_cst || order_sc(before, t, l, i, false);
}

bool Memory::write_behind(Thread t, Location l, Index i, Value value, Order order) {
    const auto position = static_cast<Index>(i + 1);
    insert(l, position, {.value = value, .is_update = false, .view = {}});
    views_[t].at[l] = position;
    auto& message = locations_[l].messages[position];
    if (releases(order)) message.view = views_[t];
    message.view.at[l] = position;
    return order != Order::seq_cst || order_sc(views_[t].sc, t, l, position, true);
}

bool Memory::update(Thread t, Location l, Index i, Value value, Order order) {
    auto& view = views_[t];
    const auto before = view.sc;
    view.at[l] = std::max(view.at[l], i);
    if (acquires(order)) view.join(locations_[l].messages[i].view);
    const auto position = static_cast<Index>(i + 1);
    insert(l, position, {.value = value, .is_update = true, .view = {}});
    views_[t].at[l] = position;
    auto& message = locations_[l].messages[position];
    // An update continues the release sequences of the message that it read.
    message.view = locations_[l].messages[i].view;
    if (releases(order)) message.view.join(views_[t]);
    message.view.at[l] = position;
    return order != Order::seq_cst || order_sc(before, t, l, position, true);
}

bool Memory::plain(Thread t, Location l, Value value) {
    const auto last = static_cast<Index>(locations_[l].size - 1);
    if (views_[t].at[l] != last) return false;
    insert(l, last + 1u, {.value = value, .is_update = false, .view = {}});
    views_[t].at[l] = static_cast<Index>(last + 1);
    return true;
}

void Memory::finish(Thread t) {
    views_[t] = {};
    is_live_[t] = false;
}

// Each write happens before now, so that only the last one of a location may still be read.
void Memory::start_after_all(Thread t) {
    for (std::size_t l = 0; l < location_count_; ++l)
        views_[t].at[l] = static_cast<Index>(locations_[l].size - 1);
    is_live_[t] = true;
}

// The single order S of the seq_cst operations is not built: it is enough that one exists. It has to agree with the
// "strongly happens before" of the standard, and with the order in which operations on one location see each other
// ("coherence-ordered before"). That some S exists means that these two have no cycle.
bool Memory::order_sc(std::uint32_t before, Thread t, Location l, Index at, bool is_write) {
    before |= before_location_[l];
    std::uint32_t after = 0;
    for (std::size_t i = 0; i < sc_count_; ++i) {
        const auto& event = sc_[i];
        if (event.location != l) continue;
        const auto bit = 1u << i;
        if (event.at < at || (event.at == at && event.is_write && !is_write)) {
            before |= bit | event.before;
        } else if (event.at > at) {
            after |= bit;
        }
    }
    if ((before & after) != 0) return false;
    require(sc_count_ < max_sc, "max_sc");
    const auto added = before | 1u << sc_count_;
    const auto precede = [&](std::uint32_t& events) {
        if ((events & after) != 0) events |= added;
    };
    for (std::size_t i = 0; i < sc_count_; ++i) {
        if ((1u << i & after) != 0) sc_[i].before |= added;
    }
    for_each_events(precede);
    sc_[sc_count_++] = {.location = l, .at = at, .is_write = is_write, .before = before};
    views_[t].sc |= added;
    return true;
}

// Forgets the events that no later one can precede, once their predecessors are known to precede every later one.
void Memory::drop_sc(Location l, std::size_t dropped) {
    for (std::size_t i = 0; i < sc_count_;) {
        auto& event = sc_[i];
        if (event.location != l || event.at > dropped) {
            ++i;
            continue;
        }
        // A later operation reads message `dropped` or a newer one, and writes behind it.
        const bool precedes_all = event.is_write || event.at < dropped;
        if (!precedes_all && event.before != 0) {
            ++i;
            continue;
        }
        if (precedes_all) before_location_[l] |= event.before;
        remove_sc(i);
    }
    for (std::size_t i = 0; i < sc_count_; ++i) {
        if (sc_[i].location == l)
            sc_[i].at = static_cast<Index>(sc_[i].at - std::min<std::size_t>(sc_[i].at, dropped));
    }
}

void Memory::remove_sc(std::size_t i) {
    const auto low = (1u << i) - 1;
    const auto without = [low](std::uint32_t events) { return (events & low) | ((events >> 1) & ~low); };
    std::move(sc_.begin() + static_cast<std::ptrdiff_t>(i) + 1,
              sc_.begin() + static_cast<std::ptrdiff_t>(sc_count_),
              sc_.begin() + static_cast<std::ptrdiff_t>(i));
    --sc_count_;
    for_each_events([&](std::uint32_t& events) { events = without(events); });
}

// The order in which events were added means nothing.
void Memory::sort_sc() {
    const auto comes_before = [](const ScEvent& a, const ScEvent& b) {
        return std::tie(a.location, a.at, a.is_write) < std::tie(b.location, b.at, b.is_write);
    };
    for (std::size_t i = 1; i < sc_count_; ++i) {
        for (auto j = i; j != 0 && comes_before(sc_[j], sc_[j - 1]); --j) {
            std::swap(sc_[j], sc_[j - 1]);
            const auto swap_bits = [j](std::uint32_t& events) {
                const auto differ = (events >> j ^ events >> (j - 1)) & 1u;
                events ^= differ << j | differ << (j - 1);
            };
            for_each_events(swap_bits);
        }
    }
}

void Memory::write_own(Thread t, Location l, Value value) {
    const auto position = locations_[l].size;
    insert(l, position, {.value = value, .is_update = false, .view = {}});
    locations_[l].messages[position].view.at[l] = views_[t].at[l] = static_cast<Index>(position);
}

void Memory::compact(const std::array<std::uint32_t, max_threads>& used) {
    for (std::size_t i = 0; i < location_count_; ++i) {
        const auto l = static_cast<Location>(i);
        auto& location = locations_[l];
        std::size_t oldest = location.size - 1;
        for (std::size_t t = 0; t < thread_count_; ++t) {
            if (is_live_[t] && (used[t] >> l & 1) != 0)
                oldest = std::min<std::size_t>(oldest, views_[t].at[l]);
        }
        if (sc_count_ != 0) drop_sc(l, oldest);
        if (oldest != 0) {
            std::move(location.messages.begin() + static_cast<std::ptrdiff_t>(oldest),
                      location.messages.begin() + static_cast<std::ptrdiff_t>(location.size),
                      location.messages.begin());
            location.size -= oldest;
            for_each_view([&](View& view) {
                view.at[l] = static_cast<Index>(view.at[l] - std::min<std::size_t>(view.at[l], oldest));
            });
        }
        location.messages[0].is_update = false; // nothing can be put before the first one anyway
    }
    sort_sc();
}

void Memory::append_to(std::vector<std::uint8_t>& bytes) const {
    const auto add_events = [&](std::uint32_t events) {
        for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<std::uint8_t>(events >> (8 * i)));
    };
    const auto add_view = [&](const View& view) {
        bytes.insert(bytes.end(), view.at.begin(),
                     view.at.begin() + static_cast<std::ptrdiff_t>(location_count_));
        if (sc_count_ != 0) add_events(view.sc);
    };
    for (std::size_t l = 0; l < location_count_; ++l) {
        bytes.push_back(static_cast<std::uint8_t>(locations_[l].size));
        for (std::size_t i = 0; i < locations_[l].size; ++i) {
            const auto& message = locations_[l].messages[i];
            bytes.push_back(message.value);
            bytes.push_back(message.is_update);
            add_view(message.view);
        }
    }
    for (std::size_t t = 0; t < thread_count_; ++t) {
        bytes.push_back(is_live_[t]);
        add_view(views_[t]);
    }
    for (const auto& view : syncs_) add_view(view);
    bytes.push_back(static_cast<std::uint8_t>(sc_count_));
    for (std::size_t i = 0; i < sc_count_; ++i) {
        bytes.insert(bytes.end(), {sc_[i].location, sc_[i].at, static_cast<std::uint8_t>(sc_[i].is_write)});
        add_events(sc_[i].before);
    }
    if (sc_count_ != 0) {
        for (std::size_t l = 0; l < location_count_; ++l) add_events(before_location_[l]);
    }
}

} // namespace model
