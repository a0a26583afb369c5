#include "trace.hpp"

namespace probe {

namespace {

using mio::net::IpAddress;
using mio::net::SocketAddress;

// By inode.
using Sockets = std::map<std::uint64_t, std::string>;

std::vector<std::string> words_of(std::string_view line) {
    std::vector<std::string> words;
    for (const auto word : std::views::split(line, ' ')) {
        if (!word.empty()) words.emplace_back(word.begin(), word.end());
    }
    return words;
}

std::uint64_t number_of(std::string_view text, int base = 10) {
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value, base);
    return value;
}

// "0100007F:1F90": words in the byte order of the machine, and a port.
std::string address_of(std::string_view text) {
    const auto colon = text.find(':');
    if (colon == text.npos) return {};
    const auto host = text.substr(0, colon);
    std::array<std::uint8_t, 16> bytes{};
    for (std::size_t i = 0; i + 8 <= host.size() && i / 2 < bytes.size(); i += 8) {
        const auto word = static_cast<std::uint32_t>(number_of(host.substr(i, 8), 16));
        std::memcpy(bytes.data() + i / 2, &word, sizeof word);
    }
    const auto port = static_cast<std::uint16_t>(number_of(text.substr(colon + 1), 16));
    const auto address =
        host.size() <= 8 ? IpAddress::v4(bytes[0], bytes[1], bytes[2], bytes[3]) : IpAddress::v6(bytes);
    return SocketAddress(address, port).to_string();
}

// @see the kernel's include/net/tcp_states.h
std::string_view state_of(std::uint64_t number) {
    constexpr std::string_view names[] = {"",          "established", "connecting", "connecting",  "closing",
                                          "closing",   "time-wait",   "closed",     "peer closed", "closing",
                                          "listening", "closing"};
    return number < std::size(names) ? names[number] : "";
}

// @see proc_pid_net(5)
void add_ip_sockets(Sockets& sockets, const std::string& path, const std::string& name, bool has_states) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line); // the heads
    while (std::getline(file, line)) {
        const auto words = words_of(line);
        if (words.size() < 10) continue;
        const auto state = number_of(words[3], 16);
        auto text = name + ' ' + address_of(words[1]);
        if (number_of(words[2].substr(words[2].find(':') + 1), 16) != 0)
            text += " to " + address_of(words[2]);
        if (has_states) text += ", " + std::string(state_of(state));
        sockets[number_of(words[9])] = std::move(text);
    }
}

void add_unix_sockets(Sockets& sockets, const std::string& path) {
    constexpr std::uint64_t accepts = 0x10000; // the flag __SO_ACCEPTCON
    std::ifstream file(path);
    std::string line;
    std::getline(file, line); // the heads
    while (std::getline(file, line)) {
        const auto words = words_of(line);
        if (words.size() < 7) continue;
        const auto type = number_of(words[4], 16);
        std::string text = type == 1 ? "Unix stream" : type == 2 ? "Unix datagrams" : "Unix packets";
        if (words.size() > 7) text += ' ' + words[7];
        if ((number_of(words[3], 16) & accepts) != 0) text += ", listening";
        sockets[number_of(words[6])] = std::move(text);
    }
}

Sockets sockets_of(const std::string& process) {
    Sockets sockets;
    add_ip_sockets(sockets, process + "/net/tcp", "TCP", true);
    add_ip_sockets(sockets, process + "/net/tcp6", "TCP", true);
    add_ip_sockets(sockets, process + "/net/udp", "UDP", false);
    add_ip_sockets(sockets, process + "/net/udp6", "UDP", false);
    add_unix_sockets(sockets, process + "/net/unix");
    return sockets;
}

std::string target_of(const std::string& process, int descriptor) {
    std::error_code error;
    const auto path = std::filesystem::read_symlink(process + "/fd/" + std::to_string(descriptor), error);
    return error ? "" : path.string();
}

std::string describe(const std::string& target, const Sockets& sockets) {
    // Closed in this process: a duplicate elsewhere keeps the registration.
    if (target.empty()) return "a closed descriptor, whose duplicate is open elsewhere";
    constexpr std::string_view socket = "socket:[";
    constexpr std::string_view anonymous = "anon_inode:";
    if (target.starts_with(socket)) {
        const auto found = sockets.find(number_of(std::string_view(target).substr(socket.size())));
        return found == sockets.end() ? "socket, not bound" : found->second;
    }
    if (target.starts_with(anonymous)) {
        auto name = target.substr(anonymous.size());
        std::erase_if(name, [](char c) { return c == '[' || c == ']'; });
        return name;
    }
    return target.starts_with("pipe:[") ? "pipe" : target;
}

// "tfd: 5 events: 19 data: 7 pos:0 ino:61 sdev:7"
// @see proc_pid_fdinfo(5)
std::optional<Registered> parse_registration(std::string_view line) {
    const auto words = words_of(line);
    if (words.size() < 6 || words[0] != "tfd:") return std::nullopt;
    Registered registered;
    registered.descriptor = static_cast<int>(number_of(words[1]));
    registered.flags = static_cast<std::uint32_t>(number_of(words[3], 16));
    registered.token = number_of(words[5], 16);
    return registered;
}

// An explanation of an error of opening a process's descriptors; empty if the error is clear.
std::string_view explanation_of(const std::error_code& error) {
    if (error == std::errc::permission_denied) return "a process of another user: ask as root";
    if (error != std::errc::no_such_file_or_directory) return "";
    std::error_code ignored;
    return std::filesystem::exists("/proc/self", ignored) ? "there is no such process"
                                                          : "/proc is not mounted";
}

} // namespace

TracedProcess read_process(std::uint64_t id) {
    const auto path = "/proc/" + std::to_string(id);
    TracedProcess process{.id = id, .name = "", .polls = {}};
    std::ifstream name(path + "/comm");
    std::getline(name, process.name);

    std::error_code error;
    std::filesystem::directory_iterator entries(path + "/fd", error);
    if (error) {
        throw Refused{
            "open " + path + "/fd", {error.value(), mio::os_category()}, std::string(explanation_of(error))};
    }
    const auto sockets = sockets_of(path);
    for (; entries != std::filesystem::directory_iterator(); entries.increment(error)) {
        const auto number = entries->path().filename().string();
        const auto descriptor = static_cast<int>(number_of(number));
        if (target_of(path, descriptor) != "anon_inode:[eventpoll]") continue;
        TracedPoll poll{.descriptor = descriptor, .sources = {}};
        std::ifstream file(path + "/fdinfo/" + number);
        for (std::string line; std::getline(file, line);) {
            auto registered = parse_registration(line);
            if (!registered) continue;
            registered->source = describe(target_of(path, registered->descriptor), sockets);
            poll.sources.push_back(std::move(*registered));
        }
        std::ranges::sort(poll.sources, {}, &Registered::descriptor);
        process.polls.push_back(std::move(poll));
    }
    std::ranges::sort(process.polls, {}, &TracedPoll::descriptor);
    return process;
}

} // namespace probe
