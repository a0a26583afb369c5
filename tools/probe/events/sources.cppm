/// @file
/// What scenarios are played with: pairs of sources, and what is done to them.

module;

#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

export module probe.events.sources;

import mio;
import probe.events.stage;
import probe.failure;
import probe.os;

namespace probe {

/// What a source that reads and writes is watched for, unless the scenario is about the interest.
export inline constexpr auto read_write = mio::Interest::readable | mio::Interest::writable;

/// Two ends that are connected to each other.
export template <class S, class Peer = S> struct Pair {
    S local; ///< the one to watch
    Peer peer;
};

/// The same while the local end is watched.
export template <class S, class Peer = S> struct WatchedPair {
    Watched<S> local;
    Peer peer;
};

export using TcpPair = Pair<mio::net::TcpStream>;

/// 127.0.0.1 and a port for the OS to choose.
export mio::net::SocketAddress loopback() noexcept;

/// A listener on loopback.
export mio::net::TcpListener listen_on_loopback();

/// A connection over loopback that is established at both ends.
export TcpPair tcp_pair();

/// Watches the local end of `pair`.
export template <class S, class Peer>
WatchedPair<S, Peer> watch(Stage& stage, Pair<S, Peer> pair, const Wish& wish) {
    return {stage.watch(std::move(pair.local), wish), std::move(pair.peer)};
}
/// The same, and lets the event of registering pass.
export template <class S, class Peer>
WatchedPair<S, Peer> watch_settled(Stage& stage, Pair<S, Peer> pair, const Wish& wish) {
    auto watched = watch(stage, std::move(pair), wish);
    stage.settle();
    return watched;
}

/// Waits until the kernel shows `state`, so that what follows finds it so.
export template <class S> void await(const S& source, os::State state) {
    must(os::await(source.raw(), state), "poll");
}
export template <class S> void await(const Watched<S>& source, os::State state) { await(*source, state); }

/// Closes it.
export template <class S> void close(S source) { const auto closed = std::move(source); }

template <class S>
concept Receiving = requires(const S& source, std::span<std::byte> buffer) { source.receive(buffer); };

/// One operation that reads, or that writes.
template <class S> mio::Result<std::size_t> read(const S& source, std::span<std::byte> buffer) {
    if constexpr (Receiving<S>) {
        return source.receive(buffer);
    } else {
        return source.read(buffer);
    }
}
template <class S> mio::Result<std::size_t> write(const S& source, std::span<const std::byte> bytes) {
    if constexpr (Receiving<S>) {
        return source.send(bytes);
    } else {
        return source.write(bytes);
    }
}
template <class S> mio::Result<std::size_t> read(const Watched<S>& source, std::span<std::byte> buffer) {
    return source.attempt(mio::Interest::readable, [buffer](const S& s) { return read(s, buffer); });
}
template <class S>
mio::Result<std::size_t> write(const Watched<S>& source, std::span<const std::byte> bytes) {
    return source.attempt(mio::Interest::writable, [bytes](const S& s) { return write(s, bytes); });
}

/// Writes `text`, which has to fit into the buffer between.
export template <class S> void send(const S& source, std::string_view text) {
    must(write(source, std::as_bytes(std::span(text))), "write");
}

/// Reads once up to `count` bytes, 256 at the most.
export template <class S> void read_some(const S& source, std::size_t count) {
    std::array<std::byte, 256> buffer;
    must(read(source, std::span(buffer).first(count)), "read");
}

/// Reads until it would block, or until the end.
export template <class S> void read_everything(const S& source) {
    std::array<std::byte, 64 * 1024> buffer;
    while (true) {
        const auto count = read(source, buffer);
        if (!count && mio::would_block(count.error())) return;
        if (must(count, "read") == 0) return;
    }
}

/// Writes until it would block, and goes on as long as the kernel still makes room.
export template <class S> void fill(const Watched<S>& source) {
    constexpr std::array<std::byte, 16 * 1024> block{};
    while (true) {
        const auto count = write(source, block);
        if (count) continue;
        if (!mio::would_block(count.error())) must(count, "write");
        if (!must(os::becomes(source->raw(), os::State::writable), "poll")) return;
    }
}

/// Reads what was written until there is room for more.
export template <class S, class Peer> void make_room(const WatchedPair<S, Peer>& pair) {
    for (int i = 0; i < 100; ++i) {
        read_everything(pair.peer);
        if (must(os::becomes(pair.local->raw(), os::State::writable), "poll")) return;
    }
    await(pair.local, os::State::writable); // says that there never was
}

} // namespace probe
