// Addresses in the system's form, from any bytes: `RawAddress`, and the Unix and IP addresses that it converts to.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "fuzz.hpp"

import mio.net;

namespace {

using fuzz::require;
using mio::net::RawAddress;
using mio::net::UnixAddress;

void check(const UnixAddress& address) {
    const auto text = address.to_string();
    require(std::ranges::none_of(text,
                                 [](char c) {
                                     const auto byte = static_cast<unsigned char>(c);
                                     return byte < 0x20 || byte == 0x7f;
                                 }),
            "a printed name has no control characters", text);
    const int kinds = address.path().has_value() + address.abstract_name().has_value() + address.is_unnamed();
    require(kinds == 1, "an address is of one kind", text);
    if (const auto path = address.path()) {
        require(!path->empty() && !path->contains('\0'), "a path is not empty, and has no NUL", text);
        require(path->size() <= sizeof(::sockaddr_un::sun_path), "a path fits", text);
        const auto again = UnixAddress::from_path(*path);
        // A path without room for a NUL can only come from the kernel.
        require(again.has_value() == (path->size() < sizeof(::sockaddr_un::sun_path)), "a path is accepted",
                text);
        require(!again || *again == address, "the same path, the same address", text);
    }
    if (const auto name = address.abstract_name()) {
        const auto again = UnixAddress::from_abstract(*name);
        require(again && *again == address, "the same name, the same address", text);
    }
    const RawAddress raw = address;
    require(raw.family() == AF_UNIX, "a Unix address has its family", text);
    const auto back = UnixAddress::from_raw(raw);
    require(back && *back == address, "a Unix address survives the system's form", text);
}

} // namespace

void fuzz::run(std::span<const std::uint8_t> input) {
    const auto bytes = std::as_bytes(input);
    const auto raw = RawAddress::from_bytes(bytes);
    require(raw.has_value() == (bytes.size() <= RawAddress::max_size), "an address fits, or is refused");
    if (raw) {
        require(std::ranges::equal(raw->bytes(), bytes), "an address keeps its bytes");
        require(raw->is_empty() == bytes.empty(), "an address is empty or not");
        ::sockaddr_storage storage{};
        const auto start = bytes.first(std::min(bytes.size(), sizeof storage));
        std::ranges::copy(start, std::as_writable_bytes(std::span(&storage, 1)).begin());
        require(raw->family() == storage.ss_family, "the family");

        const auto ip = raw->to_ip();
        const bool is_ip = (storage.ss_family == AF_INET && bytes.size() >= sizeof(::sockaddr_in))
                           || (storage.ss_family == AF_INET6 && bytes.size() >= sizeof(::sockaddr_in6));
        require(ip.has_value() == is_ip, "an IP address needs its family and its size");
        if (ip) {
            const auto again = RawAddress(*ip).to_ip();
            require(again && *again == *ip, "an IP address survives the system's form", ip->to_string());
        }

        const auto unix_address = UnixAddress::from_raw(*raw);
        require(unix_address.has_value() == (bytes.empty() || storage.ss_family == AF_UNIX),
                "a Unix address needs its family");
        if (unix_address) check(*unix_address);
    }

    const auto text = text_of(input);
    const auto path = UnixAddress::from_path(text);
    const bool is_path =
        !text.empty() && !text.contains('\0') && text.size() < sizeof(::sockaddr_un::sun_path);
    require(path.has_value() == is_path, "which paths are accepted", text);
    if (path) {
        require(path->path().value_or("") == text, "a path is kept", text);
        check(*path);
    }
    const auto name = UnixAddress::from_abstract(text);
    require(name.has_value() == (text.size() < sizeof(::sockaddr_un::sun_path)), "which names are accepted",
            text);
    if (name) {
        require(name->abstract_name().value_or("?") == text, "a name is kept", text);
        check(*name);
    }
}
