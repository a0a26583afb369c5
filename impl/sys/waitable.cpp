module mio.sys.waitable;

import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.poll;
import mio.core.types;
import mio.std;
import mio.sys.iocp;

namespace mio {
namespace {

sys::iocp::Selector& selector_of(const Registry& registry) noexcept {
    return *static_cast<sys::iocp::Selector*>(sys::BackendAccess::selector(registry));
}

} // namespace

WaitableSource::~WaitableSource() {
    if (wait_ != nullptr) wait_->close();
}

void WaitableSource::wait_again() noexcept {
    if (wait_ != nullptr) wait_->wait_again();
}

Result<> WaitableSource::add_to(const Registry& registry, Token token, Interest interest,
                                Trigger trigger) noexcept {
    if (wait_ != nullptr) {
        if (!wait_->is_retired()) return std::unexpected(make_error_code(Errc::already_registered));
        std::exchange(wait_, nullptr)->close();
    }
    auto wait = sys::iocp::Wait::open(selector_of(registry), handle_, token, interest, trigger);
    if (!wait) return std::unexpected(wait.error());
    wait_ = *wait;
    return {};
}

Result<> WaitableSource::modify_in(const Registry& registry, Token token, Interest interest,
                                   Trigger trigger) noexcept {
    if (wait_ == nullptr) return std::unexpected(make_error_code(Errc::not_registered));
    return wait_->modify(selector_of(registry), token, interest, trigger);
}

Result<> WaitableSource::remove_from(const Registry& registry) noexcept {
    if (wait_ == nullptr) return std::unexpected(make_error_code(Errc::not_registered));
    if (auto checked = wait_->check_belongs_to(selector_of(registry)); !checked) return checked;
    std::exchange(wait_, nullptr)->close();
    return {};
}

Result<> WaitableSource::renew_in(const Registry& registry) noexcept {
    if (wait_ == nullptr) return std::unexpected(make_error_code(Errc::not_registered));
    return wait_->renew(selector_of(registry));
}

} // namespace mio
