#include "machine.hpp"
#include "watch.hpp"

namespace probe {

namespace {

// Limits of one turn, so that the other sources have theirs.
constexpr std::size_t bytes_per_turn = std::size_t{64} * 1024;
constexpr int connections_per_turn = 64;
constexpr int datagrams_per_turn = 64;
constexpr std::size_t longest_datagram = 65'535; // headers included

} // namespace

Summary& Context::summary_of(std::string_view source) {
    const auto found = std::ranges::find(summaries, source, &Summary::source);
    if (found != summaries.end()) return *found;
    return summaries.emplace_back(Summary{.source = std::string(source)});
}

void Summary::count(const mio::Event& event) {
    ++events;
    const auto holding = predicates_of(event.readiness());
    for (std::size_t i = 0; i < holding.size(); ++i) predicates[i] += holding[i] ? 1 : 0;
}

namespace {

// The call that failed with `error`: the library makes the socket in the same call.
std::string failed_call(std::string call, const std::error_code& error, const mio::Result<>& socket) {
    return !socket && socket.error() == error ? "socket" : std::move(call);
}

std::string explanation_of(const mio::net::SocketAddress& address, const std::error_code& error) {
    return address.ip().is_loopback() ? loopback_explanation(error, address.ip().is_v4()) : "";
}
std::string explanation_of(const mio::net::UnixAddress&, const std::error_code&) { return {}; }

// Binds to the first of `addresses` that can be bound; throws the failure of the first.
template <class Addresses, class F> auto bind_to_first(const Addresses& addresses, F bind) {
    std::optional<Refused> first;
    for (const auto& address : addresses) {
        try {
            return bind(address);
        } catch (Refused& refused) {
            if (!first) first = std::move(refused);
        }
    }
    throw *std::move(first);
}

template <class T> mio::Result<> error_of(const mio::Result<T>& result) {
    if (!result) return std::unexpected(result.error());
    return {};
}

} // namespace

Drained drain(Context& context, std::string_view source, std::string_view group,
              const std::function<mio::Result<std::size_t>(std::span<std::byte>)>& read,
              const std::function<void(std::span<const std::byte>)>& take) {
    std::vector<std::byte> buffer(bytes_per_turn);
    std::size_t filled = 0;
    mio::Result<std::size_t> last = 0;
    while (filled < buffer.size()) {
        last = read(std::span(buffer).subspan(filled));
        if (!last || *last == 0) break;
        filled += *last;
    }
    if (filled != 0) {
        const auto data = std::span(buffer).first(filled);
        context.log.data(source, data);
        context.summary_of(group).bytes_read += filled;
        if (take) take(data);
    }
    if (filled == buffer.size()) return Drained::more;
    if (last) {
        context.log.remark(source, "end", "end of stream");
        return Drained::ended;
    }
    if (mio::would_block(last.error())) return Drained::blocked;
    context.log.failure(source, {"read", last.error(), {}});
    return Drained::failed;
}

Outcome outcome_of(Drained drained) {
    switch (drained) {
    case Drained::blocked: return wait_for_event();
    case Drained::more: return resume_soon();
    case Drained::ended:
    case Drained::failed: return finished();
    }
    return finished();
}

Tcp::Listener Tcp::bind(const Address& address) {
    auto listener = Listener::bind(address);
    if (!listener)
        throw Refused{failed_call("bind", listener.error(), try_socket(address)), listener.error(),
                      explanation_of(address, listener.error())};
    return std::move(*listener);
}

mio::Result<> Tcp::try_socket(const Address& address) {
    return error_of(address.ip().is_v4() ? mio::net::TcpSocket::v4() : mio::net::TcpSocket::v6());
}

mio::Result<> Local::try_socket(const Address&) { return error_of(mio::net::UnixSocket::create()); }

Local::Listener Local::bind(const Address& address) {
    auto listener = Listener::bind_replacing(*address.path());
    // Replacing requires a folder that can be read and locked; binding to a free name does not.
    if (!listener && listener.error() != std::errc::address_in_use) listener = Listener::bind(address);
    if (!listener && listener.error() == std::errc::address_in_use) {
        throw Refused{"bind", listener.error(), "another process listens there, or it must not be replaced"};
    }
    if (!listener)
        throw Refused{failed_call("bind", listener.error(), try_socket(address)), listener.error(), {}};
    return std::move(*listener);
}

std::string Local::caller(const Stream& stream, const Address& peer) {
    const auto credentials = stream.peer_credentials();
    if (!credentials) return peer.to_string();
    const auto user = "user " + std::to_string(credentials->user);
    return credentials->process ? "process " + std::to_string(*credentials->process) + ", " + user : user;
}

using mio::Interest;

template <class Protocol>
Connection<Protocol>::Connection(Context& context, std::string name, std::vector<Address> addresses)
    : context_(&context), name_(std::move(name)), group_(name_), token_(context.next_token()),
      addresses_(std::move(addresses)), stream_(Stream::from_raw(mio::invalid_handle)), is_connecting_(true) {
    std::ranges::reverse(addresses_);
}

template <class Protocol>
Connection<Protocol>::Connection(Context& context, std::string name, std::string group, Stream stream)
    : context_(&context), name_(std::move(name)), group_(std::move(group)), token_(context.next_token()),
      stream_(std::move(stream)), is_connecting_(false) {}

template <class Protocol> Outcome Connection<Protocol>::start() {
    if (is_connecting_) return connect_to_next();
    if (const auto added = add(); !added) {
        context_->log.failure(name_, {"Registry::add", added.error(), "closing"});
        return finished();
    }
    return begin();
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
            if (begin().is_finished) return finished();
        }
    }
    if (event.is_writable() && !unsent_.empty()) {
        if (!flush()) return finished();
        if (unsent_.empty() && context_->options.echo) return resume(); // which waited for that
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
    if (!flush()) return finished();
    // An echo goes no faster than its peer reads.
    if (context_->options.echo && !unsent_.empty()) return wait_for_event();
    return has_ended_ ? finished() : read();
}

template <class Protocol> Outcome Connection<Protocol>::read() {
    const auto keep = [this](std::span<const std::byte> bytes) {
        if (context_->options.echo) unsent_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    };
    const auto drained = drain(
        *context_, name_, group_, [this](std::span<std::byte> buffer) { return stream_.read(buffer); }, keep);
    if (drained == Drained::failed || !flush()) return finished();
    has_ended_ = drained == Drained::ended;
    if (has_ended_ && !unsent_.empty()) return wait_for_event();
    return outcome_of(drained);
}

// On a connection that is established: sends what the user wants every peer to get.
template <class Protocol> Outcome Connection<Protocol>::begin() {
    unsent_ = context_->options.send;
    return flush() ? wait_for_event() : finished();
}

template <class Protocol> bool Connection<Protocol>::flush() {
    std::uint64_t written = 0;
    std::error_code error;
    while (!unsent_.empty()) {
        const auto count = stream_.write(std::as_bytes(std::span(unsent_)));
        if (!count) {
            if (!mio::would_block(count.error())) error = count.error();
            break;
        }
        written += *count;
        unsent_.erase(0, *count);
    }
    if (written != 0) {
        context_->summary_of(group_).bytes_written += written;
        context_->log.remark(name_, "write",
                             "wrote " + std::to_string(written) + (written == 1 ? " byte" : " bytes"),
                             {{"bytes", written}});
    }
    if (error) context_->log.failure(name_, {"write", error, "closing"});
    return !error;
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
    if (!Protocol::connects_at_once) return wait_for_event();
    set_connected();
    return begin();
}

template <class Protocol> mio::Result<> Connection<Protocol>::try_connect() {
    auto stream = Stream::connect(*peer_);
    if (!stream) return std::unexpected(stream.error());
    stream_ = std::move(*stream);
    return add();
}

template <class Protocol> Outcome Connection<Protocol>::connect_failed(const std::error_code& error) {
    const auto call = failed_call("connect to " + peer_->to_string(), error, Protocol::try_socket(*peer_));
    if (addresses_.empty()) throw Refused{call, error, explanation_of(*peer_, error)};
    context_->log.failure(name_, {call, error, "trying the next address"});
    return connect_to_next();
}

// The queue of a Unix listener is full: no connection was started, and no event signals room in the queue.
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
    // Further events report the same byte until it is taken, and after.
    const auto byte = os::receive_urgent(stream_.raw());
    if (!byte) return;
    const auto value = std::to_integer<unsigned>(*byte);
    context_->log.remark(name_, "urgent", "urgent byte " + std::to_string(value),
                         {{"value", std::uint64_t{value}}});
}

template class Connection<Tcp>;
template class Connection<Local>;

template <class Protocol>
Listener<Protocol>::Listener(Context& context, std::string name, std::vector<Address> addresses)
    : context_(&context), name_(std::move(name)), token_(context.next_token()),
      addresses_(std::move(addresses)), listener_(Protocol::Listener::from_raw(mio::invalid_handle)) {}

template <class Protocol> Outcome Listener<Protocol>::start() {
    listener_ = bind_to_first(addresses_, Protocol::bind);
    const auto address = must(listener_.local_address(), "getsockname");
    residue_ = Protocol::residue_of(address);
    must(context_->registry.add(listener_, token_, mio::Interest::readable, context_->options.trigger),
         "Registry::add");
    name_ = std::string(Protocol::listen_scheme) + address.to_string();
    context_->log.remark(name_, "listening", "listening on " + address.to_string(),
                         {{"address", address.to_string()}});
    return wait_for_event();
}

template <class Protocol> mio::Result<> Listener<Protocol>::rearm() {
    return context_->registry.modify(listener_, token_, mio::Interest::readable, context_->options.trigger);
}

template <class Protocol> Outcome Listener<Protocol>::handle(const mio::Event&) { return resume(); }

template <class Protocol> Outcome Listener<Protocol>::resume() {
    for (int i = 0; i < connections_per_turn; ++i) {
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
    auto group = "accepted by " + name_;
    ++context_->summary_of(group).connections;
    accepted_.emplace_back(*context_, std::move(name), std::move(group), std::move(stream));
}

// Usually out of descriptors or memory. The connection still waits, and no further edge reports it, so retry after a
// while. The failure is reported once.
template <class Protocol> Outcome Listener<Protocol>::retry_later(const std::error_code& error) {
    if (error != std::exchange(reported_, error)) {
        context_->log.failure(name_, {"accept", error, "trying again four times a second"});
    }
    return resume_later();
}

template class Listener<Tcp>;
template class Listener<Local>;

using mio::Interest;
using mio::net::UdpSocket;

Datagrams::Datagrams(Context& context, std::string name, std::vector<mio::net::SocketAddress> addresses)
    : context_(&context), name_(std::move(name)), token_(context.next_token()),
      addresses_(std::move(addresses)), socket_(UdpSocket::from_raw(mio::invalid_handle)) {}

Outcome Datagrams::start() {
    socket_ = bind_to_first(addresses_, [](const mio::net::SocketAddress& address) {
        auto socket = UdpSocket::bind(address);
        if (socket) return std::move(*socket);
        const auto other = error_of(address.ip().is_v4() ? UdpSocket::v4() : UdpSocket::v6());
        throw Refused{failed_call("bind", socket.error(), other), socket.error(),
                      explanation_of(address, socket.error())};
    });
    const auto address = must(socket_.local_address(), "getsockname");
    must(context_->registry.add(socket_, token_, interest(), context_->options.trigger), "Registry::add");
    name_ = "udp://" + address.to_string();
    context_->log.remark(name_, "bound", "bound to " + address.to_string(),
                         {{"address", address.to_string()}});
    return wait_for_event();
}

mio::Result<> Datagrams::rearm() {
    return context_->registry.modify(socket_, token_, interest(), context_->options.trigger);
}

Outcome Datagrams::handle(const mio::Event& event) {
    if (!context_->options.read) return wait_for_event();
    return event.is_readable() || event.is_error() ? resume() : wait_for_event();
}

// An error concerns one datagram and is reported once; the next one may succeed.
Outcome Datagrams::resume() {
    std::vector<std::byte> buffer(longest_datagram);
    for (int i = 0; i < datagrams_per_turn; ++i) {
        const auto received = socket_.receive_from(buffer);
        if (received) {
            const auto& [size, sender] = *received;
            receive(std::span(buffer).first(size), sender);
        } else if (mio::would_block(received.error())) {
            return wait_for_event();
        } else {
            context_->log.failure(name_, {"recvfrom", received.error(), {}});
        }
    }
    return resume_soon();
}

void Datagrams::receive(std::span<const std::byte> bytes, const mio::net::SocketAddress& sender) {
    context_->log.data(name_, bytes, sender.to_string());
    auto& summary = context_->summary_of(name_);
    summary.bytes_read += bytes.size();
    if (!context_->options.echo) return;
    // A datagram for which there is no room is lost, as others are on their way.
    const auto sent = socket_.send_to(bytes, sender);
    if (!sent) return context_->log.failure(name_, {"sendto " + sender.to_string(), sent.error(), {}});
    summary.bytes_written += *sent;
    context_->log.remark(name_, "write",
                         "wrote " + std::to_string(*sent) + (*sent == 1 ? " byte" : " bytes") + " to "
                             + sender.to_string(),
                         {{"bytes", std::uint64_t{*sent}}, {"to", sender.to_string()}});
}

Interest Datagrams::interest() const { return context_->options.interest.value_or(Interest::readable); }

using mio::Interest;

Descriptor::Descriptor(Context& context, std::string name, mio::RawHandle handle)
    : context_(&context), name_(std::move(name)), token_(context.next_token()), source_(handle) {}

Outcome Descriptor::start() {
    const auto added = context_->registry.add(source_, token_, interest(), context_->options.trigger);
    if (!added) {
        // epoll rejects sources that are always ready with EPERM.
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
    const auto drained = drain(*context_, name_, name_, [this](std::span<std::byte> buffer) {
        return source_.try_io(Interest::readable, [&] { return os::read_ready(source_.raw(), buffer); });
    });
    return drained == Drained::ended || drained == Drained::failed ? finish() : outcome_of(drained);
}

Interest Descriptor::interest() const { return context_->options.interest.value_or(Interest::readable); }

Outcome Descriptor::finish() {
    must(context_->registry.remove(source_), "Registry::remove");
    return finished();
}

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
    const auto drained = drain(*context_, name_, name_, [this](std::span<std::byte> buffer) {
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

Timer::Timer(Context& context, std::string name, const TimerTarget& target)
    : context_(&context), name_(std::move(name)), token_(context.next_token()), period_(target.period),
      is_alarm_(target.is_alarm) {}

Outcome Timer::start() {
    due_ = Clock::now() + period_;
    context_->summary_of(name_).lateness = std::make_unique<bench::Histogram>();
    if (!is_alarm_) return {.is_finished = false, .resume_at = due_};
    alarm_ = must(mio::time::Alarm::create(), "Alarm::create");
    must(context_->registry.add(*alarm_, token_, Interest::readable, context_->options.trigger),
         "Registry::add");
    must(alarm_->arm(due_), "Alarm::arm");
    return wait_for_event();
}

mio::Result<> Timer::rearm() {
    return context_->registry.modify(*alarm_, token_, Interest::readable, context_->options.trigger);
}

Outcome Timer::handle(const mio::Event&) {
    if (Clock::now() < due_) return wait_for_event(); // a spurious event
    expire();
    must(alarm_->arm(due_), "Alarm::arm");
    return wait_for_event();
}

Outcome Timer::resume() {
    if (context_->wants_more()) {
        ++context_->events; // which no event of the poll reports
        expire();
    }
    return {.is_finished = false, .resume_at = due_};
}

void Timer::expire() {
    // Lines that were written since are not what made it late. It may have become due meanwhile.
    const auto now = context_->polled_at < due_ ? Clock::now() : context_->polled_at;
    const auto late = std::chrono::round<std::chrono::microseconds>(now - due_);
    context_->summary_of(name_).lateness->record(now - due_);
    context_->log.remark(name_, "expired", "expired " + std::to_string(late.count()) + " µs late",
                         {{"late_us", static_cast<std::uint64_t>(late.count())}});
    // Those that were missed meanwhile are left out.
    due_ += period_ * ((now - due_) / period_ + 1);
}

} // namespace probe
