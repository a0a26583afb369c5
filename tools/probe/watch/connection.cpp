module;

#include <algorithm>
#include <chrono>
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
import probe.watch.protocol;
import probe.watch.source;

namespace probe {

using mio::Interest;

template <class Protocol>
Connection<Protocol>::Connection(Context& context, std::string name, std::vector<Address> addresses)
    : context_(&context), name_(std::move(name)), token_(context.next_token()),
      addresses_(std::move(addresses)), stream_(Stream::from_raw(mio::invalid_handle)), is_connecting_(true) {
    std::ranges::reverse(addresses_);
}

template <class Protocol>
Connection<Protocol>::Connection(Context& context, std::string name, Stream stream)
    : context_(&context), name_(std::move(name)), token_(context.next_token()), stream_(std::move(stream)),
      is_connecting_(false) {}

template <class Protocol> Outcome Connection<Protocol>::start() {
    if (is_connecting_) return connect_to_next();
    if (const auto added = add(); !added) {
        context_->log.failure(name_, {"Registry::add", added.error(), "closing"});
        return finished();
    }
    return wait_for_event();
}

template <class Protocol> mio::Result<> Connection<Protocol>::rearm() {
    return context_->registry.modify(stream_, token_, interest(), context_->options.trigger);
}

template <class Protocol> Outcome Connection<Protocol>::handle(const mio::Event& event) {
    if constexpr (!Protocol::connects_at_once) {
        if (is_connecting_) {
            const auto connected = stream_.finish_connect();
            if (!connected) return connect_failed(connected.error());
            if (!*connected) return wait_for_event();
            set_connected();
        }
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

template <class Protocol> Outcome Connection<Protocol>::resume() {
    if (has_to_retry_) return connect();
    return outcome_of(
        drain(*context_, name_, [this](std::span<std::byte> buffer) { return stream_.read(buffer); }));
}

template <class Protocol> Outcome Connection<Protocol>::connect_to_next() {
    peer_ = addresses_.back();
    addresses_.pop_back();
    context_->log.remark(name_, "connecting", "connecting to " + peer_->to_string(),
                         {{"peer", peer_->to_string()}});
    return connect();
}

template <class Protocol> Outcome Connection<Protocol>::connect() {
    const auto started = try_connect();
    if (!started && mio::would_block(started.error())) return retry_later(started.error());
    has_to_retry_ = false;
    if (!started) return connect_failed(started.error());
    if (Protocol::connects_at_once) set_connected();
    return wait_for_event();
}

template <class Protocol> mio::Result<> Connection<Protocol>::try_connect() {
    auto stream = Stream::connect(*peer_);
    if (!stream) return std::unexpected(stream.error());
    stream_ = std::move(*stream);
    return add();
}

template <class Protocol> Outcome Connection<Protocol>::connect_failed(const std::error_code& error) {
    const auto call = "connect to " + peer_->to_string();
    if (addresses_.empty()) throw Refused{call, error, {}};
    context_->log.failure(name_, {call, error, "trying the next address"});
    return connect_to_next();
}

// The queue of a Unix listener is full: nothing was started, and no event will tell when there is room.
template <class Protocol> Outcome Connection<Protocol>::retry_later(const std::error_code& error) {
    if (!std::exchange(has_to_retry_, true)) {
        context_->log.failure(name_, {"connect to " + peer_->to_string(), error,
                                      "the listener's queue is full; trying again four times a second"});
    }
    return resume_later();
}

template <class Protocol> Interest Connection<Protocol>::interest() const {
    return context_->options.interest.value_or(Interest::readable | Interest::writable);
}

template <class Protocol> mio::Result<> Connection<Protocol>::add() {
    return context_->registry.add(stream_, token_, interest(), context_->options.trigger);
}

template <class Protocol> void Connection<Protocol>::set_connected() {
    is_connecting_ = false;
    const auto address = stream_.local_address();
    const auto local = address ? address->to_string() : error_text(address.error());
    context_->log.remark(name_, "connected", "connected to " + peer_->to_string() + " from " + local,
                         {{"peer", peer_->to_string()}, {"local", local}});
}

template <class Protocol> void Connection<Protocol>::take_urgent_byte() {
    // An event that comes while the byte still waits to be taken, or has been taken, tells of it again.
    const auto byte = os::receive_urgent(stream_.raw());
    if (!byte) return;
    const auto value = std::to_integer<unsigned>(*byte);
    context_->log.remark(name_, "urgent", "urgent byte " + std::to_string(value),
                         {{"value", std::uint64_t{value}}});
}

template class Connection<Tcp>;
template class Connection<Local>;

} // namespace probe
