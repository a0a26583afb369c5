module;

#include <cstddef>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

module probe.watch.datagrams;

import mio;
import probe.failure;
import probe.watch.log;
import probe.watch.options;
import probe.watch.source;

namespace probe {
namespace {

constexpr int most_in_one_turn = 64;             // so that a flood of datagrams leaves a turn to the others
constexpr std::size_t longest_datagram = 65'535; // of which the headers take some

} // namespace

using mio::Interest;
using mio::net::UdpSocket;

Datagrams::Datagrams(Context& context, std::string name, mio::net::SocketAddress address)
    : context_(&context), name_(std::move(name)), token_(context.next_token()), address_(address),
      socket_(UdpSocket::from_raw(mio::invalid_handle)) {}

Outcome Datagrams::start() {
    socket_ = must(UdpSocket::bind(address_), "bind");
    address_ = must(socket_.local_address(), "getsockname");
    must(context_->registry.add(socket_, token_, interest(), context_->options.trigger), "Registry::add");
    name_ = "udp://" + address_.to_string();
    context_->log.remark(name_, "bound", "bound to " + address_.to_string(),
                         {{"address", address_.to_string()}});
    return wait_for_event();
}

mio::Result<> Datagrams::rearm() {
    return context_->registry.modify(socket_, token_, interest(), context_->options.trigger);
}

Outcome Datagrams::handle(const mio::Event& event) {
    if (!context_->options.read) return wait_for_event();
    return event.is_readable() || event.is_error() ? resume() : wait_for_event();
}

// An error is that of one datagram, and has been told: the next may fare better.
Outcome Datagrams::resume() {
    std::vector<std::byte> buffer(longest_datagram);
    for (int i = 0; i < most_in_one_turn; ++i) {
        const auto received = socket_.receive_from(buffer);
        if (received) {
            const auto& [size, sender] = *received;
            context_->log.data(name_, std::span(buffer).first(size), sender.to_string());
        } else if (mio::would_block(received.error())) {
            return wait_for_event();
        } else {
            context_->log.failure(name_, {"recvfrom", received.error(), {}});
        }
    }
    return resume_soon();
}

Interest Datagrams::interest() const { return context_->options.interest.value_or(Interest::readable); }

} // namespace probe
