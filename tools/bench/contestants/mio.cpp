#include "workloads/all.hpp"

#include "contestants/mio.hpp"
#include "contestants/mio_alarm.hpp"

#include <chrono>
#include <cstddef>
#include <span>
#include <string_view>

namespace bench {
namespace {

using Mio = BasicMio<mio::Trigger::edge>;

// The same with polls that spin before they sleep.
struct Spinning : Mio {
    static constexpr std::string_view name = "mio-spin";

    template <class Handler> class Loop : public Mio::Loop<Handler> {
      public:
        explicit Loop(Handler& handler) : Mio::Loop<Handler>(handler) {
            this->set_spin(std::chrono::microseconds(50));
        }
    };
};

// As examples/tcp_echo: sources are registered for both directions, and read until that would block.
struct Example : Mio {
    static constexpr std::string_view name = "mio-example";

    template <class Handler> class Loop : public Mio::Loop<Handler> {
      public:
        using Mio::Loop<Handler>::Loop;
        using Mio::Loop<Handler>::add;
        void add(Mio::Stream& stream, std::size_t token) {
            must(this->registry().add(stream, mio::Token{token},
                                      mio::Interest::readable | mio::Interest::writable),
                 "add");
        }
    };
};
template <class C> struct ExampleConnection : EchoConnection<C> {
    using EchoConnection<C>::EchoConnection;

    bool serve() {
        while (const auto count = this->stream.read(this->buffer)) {
            if (*count == 0) return false;
            this->stream.write(std::span(this->buffer).first(*count));
        }
        return true;
    }
};

} // namespace

void enter_mio(Suite& suite) {
    enter_workloads<Mio>(suite);
    enter_timeout<MioWithAlarm<mio::Trigger::edge>>(suite);
    enter_wake_on_two<Spinning>(suite);
    enter_echo<Example, ExampleConnection>(suite);
}

} // namespace bench
