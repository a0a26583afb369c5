module;

#include <winsock2.h>

#include <windows.h>
#include <winternl.h>

module mio.sys.iocp;

import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.types;
import mio.os;
import mio.os.kernel_handle;
import mio.std;
import mio.sys.selector;

namespace mio::sys::iocp {
namespace {

std::unexpected<std::error_code> fail(Errc code) noexcept { return std::unexpected(make_error_code(code)); }

::PTP_WAIT native(void* pool_wait) noexcept { return static_cast<::PTP_WAIT>(pool_wait); }

bool is_watchable(Interest interest) noexcept {
    return interest.is_readable() && !interest.is_priority() && !interest.is_aio() && !interest.is_lio();
}

// A wait for a socket succeeds at unspecified times. A mutex would be acquired by a thread of the pool.
Result<> check_kind(RawHandle handle) noexcept {
    int type = 0;
    int size = sizeof type;
    if (::getsockopt(handle, SOL_SOCKET, SO_TYPE, reinterpret_cast<char*>(&type), &size) == 0)
        return fail(Errc::unsupported);
    struct {
        ::PUBLIC_OBJECT_TYPE_INFORMATION type;
        std::array<wchar_t, 64> name;
    } information{};
    // ObjectTypeInformation, missing from some SDKs.
    const auto what = static_cast<::OBJECT_INFORMATION_CLASS>(2);
    const auto status =
        ::NtQueryObject(reinterpret_cast<::HANDLE>(handle), what, &information, sizeof information, nullptr);
    if (status < 0) return std::unexpected(os::error(::RtlNtStatusToDosError(status)));
    const auto& name = information.type.TypeName;
    if (std::wstring_view(name.Buffer, name.Length / sizeof(wchar_t)) == L"Mutant")
        return fail(Errc::unsupported);
    return {};
}

Result<os::KernelHandle> duplicate(RawHandle handle) noexcept {
    // It is also the pseudo-handle of this process.
    if (handle == invalid_handle) return std::unexpected(os::error(ERROR_INVALID_HANDLE));
    if (auto checked = check_kind(handle); !checked) return std::unexpected(checked.error());
    ::HANDLE copy = nullptr;
    auto copied = os::check_bool(::DuplicateHandle(::GetCurrentProcess(), reinterpret_cast<::HANDLE>(handle),
                                                   ::GetCurrentProcess(), &copy, SYNCHRONIZE, FALSE, 0));
    if (!copied) return std::unexpected(copied.error());
    return os::KernelHandle(copy);
}

} // namespace

Result<Wait*> Wait::open(Selector& selector, RawHandle handle, Token token, Interest interest,
                         Trigger trigger) noexcept {
    if (!is_watchable(interest)) return fail(Errc::unsupported);
    auto copy = duplicate(handle);
    if (!copy) return std::unexpected(copy.error());
    auto* const wait = new (std::nothrow) Wait;
    if (wait == nullptr) return std::unexpected(os_error(std::errc::not_enough_memory));
    wait->pool_wait_ =
        ::CreateThreadpoolWait([](::PTP_CALLBACK_INSTANCE, void* context, ::PTP_WAIT,
                                  ::TP_WAIT_RESULT) { signaled(*static_cast<Wait*>(context)); },
                               wait, nullptr);
    if (wait->pool_wait_ == nullptr) {
        const auto error = os::last_error();
        delete wait;
        return std::unexpected(error);
    }
    wait->handle_ = copy->release();
    auto& channel = wait->channel_;
    selector.retain();
    channel.selector_ = &selector;
    channel.port_ = selector.table_.get();
    channel.token_ = token;
    channel.interest_ = interest;
    channel.trigger_ = trigger;
    const auto started = [&]() -> Result<> {
        // The only step that shows whether the handle can be waited for.
        const auto waited = ::WaitForSingleObject(wait->handle_, 0);
        if (waited == WAIT_FAILED) return std::unexpected(os::last_error());
        const std::scoped_lock lock(channel.port_->mutex_);
        channel.is_registered_ = true;
        if (waited != WAIT_TIMEOUT) {
            wait->note_signal();
            return wait->report();
        }
        wait->take_or_arm();
        return {};
    }();
    if (!started) {
        wait->close();
        return std::unexpected(started.error());
    }
    return wait;
}

Result<> Wait::check_belongs_to(const Selector& selector) const noexcept {
    return channel_.check_belongs_to(selector);
}

bool Wait::is_retired() const noexcept { return channel_.selector_->is_retired(); }

Result<> Wait::modify(Selector& selector, Token token, Interest interest, Trigger trigger) noexcept {
    if (auto checked = check_belongs_to(selector); !checked) return checked;
    if (!is_watchable(interest)) return fail(Errc::unsupported);
    const std::scoped_lock lock(channel_.port_->mutex_);
    channel_.token_ = token;
    channel_.interest_ = interest;
    channel_.trigger_ = trigger;
    channel_.is_disarmed_ = false;
    channel_.unlink();
    const bool is_pending = channel_.unreported_ != Readiness::none && !needs_recheck_;
    if (is_pending) return report();
    needs_recheck_ = false;
    channel_.current_ = channel_.unreported_ = Readiness::none;
    // The pool's wait is not interrupted: it may just have taken a signal, which would be lost.
    if (!is_armed_) take_or_arm();
    return {};
}

Result<> Wait::renew(Selector& selector) noexcept {
    return modify(selector, channel_.token_, channel_.interest_, channel_.trigger_);
}

void Wait::close() noexcept {
    auto* const selector = channel_.selector_;
    {
        const std::scoped_lock lock(channel_.port_->mutex_);
        channel_.is_registered_ = false;
        is_closed_ = true;
        channel_.unlink();
    }
    ::SetThreadpoolWait(native(pool_wait_), nullptr, nullptr);
    ::WaitForThreadpoolWaitCallbacks(native(pool_wait_), TRUE);
    ::CloseThreadpoolWait(native(pool_wait_));
    os::close_kernel_handle(handle_);
    delete this;
    selector->release();
}

void Wait::signaled(Wait& wait) noexcept {
    const std::scoped_lock lock(wait.channel_.port_->mutex_);
    wait.is_armed_ = false;
    wait.note_signal();
    // If this fails for lack of memory, the next event that ends a wait reports it.
    static_cast<void>(wait.report());
}

void Wait::wait_again() noexcept {
    const std::scoped_lock lock(channel_.port_->mutex_);
    const bool is_due = channel_.trigger_ == Trigger::edge && channel_.unreported_ == Readiness::none;
    if (channel_.is_registered_ && !is_closed_ && !is_armed_ && is_due) take_or_arm();
}

// Fails only if the handle was closed by force.
bool Wait::take() noexcept { return ::WaitForSingleObject(handle_, 0) == WAIT_OBJECT_0; }

void Wait::note_signal() noexcept {
    channel_.current_ = channel_.unreported_ = Readiness::readable;
    needs_recheck_ = false;
}

void Wait::take_or_arm() noexcept {
    if (take()) {
        note_signal();
        static_cast<void>(report());
    } else if (!is_closed_) {
        is_armed_ = true;
        ::SetThreadpoolWait(native(pool_wait_), handle_, nullptr);
    }
}

Result<> Wait::report() noexcept {
    if (channel_.is_linked() || channel_.to_report() == Readiness::none) return {};
    channel_.link_before(channel_.port_->ring_);
    return channel_.port_->interrupt();
}

void Wait::before_report() noexcept {
    if (!std::exchange(needs_recheck_, false)) return;
    channel_.current_ = channel_.unreported_ = Readiness::none;
    if (take()) {
        note_signal();
    } else if (!is_closed_) {
        is_armed_ = true;
        ::SetThreadpoolWait(native(pool_wait_), handle_, nullptr);
    }
}

void Wait::after_report() noexcept {
    needs_recheck_ = channel_.trigger_ == Trigger::level; // the channel stays in the ring
}

} // namespace mio::sys::iocp
