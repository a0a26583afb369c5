// A player for `Poll`: its registrations are handles without an object.
#include <array>
#include <chrono>
#include <cstddef>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "players.hpp"

namespace {

using namespace test;

class HandlePlayer final : public Player {
  public:
    [[nodiscard]] std::string_view name() const override { return name_; }
    [[nodiscard]] const Differences& differences() const override { return differences_; }

    [[nodiscard]] mio::Result<> add(std::size_t slot, mio::RawHandle handle, Token token, Interest interest,
                                    Trigger trigger) override {
        auto added = poll_.registry().add(handle, token, interest, trigger);
        // The number was reused and the backend cannot know that.
        if (!added && added.error() == mio::Errc::already_registered && slots_.contains(handle))
            added = poll_.registry().modify(handle, token, interest, trigger);
        if (added) slots_[handle] = slot;
        return added;
    }
    [[nodiscard]] mio::Result<> modify(std::size_t slot, mio::RawHandle handle, Token token,
                                       Interest interest, Trigger trigger) override {
        if (!is_of(slot, handle)) return not_registered();
        return note(handle, poll_.registry().modify(handle, token, interest, trigger));
    }
    [[nodiscard]] mio::Result<> renew(std::size_t slot, mio::RawHandle handle) override {
        if (!is_of(slot, handle)) return not_registered();
        return note(handle, poll_.registry().renew(handle));
    }
    [[nodiscard]] mio::Result<> remove(std::size_t slot, mio::RawHandle handle) override {
        if (!is_of(slot, handle)) return {};
        slots_.erase(handle);
        return poll_.registry().remove(handle);
    }
    void forget(std::size_t slot, mio::RawHandle handle) override { static_cast<void>(remove(slot, handle)); }
    [[nodiscard]] mio::Result<> add_second(std::size_t, mio::RawHandle handle, Token token) override {
        return poll_.registry().add(handle, token, read_write);
    }
    void blocked(std::size_t slot, mio::RawHandle handle, Interest direction) override {
        if (is_of(slot, handle)) static_cast<void>(poll_.registry().exhausted(handle, direction));
    }
    void failed(std::size_t slot, mio::RawHandle handle) override {
        if (!is_of(slot, handle)) return;
        static_cast<void>(poll_.registry().try_io(handle, Interest::readable, []() -> mio::Result<> {
            return std::unexpected(std::make_error_code(std::errc::not_connected));
        }));
    }
    [[nodiscard]] mio::Result<> make_waker(std::size_t waker, Token token) override {
        auto made = mio::Waker::create(poll_.registry(), token);
        if (!made) return std::unexpected(made.error());
        wakers_[waker].emplace(std::move(*made));
        return {};
    }
    [[nodiscard]] mio::Result<> wake(std::size_t waker) override { return wakers_[waker]->wake(); }
    void drop_waker(std::size_t waker) override { wakers_[waker].reset(); }
    [[nodiscard]] mio::Result<> select(mio::Events& events, std::chrono::nanoseconds timeout) override {
        return poll_.poll(events, timeout);
    }
    [[nodiscard]] mio::Events events(std::size_t capacity) const override { return mio::Events(capacity); }
    [[nodiscard]] std::string describe(const mio::Event& event) const override {
        return mio::describe(event);
    }

  private:
    static constexpr mio::backend_traits traits{};
    const std::string name_ = std::string(mio::backend()) + "-handles";
    const Differences differences_{
        .has_priority = traits.has_priority,
        .refuses_a_second_source = true, // the `Poll` knows its handles
        .refuses_a_broken_pipe = traits.refuses_a_broken_pipe,
        .reports_lasting_errors = traits.reports_lasting_errors,
        .has_one_event_for_both_directions = traits.has_one_event_for_both_directions,
        .masks_hang_ups = mio::backend() == "poll",
        .emulates_edges = mio::backend() == "poll",
    };

    // Whether the handle's registration is still that of the slot: its number may have been reused.
    [[nodiscard]] bool is_of(std::size_t slot, mio::RawHandle handle) const {
        const auto place = slots_.find(handle);
        return place != slots_.end() && place->second == slot;
    }
    [[nodiscard]] mio::Result<> note(mio::RawHandle handle, mio::Result<> result) {
        if (!result && result.error() == mio::Errc::not_registered) slots_.erase(handle);
        return result;
    }
    [[nodiscard]] static mio::Result<> not_registered() {
        return std::unexpected(make_error_code(mio::Errc::not_registered));
    }

    mio::Poll poll_ = must(mio::Poll::create());
    std::unordered_map<mio::RawHandle, std::size_t> slots_;
    std::array<std::optional<mio::Waker>, max_wakers> wakers_;
};

const bool is_added = [] {
    players().push_back([]() -> std::unique_ptr<Player> { return std::make_unique<HandlePlayer>(); });
    return true;
}();

} // namespace
