// Resolver error codes on Windows: those of Winsock.

module;

#include <winsock2.h>

#include <windows.h>

module mio.net.address;

import mio.core.error;
import mio.os.winsock;
import mio.std;

namespace mio::net {
namespace {

class ResolverCategory final : public std::error_category {
  public:
    const char* name() const noexcept override { return "resolver"; }
    std::string message(int value) const override { return os_category().message(value); }

    std::error_condition default_error_condition(int value) const noexcept override {
        switch (value) {
        case WSAHOST_NOT_FOUND:
        case WSANO_DATA: return ResolveErrc::host_not_found;
        case WSATYPE_NOT_FOUND:
        case WSASERVICE_NOT_FOUND: return ResolveErrc::service_not_found;
        case WSATRY_AGAIN: return ResolveErrc::try_again;
        case WSANO_RECOVERY: return ResolveErrc::failed;
        default: return {value, *this};
        }
    }
};

} // namespace

const std::error_category& resolver_category() noexcept {
    static const ResolverCategory category;
    return category;
}

Result<> prepare_resolver() noexcept { return os::start_winsock(); }

std::error_code resolver_error(ResolveErrc name) noexcept {
    return {name == ResolveErrc::service_not_found ? WSATYPE_NOT_FOUND : WSAHOST_NOT_FOUND,
            resolver_category()};
}

std::error_code resolver_failure(int code) noexcept {
    if (code == WSA_NOT_ENOUGH_MEMORY) return os_error(std::errc::not_enough_memory);
    return {code, resolver_category()};
}

} // namespace mio::net
