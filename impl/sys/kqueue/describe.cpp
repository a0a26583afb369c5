module;

#include <sys/types.h>

#include <sys/event.h>

#include <cerrno>

module mio.sys.kqueue;

import mio.core.event;
import mio.std;
import mio.sys.flag_names;

namespace mio::sys::kqueue {
namespace {

constexpr std::pair<std::int64_t, const char*> filter_names[] = {
    {EVFILT_READ, "EVFILT_READ"},     {EVFILT_WRITE, "EVFILT_WRITE"}, {user_filter, "EVFILT_USER"},
    {aio_filter, "EVFILT_AIO"},       {lio_filter, "EVFILT_LIO"},     {EVFILT_TIMER, "EVFILT_TIMER"},
    {EVFILT_SIGNAL, "EVFILT_SIGNAL"}, {EVFILT_PROC, "EVFILT_PROC"},   {EVFILT_VNODE, "EVFILT_VNODE"},
};

constexpr FlagName flag_names[] = {
    {EV_CLEAR, "EV_CLEAR"}, {EV_ONESHOT, "EV_ONESHOT"}, {EV_EOF, "EV_EOF"}, {EV_ERROR, "EV_ERROR"}};

// Errors that end a connection. Their numbers differ between systems.
constexpr std::pair<unsigned, const char*> error_names[] = {
    {ECONNREFUSED, "ECONNREFUSED"}, {ECONNRESET, "ECONNRESET"},
    {ECONNABORTED, "ECONNABORTED"}, {ETIMEDOUT, "ETIMEDOUT"},
    {EHOSTUNREACH, "EHOSTUNREACH"}, {ENETUNREACH, "ENETUNREACH"},
    {ENETDOWN, "ENETDOWN"},         {EPIPE, "EPIPE"},
};

bool is_of_a_direction(std::int64_t filter) noexcept {
    return filter == EVFILT_READ || filter == EVFILT_WRITE;
}

// A one-shot source reports both directions in one event, with the filter of the first.
bool concerns(const Event& event, std::int64_t filter) noexcept {
    if (filter == event.raw_filter()) return true;
    if (!is_of_a_direction(event.raw_filter())) return false;
    return (filter == EVFILT_READ && event.is_readable()) || (filter == EVFILT_WRITE && event.is_writable());
}

// With EV_EOF, the socket error.
std::string fflags_of(const Event& event) {
    if (is_of_a_direction(event.raw_filter()) && (event.raw_detail() & EV_EOF) != 0) {
        for (const auto& [error, error_name] : error_names) {
            if (error == event.raw_flags()) return error_name;
        }
    }
    return std::to_string(event.raw_flags());
}

} // namespace

std::string Selector::describe(const Event& event) {
    std::string text;
    for (const auto& [filter, filter_name] : filter_names) {
        if (concerns(event, filter)) append_name(text, filter_name);
    }
    if (const auto flags = join_names(flag_names, event.raw_detail()); !flags.empty())
        append_name(text, flags);
    if (event.raw_flags() != 0) append_name(text, "fflags=" + fflags_of(event));
    return text.empty() ? no_flags : text;
}

} // namespace mio::sys::kqueue
