module;

#include <string>
#include <system_error>
#include <utility>
#include <vector>

module probe.watch.listener;

import mio;
import probe.failure;
import probe.watch.connection;
import probe.watch.log;
import probe.watch.options;
import probe.watch.protocol;
import probe.watch.source;

namespace probe {
namespace {

constexpr int most_in_one_turn = 64; // so that a flood of connections leaves a turn to the others

} // namespace

template <class Protocol>
Listener<Protocol>::Listener(Context& context, std::string name, Address address)
    : context_(&context), name_(std::move(name)), token_(context.next_token()), address_(address),
      listener_(Protocol::Listener::from_raw(mio::invalid_handle)) {}

template <class Protocol> Outcome Listener<Protocol>::start() {
    listener_ = Protocol::bind(address_);
    residue_ = Protocol::residue_of(address_);
    address_ = must(listener_.local_address(), "getsockname");
    must(context_->registry.add(listener_, token_, mio::Interest::readable, context_->options.trigger),
         "Registry::add");
    name_ = std::string(Protocol::listen_scheme) + address_.to_string();
    context_->log.remark(name_, "listening", "listening on " + address_.to_string(),
                         {{"address", address_.to_string()}});
    return wait_for_event();
}

template <class Protocol> mio::Result<> Listener<Protocol>::rearm() {
    return context_->registry.modify(listener_, token_, mio::Interest::readable, context_->options.trigger);
}

template <class Protocol> Outcome Listener<Protocol>::handle(const mio::Event&) { return resume(); }

template <class Protocol> Outcome Listener<Protocol>::resume() {
    for (int i = 0; i < most_in_one_turn; ++i) {
        auto accepted = listener_.accept();
        if (accepted) {
            welcome(std::move(accepted->first), accepted->second);
        } else if (mio::would_block(accepted.error())) {
            reported_.clear();
            return wait_for_event();
        } else if (accepted.error() == std::errc::connection_aborted) {
            context_->log.failure(name_, {"accept", accepted.error(), "the connection was gone already"});
        } else {
            return retry_later(accepted.error());
        }
    }
    return resume_soon();
}

template <class Protocol> void Listener<Protocol>::welcome(Stream stream, const Address& peer) {
    const auto caller = Protocol::caller(stream, peer);
    auto name = "#" + std::to_string(++context_->last_accepted) + " " + caller;
    context_->log.remark(name_, "accepted", "accepted " + name, {{"peer", caller}, {"as", name}});
    accepted_.emplace_back(*context_, std::move(name), std::move(stream));
}

// Out of descriptors or memory, as a rule. The connection still waits, and no edge will tell of it again, so look
// again after a while; say so once, not every time.
template <class Protocol> Outcome Listener<Protocol>::retry_later(const std::error_code& error) {
    if (error != std::exchange(reported_, error)) {
        context_->log.failure(name_, {"accept", error, "trying again four times a second"});
    }
    return resume_later();
}

template class Listener<Tcp>;
template class Listener<Local>;

} // namespace probe
