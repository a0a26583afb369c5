#include "workloads/all.hpp"

#include "contestants/mio.hpp"

import mio.time;

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

// The same with an alarm for the end of a wait.
struct Precise : Mio {
    static constexpr std::string_view name = "mio-alarm";

    template <class Handler> class Loop : public Mio::Loop<Handler> {
      public:
        explicit Loop(Handler& handler) : Mio::Loop<Handler>(handler) { this->add(alarm_, 0); }

        void pause(std::chrono::nanoseconds time) {
            must(alarm_.arm(mio::time::after(time)), "arm");
            this->wait();
        }

      private:
        mio::time::Alarm alarm_ = must(mio::time::Alarm::create(), "create");
    };
};

} // namespace

void enter_mio(Suite& suite) {
    enter_workloads<Mio>(suite);
    enter_timeout<Precise>(suite);
    enter_wake_on_two<Spinning>(suite);
}

} // namespace bench
