// The arguments of mio-probe: targets, interests, triggers, durations and counts; and that text of a peer is printed
// without what a terminal obeys.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "watch_options.hpp"

#include "fuzz.hpp"

using fuzz::require;

void fuzz::run(std::span<const std::uint8_t> input) {
    const auto text = text_of(input);
    if (const auto target = probe::parse_target(text)) {
        require(target->name == text, "a target is called as the user called it", text);
        std::visit(
            [&](const auto& kind) {
                using Kind = std::remove_cvref_t<decltype(kind)>;
                if constexpr (std::is_same_v<Kind, probe::TcpTarget>) {
                    require(kind.port != 0 && !kind.host.empty(), "a host and a port", text);
                } else if constexpr (std::is_same_v<Kind, probe::ListenTarget>
                                     || std::is_same_v<Kind, probe::UdpTarget>) {
                    const bool is_v6 = kind.host.find(':') != kind.host.npos;
                    if (is_v6) {
                        require(mio::net::IpAddress::parse(kind.host).has_value()
                                    || mio::net::SocketAddress::parse('[' + kind.host + "]:0").has_value(),
                                "an IPv6 address", text);
                    }
                    require(text.ends_with(std::to_string(kind.port)), "the port that was asked for", text);
                } else if constexpr (std::is_same_v<Kind, probe::TimerTarget>) {
                    require(kind.period.count() >= 1, "a period of a millisecond or more", text);
                } else if constexpr (std::is_same_v<Kind, probe::FifoTarget>) {
                    require(!kind.path.empty(), "a path", text);
                } else if constexpr (std::is_same_v<Kind, probe::DescriptorTarget>) {
                    require(kind.handle >= 0, "a descriptor", text);
                } else {
                    require(kind.address.path().has_value(), "a path", text);
                }
            },
            target->kind);
    } else {
        require(!target.error().empty(), "a refused target has a reason", text);
    }
    if (const auto time = probe::parse_duration(text)) {
        require(time->count() >= 1 && *time <= std::chrono::years(1), "a duration of a millisecond to a year",
                text);
        // In milliseconds it means the same.
        const auto again = probe::parse_duration(std::to_string(time->count()) + "ms");
        require(again && *again == *time, "a duration parses as it is printed", text);
    }
    if (const auto count = probe::parse_count(text)) {
        require(*count != 0, "a count from 1 on", text);
        const auto again = probe::parse_count(std::to_string(*count));
        require(again && *again == *count, "a count parses as it is printed", text);
    }
    if (const auto interest = probe::parse_interest(text))
        require(!text.empty()
                    && (interest->is_readable() || interest->is_writable() || interest->is_priority()),
                "an interest in something", text);
    static_cast<void>(probe::parse_trigger(text));

    const auto visible = probe::visible(text);
    for (std::size_t at = 0; at < visible.size(); ++at) {
        const auto byte = static_cast<unsigned char>(visible[at]);
        require(byte >= 0x20 && byte != 0x7f, "no control characters", text);
        const auto next = at + 1 < visible.size() ? static_cast<unsigned char>(visible[at + 1]) : 0u;
        require(byte != 0xc2 || next >= 0xa0, "no C1 control characters", text);
    }
    require(probe::visible(visible) == visible || text.contains('\\') || visible != text,
            "visible text stays as it is", text);
}
