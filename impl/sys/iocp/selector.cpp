module;

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <system_error>
#include <utility>

module mio.sys.iocp;

import mio.core.error;
import mio.core.event;
import mio.core.handle;
import mio.core.types;
import mio.os.kernel_handle;
import mio.sys.iocp.afd;
import mio.sys.selector;

namespace mio::sys::iocp {

namespace {

// The state that a source stores is the address of its `Source`.
std::uint64_t state_of(Source& source) noexcept { return reinterpret_cast<std::uintptr_t>(&source); }

Source& source_of(std::uint64_t state) noexcept {
    return *reinterpret_cast<Source*>(static_cast<std::uintptr_t>(state));
}

} // namespace

Result<Selector::Parts> Selector::open() noexcept {
    auto port = Port::create();
    if (!port) return std::unexpected(port.error());
    return Parts{std::move(*port)};
}

Result<std::uint64_t> Selector::add(RawHandle handle, Token token, Interest interest,
                                    Trigger trigger) noexcept {
    const auto source = port_->add(*this, handle, token, interest, trigger);
    if (!source) return std::unexpected(source.error());
    return state_of(**source);
}

Result<> Selector::modify(RawHandle, std::uint64_t state, Token token, Interest interest,
                          Trigger trigger) noexcept {
    return port_->modify(source_of(state), token, interest, trigger);
}

Result<> Selector::renew(std::uint64_t state) noexcept { return port_->renew(source_of(state)); }

Result<std::uint64_t> Selector::add_again(RawHandle handle, std::uint64_t state, Token token,
                                          Interest interest, Trigger trigger) noexcept {
    if (port_->may_watch(source_of(state))) return std::unexpected(make_error_code(Errc::already_registered));
    auto added = add(handle, token, interest, trigger);
    if (added) forget(state);
    return added;
}

Result<> Selector::remove(RawHandle, std::uint64_t state) noexcept {
    forget(state);
    return {};
}

Selector& Selector::selector_of(std::uint64_t state) noexcept { return *source_of(state).selector; }

Result<> Selector::rearm(std::uint64_t state, Interest blocked) noexcept {
    auto& source = source_of(state);
    return source.port->rearm(source, blocked);
}

void Selector::error_taken(std::uint64_t state) noexcept {
    auto& source = source_of(state);
    source.port->error_taken(source);
}

void Selector::forget(std::uint64_t state) noexcept {
    auto& source = source_of(state);
    source.port->forget(source);
}

} // namespace mio::sys::iocp
