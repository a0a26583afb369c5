// Source and Group, for the implementation units of mio.sys.iocp only. Include it after the imports.
//
// Member functions are declared inline explicitly: in a named module, a definition in the class does not imply it.
#pragma once

namespace mio::sys::iocp {

/// A watched socket.
///
/// Life cycle: `add` takes a source from a group and attaches it. `remove`, `forget`, another source for the same
/// socket, or AFD's report that the socket was closed detaches it. It returns to its group once its `Registration` has
/// released it and the kernel has completed its AFD poll.
///
/// While the source is attached, at most one AFD poll is pending for it. It completes at the first of several events.
/// `status` is the state of that poll; `Port::complete` handles the completion.
struct Source : Operation {
    enum class Status {
        idle,      // no poll is pending
        pending,   // a poll was submitted, and its completion has not been dequeued
        cancelled, // as pending, and its cancellation was requested
    };

    inline Source() noexcept
        : Operation([](Operation& operation, const Record&) noexcept {
              auto& source = static_cast<Source&>(operation);
              source.port->complete(source);
          }) {}

    /// Resets the edge state: every condition that holds is reported again.
    inline void watch(Token reported_with, Interest wanted, Trigger how) noexcept {
        token = reported_with;
        interest = wanted;
        trigger = how;
        armed = events_of(wanted);
        is_stale = status != Status::idle;
    }

    /// True if the kernel has completed the poll. It may become true only when the completion is dequeued.
    [[nodiscard]] inline bool is_completed() noexcept {
        return static_cast<std::int32_t>(std::atomic_ref(overlapped.internal).load(std::memory_order_relaxed))
               != afd::status_pending;
    }

    [[nodiscard]] static inline std::uint32_t events_of(Interest interest) noexcept {
        std::uint32_t events = always;
        if (interest.is_readable()) events |= readable;
        if (interest.is_writable()) events |= writable;
        return events;
    }

    static constexpr std::uint32_t readable = afd_receive | afd_accept | afd_disconnect;
    static constexpr std::uint32_t writable = afd_send;
    static constexpr std::uint32_t always = afd_abort | afd_connect_fail; // the connection has ended

    Port* port = nullptr;
    Selector* selector = nullptr;
    Group* group = nullptr;
    RawHandle socket = invalid_handle; // the base provider's; the user's may be layered above it
    Token token;
    Interest interest = Interest::readable;
    Trigger trigger = Trigger::edge;
    Status status = Status::idle;
    bool is_attached = false;
    bool is_released = false; // by its `Registration`
    bool is_queued = false;
    bool is_stale = false;   // the pending poll is older than the state to be polled for
    std::uint32_t armed = 0; // events to poll for
    std::uint32_t asked = 0; // events of the pending poll
    afd::Question question;
    Source* previous_queued = nullptr;
    Source* next_queued = nullptr;
    Source* next = nullptr; // in the hash chain, or in the group's free list
};

/// The sources that share one handle of the AFD device.
struct Group {
    // The number of sockets that AFD handles efficiently through one handle.
    static constexpr std::size_t size = 32;

    inline Group(Port& port, os::KernelHandle handle) noexcept : device(std::move(handle)) {
        for (auto& source : sources) {
            source.port = &port;
            source.group = this;
            source.next = std::exchange(free, &source);
        }
    }
    Group(const Group&) = delete;
    Group& operator=(const Group&) = delete;

    os::KernelHandle device;
    Group* previous = nullptr; // in the list of groups with room
    Group* next = nullptr;
    Source* free = nullptr;
    std::size_t used = 0;
    std::array<Source, size> sources;
};

} // namespace mio::sys::iocp
