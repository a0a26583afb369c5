#include "kqueue_double.h"

#include "errors.hpp"
#include "kernel.hpp"

namespace faults {
namespace {

int (*passed_to)(long) noexcept;

int on_point(kqueue_double_point point) noexcept {
    switch (point) {
    case kqueue_double_create: return passed_to(create_kqueue);
    case kqueue_double_add: return passed_to(add_filter);
    case kqueue_double_changes: return passed_to(change_filters);
    case kqueue_double_wait: return passed_to(wait_for_events);
    }
    return 0;
}

} // namespace

void watch_kernel(int (*fails)(long) noexcept) noexcept {
    passed_to = fails;
    kqueue_double_fault = &on_point;
}
bool is_inside_kernel() noexcept { return kqueue_double_is_inside() != 0; }

} // namespace faults
