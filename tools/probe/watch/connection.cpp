module;

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

module probe.watch.connection;

import mio;
import probe.failure;
import probe.os;
import probe.watch.log;
import probe.watch.options;
import probe.watch.source;

namespace probe {

using mio::Interest;
using mio::net::SocketAddress;
using mio::net::TcpStream;

Connection::Connection(Context& context, std::string name, std::vector<SocketAddress> addresses)
    : context_(&context), name_(std::move(name)), token_(context.next_token()),
      addresses_(std::move(addresses)), stream_(TcpStream::from_raw(mio::invalid_handle)),
      is_connecting_(true) {
    std::ranges::reverse(addresses_);
}

Connection::Connection(Context& context, std::string name, TcpStream stream)
    : context_(&context), name_(std::move(name)), token_(context.next_token()), stream_(std::move(stream)),
      is_connecting_(false) {}

Outcome Connection::start() {
    if (is_connecting_) return connect_to_next();
    if (const auto added = add(); !added) {
        context_->log.failure(name_, {"Registry::add", added.error(), "closing"});
        return finished();
    }
    return wait_for_event();
}

mio::Result<> Connection::rearm() {
    return context_->registry.modify(stream_, token_, interest(), context_->options.trigger);
}

Outcome Connection::handle(const mio::Event& event) {
    if (is_connecting_) {
        const auto connected = stream_.finish_connect();
        if (!connected) return connect_failed(connected.error());
        if (!*connected) return wait_for_event();
        is_connecting_ = false;
        log_connected();
    }
    if (context_->options.read) {
        if (event.is_priority()) take_urgent_byte();
        return event.is_readable() || event.is_read_closed() ? resume() : wait_for_event();
    }
    if (event.is_error()) {
        const auto pending = stream_.take_error();
        context_->log.failure(name_, {"error", pending.value_or(std::error_code()), "closing"});
        return finished();
    }
    if (event.is_read_closed()) {
        context_->log.remark(name_, "end", "the peer closed; closing");
        return finished();
    }
    return wait_for_event();
}

Outcome Connection::resume() {
    return outcome_of(
        drain(*context_, name_, [this](std::span<std::byte> buffer) { return stream_.read(buffer); }));
}

Outcome Connection::connect_to_next() {
    peer_ = addresses_.back();
    addresses_.pop_back();
    context_->log.remark(name_, "connecting", "connecting to " + peer_.to_string(),
                         {{"peer", peer_.to_string()}});
    const auto started = connect();
    return started ? wait_for_event() : connect_failed(started.error());
}

mio::Result<> Connection::connect() {
    auto stream = TcpStream::connect(peer_);
    if (!stream) return std::unexpected(stream.error());
    stream_ = std::move(*stream);
    return add();
}

Outcome Connection::connect_failed(const std::error_code& error) {
    const auto call = "connect to " + peer_.to_string();
    if (addresses_.empty()) throw Refused{call, error, {}};
    context_->log.failure(name_, {call, error, "trying the next address"});
    return connect_to_next();
}

Interest Connection::interest() const {
    return context_->options.interest.value_or(Interest::readable | Interest::writable);
}

mio::Result<> Connection::add() {
    return context_->registry.add(stream_, token_, interest(), context_->options.trigger);
}

void Connection::log_connected() {
    const auto local = stream_.local_address().value_or(SocketAddress()).to_string();
    context_->log.remark(name_, "connected", "connected to " + peer_.to_string() + " from " + local,
                         {{"peer", peer_.to_string()}, {"local", local}});
}

void Connection::take_urgent_byte() {
    // An event that comes while the byte still waits to be taken, or has been taken, tells of it again.
    const auto byte = os::receive_urgent(stream_.raw());
    if (!byte) return;
    const auto value = std::to_integer<unsigned>(*byte);
    context_->log.remark(name_, "urgent", "urgent byte " + std::to_string(value),
                         {{"value", std::uint64_t{value}}});
}

} // namespace probe
