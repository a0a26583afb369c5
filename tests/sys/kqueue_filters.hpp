// Filters that exist on some systems only.
#pragma once

#include <sys/types.h>

#include <sys/event.h>

#include <cstdint>
#include <optional>

namespace test {

#ifdef EVFILT_AIO
inline constexpr std::optional<std::int64_t> aio_filter = EVFILT_AIO;
#else
inline constexpr std::optional<std::int64_t> aio_filter;
#endif
#ifdef EVFILT_LIO
inline constexpr std::optional<std::int64_t> lio_filter = EVFILT_LIO;
#else
inline constexpr std::optional<std::int64_t> lio_filter;
#endif
#ifdef EVFILT_USER
inline constexpr std::optional<std::int64_t> user_filter = EVFILT_USER;
#else
inline constexpr std::optional<std::int64_t> user_filter;
#endif

} // namespace test
