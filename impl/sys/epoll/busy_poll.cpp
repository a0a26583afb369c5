module;

#include <sys/ioctl.h>

#include <cerrno>
#include <cstdint>

module mio.sys.epoll;

import mio.core.error;
import mio.core.handle;
import mio.os;
import mio.std;

namespace mio::sys::epoll {
namespace {

// Newer than most headers. @see ioctl_eventpoll(2)
struct Parameters {
    std::uint32_t microseconds;
    std::uint16_t budget;
    std::uint8_t prefers_polling;
    std::uint8_t padding;
};
constexpr unsigned long set_parameters = _IOW(0x8a, 0x01, Parameters);
constexpr unsigned long get_parameters = _IOR(0x8a, 0x02, Parameters);

Result<> check_parameters(int result) noexcept {
    // ENOTTY: Linux before 6.9. EOPNOTSUPP: built without busy polling.
    if (result == -1 && (errno == ENOTTY || errno == EOPNOTSUPP))
        return std::unexpected(make_error_code(Errc::unsupported));
    return os::check(result);
}

} // namespace

Result<> set_busy_poll(RawHandle epoll, const BusyPoll& how) noexcept {
    // The kernel uses a 31-bit value.
    const auto microseconds = std::clamp<std::int64_t>(how.time.count(), 0, INT32_MAX);
    const Parameters parameters{.microseconds = static_cast<std::uint32_t>(microseconds),
                                .budget = how.budget,
                                .prefers_polling = how.prefers_polling,
                                .padding = 0};
    return check_parameters(::ioctl(epoll, set_parameters, &parameters));
}

Result<BusyPoll> busy_poll(RawHandle epoll) noexcept {
    Parameters parameters{};
    if (auto queried = check_parameters(::ioctl(epoll, get_parameters, &parameters)); !queried)
        return std::unexpected(queried.error());
    return BusyPoll{.time = std::chrono::microseconds(parameters.microseconds),
                    .budget = parameters.budget,
                    .prefers_polling = parameters.prefers_polling != 0};
}

} // namespace mio::sys::epoll
