/// @file
/// Control messages of datagrams: properties to send with, and properties that the kernel reports. Internal.

module;

#include <sys/socket.h>

#include <cstring>

export module mio.net.ancillary;

import mio.core.error;
import mio.core.handle;
import mio.net.address;
import mio.net.udp;
import mio.std;

namespace mio::net {

/// Room for the control messages of one datagram: more than all that the library requests or sends.
export struct Control {
    alignas(::cmsghdr) std::byte bytes[256];
};

/// Calls `f(level, type, payload)` for each control message. Lengths that exceed the buffer, or the header's own
/// size, end the iteration, whatever the kernel wrote.
export template <class F> void for_each_control(const ::msghdr& message, F&& f) noexcept {
    std::span rest(static_cast<const std::byte*>(message.msg_control),
                   static_cast<std::size_t>(message.msg_controllen));
    const std::size_t header_size = CMSG_LEN(0);
    while (rest.size() >= header_size) {
        ::cmsghdr header;
        std::memcpy(&header, rest.data(), sizeof header);
        const auto length = static_cast<std::size_t>(header.cmsg_len);
        if (length < header_size || length > rest.size()) return;
        f(header.cmsg_level, header.cmsg_type, rest.first(length).subspan(header_size));
        const std::size_t space = CMSG_SPACE(length - header_size);
        rest = rest.subspan(std::min(space, rest.size()));
    }
}

/// The payload as a `T`; none if it is shorter.
export template <class T> std::optional<T> payload_as(std::span<const std::byte> payload) noexcept {
    if (payload.size() < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, payload.data(), sizeof value);
    return value;
}

void read_some_control(const ::msghdr& message, IncomingDatagram& datagram) noexcept;

/// Sets the properties of `datagram` that control messages report, and resets the others. Its `peer` is set
/// already.
export inline void read_control(const ::msghdr& message, IncomingDatagram& datagram) noexcept {
    datagram.segment_size = 0;
    datagram.info_truncated = false;
    datagram.ttl.reset();
    datagram.tos.reset();
    datagram.dropped = 0;
    datagram.interface_index.reset();
    datagram.local_ip.reset();
    datagram.received_at.reset();
    if (message.msg_controllen != 0) [[unlikely]]
        read_some_control(message, datagram);
}

/// Whether sending `datagram` takes control messages.
export inline bool has_properties(const OutgoingDatagram& datagram) noexcept {
    // Without short-circuits: usually all are absent.
    return (static_cast<unsigned>(datagram.source.has_value()) | datagram.interface_index
            | static_cast<unsigned>(datagram.ttl.has_value())
            | static_cast<unsigned>(datagram.tos.has_value()) | datagram.segment_size)
           != 0;
}

/// Writes the control messages of outgoing datagrams of one socket.
export class ControlWriter {
  public:
    inline explicit ControlWriter(RawHandle handle) noexcept : handle_(handle) {}

    /// Makes `message` send the properties of `datagram`, in `room`. Errors: `Errc::unsupported`;
    /// `std::errc::invalid_argument`.
    [[nodiscard]] Result<> write(const OutgoingDatagram& datagram, ::msghdr& message, Control& room) noexcept;

  private:
    [[nodiscard]] bool sends_v4(const OutgoingDatagram& datagram) noexcept;

    RawHandle handle_;
    std::optional<bool> peer_is_v4_; // of the connected peer, once it was needed
};

/// Like `UdpSocket`'s functions of the same names.
export Result<> set_receive_info(RawHandle, DatagramInfo) noexcept;
export Result<DatagramInfo> receive_info(RawHandle) noexcept;
export Result<DatagramInfo> supported_info(RawHandle) noexcept;

} // namespace mio::net
