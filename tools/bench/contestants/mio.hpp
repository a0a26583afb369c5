// This library, as a program uses it.

#pragma once

#include "contestants/contestant.hpp"
#include "harness/failure.hpp"
#include "harness/suite.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

import mio;

namespace bench {

template <class T> T must(mio::Result<T> result, const char* call) {
    if (!result) [[unlikely]]
        fail(call, result.error().value());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// `Socket` is a stream of mio's.
template <class Socket> class BasicStream : public Socket {
  public:
    explicit BasicStream(Socket&& socket) : Socket(std::move(socket)) {}

    std::optional<std::size_t> read(std::span<std::byte> buffer) const {
        const auto count = Socket::read(buffer);
        if (!count) [[unlikely]] {
            if (!mio::would_block(count.error())) fail("read", count.error().value());
            return std::nullopt;
        }
        return *count;
    }
    void write(std::span<const std::byte> bytes) const {
        const auto count = Socket::write(bytes);
        if (!count || *count != bytes.size()) [[unlikely]]
            fail("write");
    }
};

/// A program on this library, with sources registered as `trigger`.
template <mio::Trigger trigger> struct BasicMio {
    static constexpr std::string_view name = "mio";

    class LocalStream : public BasicStream<mio::net::UnixStream> {
      public:
        static LocalStream from_raw(int descriptor) { return LocalStream(UnixStream::from_raw(descriptor)); }
        static std::pair<LocalStream, LocalStream> pair() {
            auto both = must(UnixStream::pair(), "pair");
            return {LocalStream(std::move(both.first)), LocalStream(std::move(both.second))};
        }

      private:
        using BasicStream::BasicStream;
    };

    using Stream = BasicStream<mio::net::TcpStream>;

    class Listener : public mio::net::TcpListener {
      public:
        static Listener bind() {
            return Listener(must(TcpListener::bind({mio::net::IpAddress::loopback_v4(), 0}), "bind"));
        }
        [[nodiscard]] std::uint16_t port() const { return must(local_address(), "local_address").port(); }
        [[nodiscard]] std::optional<Stream> accept() const {
            auto accepted = TcpListener::accept();
            if (!accepted) {
                if (!mio::would_block(accepted.error())) fail("accept", accepted.error().value());
                return std::nullopt;
            }
            return Stream(std::move(accepted->first));
        }

      private:
        explicit Listener(TcpListener&& listener) : TcpListener(std::move(listener)) {}
    };

    template <class Handler> class Loop {
      public:
        explicit Loop(Handler& handler) : handler_(handler) {}

        void add(auto& source, std::size_t token) {
            must(poll_.registry().add(source, mio::Token{token}, mio::Interest::readable, trigger), "add");
        }
        void remove(auto& source) { must(poll_.registry().remove(source), "remove"); }

        void run() {
            while (!handler_.done()) dispatch(poll_.poll(events_));
        }
        void wait() { dispatch(poll_.poll(events_)); }
        void poll_now() { dispatch(poll_.poll(events_, std::chrono::nanoseconds::zero())); }
        void pause(std::chrono::nanoseconds time) { dispatch(poll_.poll(events_, time)); }

        void set_spin(std::chrono::nanoseconds limit) { poll_.set_spin(limit); }
        [[nodiscard]] const mio::Registry& registry() const { return poll_.registry(); }

      private:
        [[gnu::always_inline]] void dispatch(const mio::Result<>& polled) {
            if (!polled) [[unlikely]]
                fail_unless_interrupted(polled.error());
            for (const auto& event : events_) handler_.ready(event.token().value);
        }

        [[gnu::noinline]] static void fail_unless_interrupted(const std::error_code& error) {
            if (!mio::interrupted(error)) fail("Poll::poll", error.value());
        }

        Handler& handler_;
        mio::Poll poll_ = must(mio::Poll::create(), "create");
        mio::Events events_{256};
    };

    template <class Handler> class Waker {
      public:
        Waker(Loop<Handler>& loop, std::size_t token)
            : waker_(must(mio::Waker::create(loop.registry(), mio::Token{token}), "create")) {}
        void wake() const { must(waker_.wake(), "wake"); }

      private:
        mio::Waker waker_;
    };
};

} // namespace bench
