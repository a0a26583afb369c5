module;

#include <winsock2.h>
#include <ws2tcpip.h>

#include <cstddef>
#include <cstring>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

module mio.net.address;

import mio.core.error;
import mio.net.sockaddr;
import mio.os;
import mio.os.winsock;

namespace mio::net {
namespace {

class ResolverCategory final : public std::error_category {
  public:
    const char* name() const noexcept override { return "resolver"; }
    // The resolver's codes are Winsock's.
    std::string message(int value) const override { return os_category().message(value); }
};

} // namespace

const std::error_category& resolver_category() noexcept {
    static const ResolverCategory category;
    return category;
}

Result<std::vector<SocketAddress>> resolve(std::string_view host, std::string_view service) {
    if (host.contains('\0') || service.contains('\0'))
        return std::unexpected(make_error_code(Errc::interior_nul));
    if (auto started = os::start_winsock(); !started) return std::unexpected(started.error());

    ::addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM; // each address once, not once for every type of socket
    ::addrinfo* list = nullptr;
    const std::string host_text(host);
    const std::string service_text(service);
    const int failure = ::getaddrinfo(host_text.empty() ? nullptr : host_text.c_str(),
                                      service_text.empty() ? nullptr : service_text.c_str(), &hints, &list);
    if (failure != 0) return std::unexpected(std::error_code(failure, resolver_category()));
    const std::unique_ptr<::addrinfo, decltype([](::addrinfo* info) { ::freeaddrinfo(info); })> owner(list);

    std::vector<SocketAddress> addresses;
    for (const auto* info = list; info != nullptr; info = info->ai_next) {
        OsAddress address;
        std::memcpy(&address.storage, info->ai_addr, info->ai_addrlen);
        address.length = static_cast<::socklen_t>(info->ai_addrlen);
        if (const auto converted = from_os(address)) addresses.push_back(*converted);
    }
    return addresses;
}

} // namespace mio::net
