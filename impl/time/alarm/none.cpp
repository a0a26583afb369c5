// Alarm: Windows has none. Its timers are no sockets, the only handles that its backend can watch.
module;

module mio.time;

import mio.core.error;
import mio.std;

namespace mio::time {

Result<Alarm> Alarm::create() noexcept { return std::unexpected(make_error_code(Errc::unsupported)); }
Result<> Alarm::arm(Instant) noexcept { return std::unexpected(make_error_code(Errc::unsupported)); }
Result<> Alarm::disarm() noexcept { return std::unexpected(make_error_code(Errc::unsupported)); }

} // namespace mio::time
