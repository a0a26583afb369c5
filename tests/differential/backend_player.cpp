// A player for the backend of `backend.hpp`. Compiled once for each backend.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "players.hpp"

#include "backend.hpp"

namespace {

using namespace test;

class BackendPlayer final : public Player {
  public:
    ~BackendPlayer() override {
        for (auto& waker : wakers_) waker.reset();
        for (const auto state : states_)
            if (state != 0) Backend::forget(state);
    }

    [[nodiscard]] std::string_view name() const override { return Backend::name; }
    [[nodiscard]] const Differences& differences() const override { return differences_; }

    [[nodiscard]] mio::Result<> add(std::size_t slot, mio::RawHandle handle, Token token, Interest interest,
                                    Trigger trigger) override {
        auto added = selector_.add(handle, token, interest, trigger);
        if (!added) return std::unexpected(added.error());
        states_[slot] = *added;
        return {};
    }
    [[nodiscard]] mio::Result<> modify(std::size_t slot, mio::RawHandle handle, Token token,
                                       Interest interest, Trigger trigger) override {
        return selector_.modify(handle, states_[slot], token, interest, trigger);
    }
    [[nodiscard]] mio::Result<> renew(std::size_t slot, mio::RawHandle) override {
        return selector_.renew(states_[slot]);
    }
    [[nodiscard]] mio::Result<> remove(std::size_t slot, mio::RawHandle handle) override {
        auto removed = selector_.remove(handle, states_[slot]);
        if (removed) states_[slot] = 0;
        return removed;
    }
    void forget(std::size_t slot, mio::RawHandle) override {
        Backend::forget(std::exchange(states_[slot], 0));
    }
    [[nodiscard]] mio::Result<> add_second(std::size_t, mio::RawHandle handle, Token token) override {
        auto added = selector_.add(handle, token, read_write, Trigger::edge);
        if (!added) return std::unexpected(added.error());
        Backend::forget(*added);
        return {};
    }
    void blocked(std::size_t slot, mio::RawHandle, Interest direction) override {
        if (states_[slot] != 0) static_cast<void>(Backend::rearm(states_[slot], direction));
    }
    void failed(std::size_t slot, mio::RawHandle) override {
        if (states_[slot] != 0) Backend::error_taken(states_[slot]);
    }
    [[nodiscard]] mio::Result<> make_waker(std::size_t waker, Token token) override {
        auto parts = Backend::Waker::open(selector_, token);
        if (!parts) return std::unexpected(parts.error());
        wakers_[waker].emplace(selector_, token, std::move(*parts));
        return {};
    }
    [[nodiscard]] mio::Result<> wake(std::size_t waker) override { return mio::sys::wake(*wakers_[waker]); }
    void drop_waker(std::size_t waker) override { wakers_[waker].reset(); }
    [[nodiscard]] mio::Result<> select(mio::Events& events, std::chrono::nanoseconds timeout) override {
        return selector_.select(events, timeout);
    }
    [[nodiscard]] mio::Events events(std::size_t capacity) const override {
        return mio::sys::BackendAccess::make_events(capacity, Backend::record_size);
    }
    [[nodiscard]] std::string describe(const mio::Event& event) const override {
        return Backend::describe(event);
    }

  private:
    static constexpr mio::sys::BackendTraits<Backend> traits{};
    static constexpr Differences differences_{
        .has_priority = traits.has_priority,
        .refuses_a_second_source = traits.refuses_a_second_source,
        .refuses_a_broken_pipe = traits.refuses_a_broken_pipe,
        .reports_lasting_errors = traits.reports_lasting_errors,
        .has_one_event_for_both_directions = traits.has_one_event_for_both_directions,
        .masks_hang_ups = Backend::name == "poll",
        .emulates_edges = Backend::emulates_edges,
    };

    Backend selector_{must(Backend::open())};
    std::array<std::uint64_t, max_slots> states_{};
    std::array<std::optional<Backend::Waker>, max_wakers> wakers_;
};

const bool is_added = [] {
    players().push_back([]() -> std::unique_ptr<Player> { return std::make_unique<BackendPlayer>(); });
    return true;
}();

} // namespace
