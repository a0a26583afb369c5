module;

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>

module probe.bench.contestant;

import mio;
import probe.bench.plays;
import probe.failure;

namespace probe::bench {
namespace {

// This library, as a program uses it.
struct Library {
    static std::optional<std::size_t> read(const auto& stream, std::span<std::byte> buffer) {
        const auto count = stream.read(buffer);
        if (!count) [[unlikely]] {
            if (!mio::would_block(count.error())) throw Refused{"recv", count.error(), {}};
            return std::nullopt;
        }
        return *count;
    }
    static void write(const auto& stream, std::span<const std::byte> bytes) {
        const auto count = stream.write(bytes);
        if (!count) [[unlikely]]
            throw Refused{"send", count.error(), {}};
        if (*count != bytes.size()) [[unlikely]]
            throw Refused{"send", {}, "not all that was to be sent was taken"};
    }

    template <class Handler> class Loop {
      public:
        explicit Loop(Handler& handler) : handler_(handler) {}

        void add(auto& source, std::size_t token) {
            must(
                poll_.registry().add(source, mio::Token{token}, mio::Interest::readable, mio::Trigger::level),
                "Registry::add");
        }
        void remove(auto& source) { must(poll_.registry().remove(source), "Registry::remove"); }

        void run() {
            while (!handler_.is_done()) poll(std::nullopt);
        }
        void look() { poll(std::chrono::nanoseconds::zero()); }
        void pause(std::chrono::nanoseconds time) { poll(time); }

        [[nodiscard]] const mio::Registry& registry() const { return poll_.registry(); }

      private:
        void poll(std::optional<std::chrono::nanoseconds> timeout) {
            if (const auto polled = poll_.poll(events_, timeout); !polled) [[unlikely]] {
                if (!mio::interrupted(polled.error())) throw Refused{"Poll::poll", polled.error(), {}};
            }
            for (const auto& event : events_) handler_.ready(event.token().value);
        }

        Handler& handler_;
        mio::Poll poll_ = must(mio::Poll::create(), "Poll::create");
        mio::Events events_{256};
    };

    template <class Handler> class Waker {
      public:
        Waker(Loop<Handler>& loop, std::size_t token)
            : waker_(must(mio::Waker::create(loop.registry(), mio::Token{token}), "Waker::create")) {}
        void wake() const { must(waker_.wake(), "Waker::wake"); }

      private:
        mio::Waker waker_;
    };
};

} // namespace

Plays library_plays() { return plays_of<Library>; }

} // namespace probe::bench
