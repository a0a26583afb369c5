// getaddrinfo's error codes.

module;

#include <netdb.h>

module mio.net.address;

import mio.core.error;
import mio.os;
import mio.std;

namespace mio::net {
namespace {

class ResolverCategory final : public std::error_category {
  public:
    const char* name() const noexcept override { return "resolver"; }
    std::string message(int value) const override { return ::gai_strerror(value); }

    std::error_condition default_error_condition(int value) const noexcept override {
        switch (value) {
        case EAI_NONAME: return ResolveErrc::host_not_found;
#ifdef EAI_NODATA // not in POSIX; systems without it use EAI_NONAME
#if EAI_NODATA != EAI_NONAME
        case EAI_NODATA: return ResolveErrc::host_not_found;
#endif
#endif
#ifdef EAI_ADDRFAMILY
        case EAI_ADDRFAMILY: return ResolveErrc::host_not_found;
#endif
        case EAI_SERVICE: return ResolveErrc::service_not_found;
        case EAI_AGAIN: return ResolveErrc::try_again;
        case EAI_FAIL: return ResolveErrc::failed;
        default: return {value, *this};
        }
    }
};

} // namespace

const std::error_category& resolver_category() noexcept {
    static const ResolverCategory category;
    return category;
}

Result<> prepare_resolver() noexcept { return {}; }

std::error_code resolver_error(ResolveErrc name) noexcept {
    return {name == ResolveErrc::service_not_found ? EAI_SERVICE : EAI_NONAME, resolver_category()};
}

std::error_code resolver_failure(int code) noexcept {
    if (code == EAI_SYSTEM) return os::last_error();
    if (code == EAI_MEMORY) return os_error(std::errc::not_enough_memory);
    return {code, resolver_category()};
}

} // namespace mio::net
