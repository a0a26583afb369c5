/// @file
/// The backends of this build, each with its selector and with what is documented of its events.

module;

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

export module probe.events.backend;

import mio;
import mio.sys.selector;
import probe.events.selector;
import probe.failure;

namespace probe {

/// How often a step brings what a row tells of.
export enum class Times : std::uint8_t {
    never,         ///< the step brings nothing at all
    once,          ///< exactly once
    at_least_once, ///< once, or more often: the kernel may tell of a change in several parts
    unsupported,   ///< the backend cannot watch for that
};

/// A row of the documented table. A step that brings several events at once, one for each direction say, has a row for
/// each; in which order they come is not documented.
export struct Row {
    std::string_view scenario;
    std::string_view step;
    Times times;
    std::string_view flags;      ///< as the backend describes them
    std::string_view predicates; ///< as `letters` gives them
};

/// A backend that can be observed.
export struct Backend {
    std::string_view name;
    std::unique_ptr<Selector> (*open)();        ///< throws `Refused`
    std::string (*describe)(const mio::Event&); ///< the OS record with its flag names
    std::vector<Row> contract;                  ///< the documented table
};

template <mio::sys::SelectorBackend S> class AnyWaker final : public Waker {
  public:
    AnyWaker(S& selector, mio::Token token, typename S::Waker::Parts&& parts)
        : waker_(selector, token, std::move(parts)) {}

    [[nodiscard]] mio::Result<> wake() noexcept override { return waker_.wake(); }

  private:
    typename S::Waker waker_;
};

template <mio::sys::SelectorBackend S> class AnySelector final : public Selector {
  public:
    explicit AnySelector(typename S::Parts&& parts) : selector_(std::move(parts)) {}

    [[nodiscard]] mio::Result<std::uint64_t> add(mio::RawHandle handle, mio::Token token,
                                                 mio::Interest interest,
                                                 mio::Trigger trigger) noexcept override {
        return selector_.add(handle, token, interest, trigger);
    }
    [[nodiscard]] mio::Result<> modify(mio::RawHandle handle, std::uint64_t state, mio::Token token,
                                       mio::Interest interest, mio::Trigger trigger) noexcept override {
        return selector_.modify(handle, state, token, interest, trigger);
    }
    [[nodiscard]] mio::Result<> remove(mio::RawHandle handle, std::uint64_t state) noexcept override {
        return selector_.remove(handle, state);
    }
    [[nodiscard]] mio::Result<> rearm(std::uint64_t state, mio::Interest blocked) const noexcept override {
        return S::rearm(state, blocked);
    }
    void forget(std::uint64_t state) const noexcept override { S::forget(state); }
    [[nodiscard]] mio::Result<> select(mio::Events& events,
                                       std::chrono::nanoseconds timeout) noexcept override {
        return selector_.select(events, timeout);
    }

    [[nodiscard]] mio::Events make_events(std::size_t capacity) const override {
        return {capacity, S::record_size};
    }
    [[nodiscard]] std::unique_ptr<Waker> make_waker(mio::Token token) override {
        return std::make_unique<AnyWaker<S>>(selector_, token,
                                             must(S::Waker::open(selector_, token), "Waker::open"));
    }

  private:
    S selector_;
};

template <mio::sys::SelectorBackend S> std::unique_ptr<Selector> open_any() {
    return std::make_unique<AnySelector<S>>(must(S::open(), "Selector::open"));
}

/// The backend whose selector is `S`, with its documented table.
export template <mio::sys::SelectorBackend S> Backend backend_of(std::span<const Row> contract) {
    return {S::name, open_any<S>, S::describe, {contract.begin(), contract.end()}};
}

/// One of these for each backend, made as the program starts, brings it into `observable_backends`.
struct Listing {
    explicit Listing(const Backend& backend);
};

/// One of these, made as the program starts, says where a backend of this build differs from its documented table:
/// its rows take the place of all that the table has for their steps.
struct Deviations {
    Deviations(std::string_view backend, std::span<const Row> rows);
};

/// Every backend of this build, the platform's own first.
export std::vector<Backend> observable_backends();

} // namespace probe
