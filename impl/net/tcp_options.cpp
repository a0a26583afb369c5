module;

#include "sockets.hpp"

module mio.net.tcp;

import mio.core.error;
import mio.core.handle;
import mio.core.types;
import mio.net.options;
import mio.net.sockaddr;
import mio.net.sockio;
import mio.std;

namespace mio::net {
namespace {

using std::chrono::ceil;
using std::chrono::milliseconds;
using std::chrono::seconds;

// The limits of Linux, which are the lowest: other systems accept at least as much.
constexpr seconds longest_keepalive{32'767};
constexpr std::uint32_t most_probes = 127;
constexpr milliseconds longest_user_timeout{0x7fff'ffff};

Result<> set_seconds(RawHandle handle, const OptionName& option, milliseconds duration) noexcept {
    if (duration <= milliseconds::zero()) return invalid_argument();
    const auto rounded = std::min(ceil<seconds>(duration), longest_keepalive);
    return set_count(handle, option, static_cast<std::uint64_t>(rounded.count()));
}

Result<seconds> get_seconds(RawHandle handle, const OptionName& option) noexcept {
    const auto count = get_count(handle, option);
    if (!count) return std::unexpected(count.error());
    return seconds(*count);
}

} // namespace

Result<> TcpSocketBase::set_nodelay(bool on) const noexcept {
    return set_flag(raw(), IPPROTO_TCP, TCP_NODELAY, on);
}
Result<bool> TcpSocketBase::nodelay() const noexcept { return get_flag(raw(), IPPROTO_TCP, TCP_NODELAY); }
Result<> TcpSocketBase::set_keepalive(bool on) const noexcept {
    return set_flag(raw(), SOL_SOCKET, SO_KEEPALIVE, on);
}
Result<bool> TcpSocketBase::keepalive() const noexcept { return get_flag(raw(), SOL_SOCKET, SO_KEEPALIVE); }

Result<>
TcpSocketBase::set_linger(std::optional<Saturating<std::chrono::milliseconds>> limit) const noexcept {
    ::linger option{};
    if (limit) {
        const auto wanted = std::chrono::ceil<std::chrono::seconds>(*limit);
        const auto seconds = std::clamp(wanted, std::chrono::seconds::zero(), longest_linger).count();
        option.l_onoff = 1;
        option.l_linger = static_cast<decltype(option.l_linger)>(seconds);
    }
    return net::set_option(raw(), SOL_SOCKET, linger_option, option);
}

Result<std::optional<std::chrono::seconds>> TcpSocketBase::linger() const noexcept {
    const auto option = get_option<::linger>(raw(), SOL_SOCKET, linger_option);
    if (!option) return std::unexpected(option.error());
    if (option->l_onoff == 0) return std::nullopt;
    return std::chrono::seconds(option->l_linger);
}

Result<> TcpSocketBase::set_keepalive_idle(Saturating<milliseconds> duration) const noexcept {
    return set_seconds(raw(), keepalive_idle_option, duration);
}
Result<seconds> TcpSocketBase::keepalive_idle() const noexcept {
    return get_seconds(raw(), keepalive_idle_option);
}
Result<> TcpSocketBase::set_keepalive_interval(Saturating<milliseconds> duration) const noexcept {
    return set_seconds(raw(), keepalive_interval_option, duration);
}
Result<seconds> TcpSocketBase::keepalive_interval() const noexcept {
    return get_seconds(raw(), keepalive_interval_option);
}
Result<> TcpSocketBase::set_keepalive_count(std::uint32_t probes) const noexcept {
    if (probes == 0) return invalid_argument();
    return set_count(raw(), keepalive_count_option, std::min(probes, most_probes));
}
Result<std::uint32_t> TcpSocketBase::keepalive_count() const noexcept {
    return get_count(raw(), keepalive_count_option);
}

Result<> TcpSocketBase::set_user_timeout(std::optional<Saturating<milliseconds>> limit) const noexcept {
    constexpr std::uint64_t usual = 0; // the OS's default
    if (!limit) return set_count(raw(), user_timeout_option, usual);
    if (*limit <= milliseconds::zero()) return invalid_argument();
    const auto rounded = ceil<UserTimeoutUnit>(std::min<milliseconds>(*limit, longest_user_timeout));
    return set_count(raw(), user_timeout_option, static_cast<std::uint64_t>(rounded.count()));
}
Result<std::optional<milliseconds>> TcpSocketBase::user_timeout() const noexcept {
    const auto count = get_count(raw(), user_timeout_option);
    if (!count) return std::unexpected(count.error());
    if (*count == 0) return std::nullopt;
    return milliseconds(UserTimeoutUnit(*count));
}

Result<> TcpSocketBase::set_fastopen(std::uint32_t queue) const noexcept {
    return set_count(raw(), fastopen_option, std::min(queue, longest_fastopen_queue));
}
Result<std::uint32_t> TcpSocketBase::fastopen() const noexcept { return get_count(raw(), fastopen_option); }
Result<> TcpSocketBase::set_fastopen_connect(bool on) const noexcept {
    return set_flag(raw(), fastopen_connect_option, on);
}
Result<bool> TcpSocketBase::fastopen_connect() const noexcept {
    return get_flag(raw(), fastopen_connect_option);
}

Result<> TcpSocketBase::set_quickack(bool on) const noexcept { return set_flag(raw(), quickack_option, on); }
Result<bool> TcpSocketBase::quickack() const noexcept { return get_flag(raw(), quickack_option); }

} // namespace mio::net
