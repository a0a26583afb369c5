#include "workloads/all.hpp"

#include "contestants/mio.hpp"
#include "contestants/mio_alarm.hpp"

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

} // namespace

void enter_mio(Suite& suite) {
    enter_workloads<Mio>(suite);
    enter_timeout<MioWithAlarm<mio::Trigger::edge>>(suite);
    enter_wake_on_two<Spinning>(suite);
}

} // namespace bench
