module;

#include <cstddef>
#include <span>
#include <string>
#include <system_error>
#include <utility>

module probe.watch.descriptor;

import mio;
import probe.failure;
import probe.os;
import probe.watch.log;
import probe.watch.options;
import probe.watch.source;

namespace probe {

using mio::Interest;

Descriptor::Descriptor(Context& context, std::string name, mio::RawHandle handle)
    : context_(&context), name_(std::move(name)), token_(context.next_token()), source_(handle) {}

Outcome Descriptor::start() {
    const auto added = context_->registry.add(source_, token_, interest(), context_->options.trigger);
    if (!added) {
        // EPERM is what epoll says of everything that is always ready.
        const bool is_always_ready = added.error() == std::errc::operation_not_permitted;
        throw Refused{"Registry::add", added.error(),
                      is_always_ready ? "files and the like are always ready, and cannot be watched" : ""};
    }
    return wait_for_event();
}

mio::Result<> Descriptor::rearm() {
    return context_->registry.modify(source_, token_, interest(), context_->options.trigger);
}

Outcome Descriptor::handle(const mio::Event& event) {
    if (context_->options.read) {
        return event.is_readable() || event.is_read_closed() ? resume() : wait_for_event();
    }
    if (!event.is_read_closed() && !event.is_error()) return wait_for_event();
    context_->log.remark(name_, "end", "the other end closed");
    return finish();
}

Outcome Descriptor::resume() {
    const auto drained = drain(*context_, name_, [this](std::span<std::byte> buffer) {
        return source_.try_io(Interest::readable, [&] { return os::read_ready(source_.raw(), buffer); });
    });
    return drained == Drained::ended || drained == Drained::failed ? finish() : outcome_of(drained);
}

Interest Descriptor::interest() const { return context_->options.interest.value_or(Interest::readable); }

Outcome Descriptor::finish() {
    must(context_->registry.remove(source_), "Registry::remove");
    return finished();
}

} // namespace probe
