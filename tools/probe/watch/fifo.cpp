module;

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>

module probe.watch.fifo;

import mio;
import probe.failure;
import probe.os;
import probe.watch.log;
import probe.watch.options;
import probe.watch.source;

namespace probe {

using mio::Interest;

Fifo::Fifo(Context& context, std::string name, std::string path)
    : context_(&context), name_(std::move(name)), token_(context.next_token()), path_(std::move(path)),
      source_(mio::invalid_handle) {}

Outcome Fifo::start() {
    open();
    context_->log.remark(name_, "opened", "opened for reading");
    return wait_for_event();
}

mio::Result<> Fifo::rearm() {
    return context_->registry.modify(source_, token_, context_->options.interest.value_or(Interest::readable),
                                     context_->options.trigger);
}

Outcome Fifo::handle(const mio::Event& event) {
    if (context_->options.read) return resume();
    return event.is_read_closed() ? reopen() : wait_for_event();
}

Outcome Fifo::resume() {
    const auto drained = drain(*context_, name_, [this](std::span<std::byte> buffer) {
        return source_.try_io(Interest::readable, [&] { return os::read_ready(handle_.get(), buffer); });
    });
    return drained == Drained::ended ? reopen() : outcome_of(drained);
}

// The end that was open before stays so until the new one is: what a writer left in the FIFO would be lost otherwise.
void Fifo::open() {
    auto opened = must(os::open_fifo(path_), "open");
    if (!opened) throw Refused{"open", {}, "not a FIFO"};
    mio::RawSource source(opened->get());
    must(context_->registry.add(source, token_, context_->options.interest.value_or(Interest::readable),
                                context_->options.trigger),
         "Registry::add");
    if (source_.raw() != mio::invalid_handle) must(context_->registry.remove(source_), "Registry::remove");
    source_ = std::move(source);
    handle_ = std::move(*opened);
}

Outcome Fifo::reopen() {
    open();
    context_->log.remark(name_, "reopened", "the writers left; waiting for the next");
    return wait_for_event();
}

} // namespace probe
