module;

#include <sys/types.h>

#include <sys/event.h>

#include <cstdint>
#include <string>
#include <utility>

module mio.sys.kqueue;

import mio.core.event;

namespace mio::sys::kqueue {
namespace {

constexpr std::pair<std::int64_t, const char*> filter_names[] = {
    {EVFILT_READ, "EVFILT_READ"},     {EVFILT_WRITE, "EVFILT_WRITE"}, {user_filter, "EVFILT_USER"},
    {aio_filter, "EVFILT_AIO"},       {lio_filter, "EVFILT_LIO"},     {EVFILT_TIMER, "EVFILT_TIMER"},
    {EVFILT_SIGNAL, "EVFILT_SIGNAL"}, {EVFILT_PROC, "EVFILT_PROC"},   {EVFILT_VNODE, "EVFILT_VNODE"},
};

constexpr std::pair<unsigned, const char*> flag_names[] = {
    {EV_CLEAR, "EV_CLEAR"}, {EV_ONESHOT, "EV_ONESHOT"}, {EV_EOF, "EV_EOF"}, {EV_ERROR, "EV_ERROR"}};

} // namespace

std::string Selector::describe(const Event& event) {
    std::string text;
    for (const auto& [filter, filter_name] : filter_names) {
        if (filter == event.raw_filter() && text.empty()) text = filter_name;
    }
    for (const auto& [flag, flag_name] : flag_names) {
        if ((event.raw_detail() & flag) == 0) continue;
        if (!text.empty()) text += '|';
        text += flag_name;
    }
    // For sockets: the error.
    if (event.raw_flags() != 0) text += "|fflags=" + std::to_string(event.raw_flags());
    return text.empty() ? "(empty)" : text;
}

} // namespace mio::sys::kqueue
