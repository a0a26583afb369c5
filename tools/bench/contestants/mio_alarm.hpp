// This library, with an alarm for the end of a wait.

#pragma once

#include "contestants/mio.hpp"

#include <chrono>
#include <string_view>

import mio.time;

namespace bench {

template <mio::Trigger trigger> struct MioWithAlarm : BasicMio<trigger> {
    static constexpr std::string_view name = "mio-alarm";

    template <class Handler> class Loop : public BasicMio<trigger>::template Loop<Handler> {
      public:
        explicit Loop(Handler& handler) : BasicMio<trigger>::template Loop<Handler>(handler) {
            this->add(alarm_, 0);
        }

        void pause(std::chrono::nanoseconds time) {
            must(alarm_.arm(mio::time::after(time)), "arm");
            this->wait();
        }

      private:
        mio::time::Alarm alarm_ = must(mio::time::Alarm::create(), "create");
    };
};

} // namespace bench
