// The selector of one backend behind the interface that scenarios use.

#pragma once

#include "stage.hpp"

import mio.sys.selector;

namespace probe {

template <mio::sys::SelectorBackend S> class AnyWaker final : public Waker {
  public:
    AnyWaker(S& selector, mio::Token token, typename S::Waker::Parts&& parts)
        : waker_(selector, token, std::move(parts)) {}

    [[nodiscard]] mio::Result<> wake() noexcept override { return mio::sys::wake(waker_); }

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
        return mio::sys::BackendAccess::make_events(capacity, S::record_size);
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

/// The backend whose selector is `S`, with its rows of the golden table.
template <mio::sys::SelectorBackend S> Backend backend_of() {
    return {S::name, open_any<S>, S::describe, golden_rows(S::name)};
}

} // namespace probe
