module;

#include <chrono>
#include <optional>
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
import probe.watch.source;

namespace probe {
namespace {

using namespace std::chrono_literals;

constexpr int most_in_one_turn = 64; // so that a flood of connections leaves a turn to the others
constexpr auto retry_delay = 250ms;  // short for a person, long for a processor

} // namespace

Listener::Listener(Context& context, std::string name, mio::net::SocketAddress address)
    : context_(&context), name_(std::move(name)), token_(context.next_token()), address_(address),
      listener_(mio::net::TcpListener::from_raw(mio::invalid_handle)) {}

Outcome Listener::start() {
    listener_ = must(mio::net::TcpListener::bind(address_), "bind");
    address_ = must(listener_.local_address(), "getsockname");
    must(context_->registry.add(listener_, token_, mio::Interest::readable, context_->options.trigger),
         "Registry::add");
    name_ = "listen://" + address_.to_string();
    context_->log.remark(name_, "listening", "listening on " + address_.to_string(),
                         {{"address", address_.to_string()}});
    return wait_for_event();
}

mio::Result<> Listener::rearm() {
    return context_->registry.modify(listener_, token_, mio::Interest::readable, context_->options.trigger);
}

Outcome Listener::handle(const mio::Event&) { return resume(); }

Outcome Listener::resume() {
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

void Listener::welcome(mio::net::TcpStream stream, const mio::net::SocketAddress& peer) {
    auto name = "#" + std::to_string(++context_->last_accepted) + " " + peer.to_string();
    context_->log.remark(name_, "accepted", "accepted " + name, {{"peer", peer.to_string()}, {"as", name}});
    accepted_.emplace_back(*context_, std::move(name), std::move(stream));
}

// Out of descriptors or memory, as a rule. The connection still waits, and no edge will tell of it again, so look
// again after a while; say so once, not every time.
Outcome Listener::retry_later(const std::error_code& error) {
    if (error != std::exchange(reported_, error)) {
        context_->log.failure(name_, {"accept", error, "trying again four times a second"});
    }
    return {.is_finished = false, .resume_at = std::chrono::steady_clock::now() + retry_delay};
}

} // namespace probe
