#include "watch_options.hpp"
#include "os.hpp"

namespace probe {

namespace {

using mio::net::IpAddress;
using mio::net::SocketAddress;
using mio::net::UnixAddress;

struct HostAndPort {
    std::string_view host; // without the brackets
    std::uint16_t port;
    bool has_brackets;
};

Parsed<HostAndPort> split_host_and_port(std::string_view argument, std::string_view text) {
    const auto colon = text.rfind(':');
    const auto bracket = text.rfind(']');
    if (colon == text.npos || (bracket != text.npos && colon < bracket)) {
        return wrong(argument, "the port is missing: HOST:PORT");
    }
    auto host = text.substr(0, colon);
    const auto port = parse_number(text.substr(colon + 1), 65535);
    if (!port) return wrong(argument, "the port is not a number from 0 to 65535");
    const bool has_brackets = host.starts_with('[') && host.ends_with(']');
    if (has_brackets) {
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != host.npos) {
        return wrong(argument, "an IPv6 address goes in brackets: [ADDR]:PORT");
    }
    return HostAndPort{host, static_cast<std::uint16_t>(*port), has_brackets};
}

// No host name ends in a label of digits, so such text must be an IPv4 address. Other text is resolved as a name.
bool looks_like_ipv4(std::string_view host) { return host.find_first_not_of("0123456789.") == host.npos; }

// An address, or a name to resolve.
bool is_host(const HostAndPort& place, std::string_view text) {
    if (place.has_brackets) return SocketAddress::parse(text).has_value();
    return !looks_like_ipv4(place.host) || IpAddress::parse(place.host);
}

Parsed<Target> parse_tcp(std::string_view argument, std::string_view rest) {
    const auto place = split_host_and_port(argument, rest);
    if (!place) return std::unexpected(place.error());
    if (place->host.empty()) return wrong(argument, "the host is missing: HOST:PORT");
    if (place->port == 0) return wrong(argument, "port 0 cannot be connected to");
    if (!is_host(*place, rest)) return wrong(argument, "not an IP address");
    return Target{std::string(argument), TcpTarget{std::string(place->host), place->port}};
}

// A target that is bound to an address of this machine.
template <class T> Parsed<Target> parse_bound(std::string_view argument, std::string_view rest) {
    const auto place = split_host_and_port(argument, rest);
    if (!place) return std::unexpected(place.error());
    if (!place->host.empty() && !is_host(*place, rest)) return wrong(argument, "not an IP address");
    return Target{std::string(argument), T{std::string(place->host), place->port}};
}

template <class T> Parsed<Target> parse_unix(std::string_view argument, std::string_view rest) {
    if (rest.empty()) return wrong(argument, "the path is missing: unix://PATH or unix-listen://PATH");
    const auto address = UnixAddress::from_path(rest);
    if (!address) return wrong(argument, address.error().message());
    return Target{std::string(argument), T{*address}};
}

Parsed<Target> parse_fifo(std::string_view argument, std::string_view rest) {
    if (rest.empty()) return wrong(argument, "the path is missing: pipe://PATH");
    return Target{std::string(argument), FifoTarget{std::string(rest)}};
}

Parsed<Target> parse_descriptor(std::string_view argument, std::string_view rest) {
    const auto number = parse_number(rest, 0x7fff'ffff);
    if (!number) return wrong(argument, "not the number of a descriptor: fd://N");
    return Target{std::string(argument), DescriptorTarget{static_cast<mio::RawHandle>(*number)}};
}

template <bool is_alarm> Parsed<Target> parse_timer(std::string_view argument, std::string_view rest) {
    const auto period = parse_duration(rest);
    if (!period)
        return wrong(argument, "not a duration from 1ms to a year, like timer://250ms or alarm://5s");
    return Target{std::string(argument), TimerTarget{*period, is_alarm}};
}

struct Scheme {
    std::string_view prefix;
    Parsed<Target> (*parse)(std::string_view argument, std::string_view rest);
};

constexpr Scheme schemes[] = {
    {"tcp://", parse_tcp},
    {"listen://", parse_bound<ListenTarget>},
    {"udp://", parse_bound<UdpTarget>},
    {"unix://", parse_unix<UnixTarget>},
    {"unix-listen://", parse_unix<UnixListenTarget>},
    {"pipe://", parse_fifo},
    {"fd://", parse_descriptor},
    {"timer://", parse_timer<false>},
    {"alarm://", parse_timer<true>},
};

constexpr std::pair<std::string_view, mio::Trigger> triggers[] = {
    {"edge", mio::Trigger::edge},
    {"level", mio::Trigger::level},
    {"oneshot", mio::Trigger::oneshot},
};

// The character at the start of `text`, and the length of its escape; length 0 if that is none.
std::pair<char, std::size_t> unescape(std::string_view text) {
    if (text.front() != '\\') return {text.front(), 1};
    if (text.size() < 2) return {};
    switch (text[1]) {
    case 'n': return {'\n', 2};
    case 'r': return {'\r', 2};
    case 't': return {'\t', 2};
    case '0': return {'\0', 2};
    case '\\': return {'\\', 2};
    case 'x': break;
    default: return {};
    }
    unsigned char value = 0;
    if (text.size() < 4) return {};
    const auto [end, error] = std::from_chars(text.data() + 2, text.data() + 4, value, 16);
    if (error != std::errc() || end != text.data() + 4) return {};
    return {static_cast<char>(value), 4};
}

std::optional<mio::Interest> interest_of(char letter) {
    switch (letter) {
    case 'r': return mio::Interest::readable;
    case 'w': return mio::Interest::writable;
    case 'p': return mio::Interest::priority;
    default: return std::nullopt;
    }
}

// Reads a whole file of any kind; with the C library, which reports the reasons of errors.
std::expected<std::string, std::error_code> read_file(const std::string& path) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
    std::string data;
    std::array<char, 65536> part;
    while (file && std::feof(file.get()) == 0 && std::ferror(file.get()) == 0)
        data.append(part.data(), std::fread(part.data(), 1, part.size(), file.get()));
    if (!file || std::ferror(file.get()) != 0)
        return std::unexpected(std::error_code(errno, std::generic_category()));
    return data;
}

} // namespace

Parsed<Target> parse_target(std::string_view text) {
    if (text == "stdin") return Target{"stdin", DescriptorTarget{os::standard_input}};
    for (const auto& scheme : schemes) {
        if (text.starts_with(scheme.prefix)) return scheme.parse(text, text.substr(scheme.prefix.size()));
    }
    std::vector<std::string_view> names;
    for (const auto& scheme : schemes) names.push_back(scheme.prefix);
    const auto end = text.find("://");
    // An address alone, as other programs take it.
    if (const auto tcp = "tcp://" + std::string(text); end == text.npos && parse_target(tcp))
        return wrong(text, "did you mean " + tcp + " or listen://" + std::string(text) + '?');
    const auto head = end == text.npos ? text : text.substr(0, end + 3);
    return wrong(text,
                 "not tcp://HOST:PORT, listen://HOST:PORT, udp://HOST:PORT, unix://PATH, unix-listen://PATH, "
                 "pipe://FIFO, fd://N, stdin, timer://DURATION or alarm://DURATION"
                     + did_you_mean(head, names));
}

Parsed<std::string> parse_data(std::string_view text) {
    if (text.empty()) return wrong(text, "nothing to send");
    if (text.starts_with('@')) {
        const std::string path(text.substr(1));
        std::error_code ignored;
        if (std::filesystem::is_character_file(path, ignored))
            return wrong(text, "a device, whose data may have no end");
        auto data = read_file(path);
        if (!data) return wrong(text, "the file cannot be read: " + data.error().message());
        if (data->empty()) return wrong(text, "the file is empty");
        return *std::move(data);
    }
    std::string data;
    for (auto rest = text; !rest.empty();) {
        const auto [character, length] = unescape(rest);
        if (length == 0) return wrong(text, "not one of the escapes \\n, \\r, \\t, \\0, \\\\ and \\xHH");
        data += character;
        rest.remove_prefix(length);
    }
    return data;
}

bool has_connections(const Target& target) {
    return std::holds_alternative<TcpTarget>(target.kind) || std::holds_alternative<ListenTarget>(target.kind)
           || std::holds_alternative<UnixTarget>(target.kind)
           || std::holds_alternative<UnixListenTarget>(target.kind);
}

Parsed<mio::Interest> parse_interest(std::string_view text) {
    std::optional<mio::Interest> interest;
    for (const char letter : text) {
        const auto one = interest_of(letter);
        if (!one) return wrong(text, "not letters of rwp: r readable, w writable, p priority");
        interest = interest ? *interest | *one : *one;
    }
    if (!interest) return wrong(text, "not letters of rwp: r readable, w writable, p priority");
    return *interest;
}

Parsed<mio::Trigger> parse_trigger(std::string_view text) {
    const auto found = std::ranges::find(triggers, text, &std::pair<std::string_view, mio::Trigger>::first);
    if (found == std::end(triggers)) {
        return wrong(text, "not edge, level or oneshot" + did_you_mean(text, {"edge", "level", "oneshot"}));
    }
    return found->second;
}

} // namespace probe
