#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "walk.hpp"

namespace test {
namespace {

enum class Kind {
    unix_stream,
    unix_datagram,
    unix_packet,
    pipe_reader,
    pipe_writer,
    tcp,
    tcp_listener,
    udp,
    eventfd,
    timerfd
};

constexpr const char* name_of(Kind kind) {
    constexpr const char* names[] = {"unix-stream", "unix-datagram", "unix-packet",  "pipe-reader",
                                     "pipe-writer", "tcp",           "tcp-listener", "udp",
                                     "eventfd",     "timerfd"};
    return names[static_cast<std::size_t>(kind)];
}
// Their events may come a moment after the call that causes them.
constexpr bool is_asynchronous(Kind kind) {
    return kind == Kind::tcp || kind == Kind::tcp_listener || kind == Kind::udp || kind == Kind::timerfd;
}
// Linux files without an inode of their own: the poll backend cannot distinguish two of them with one number.
constexpr bool shares_its_inode(Kind kind) { return kind == Kind::eventfd || kind == Kind::timerfd; }
constexpr bool is_pipe(Kind kind) { return kind == Kind::pipe_reader || kind == Kind::pipe_writer; }

constexpr unsigned readable = 1, writable = 2, priority = 4, error = 8;
constexpr short read_levels = POLLIN | POLLRDHUP, all_levels = POLLIN | POLLOUT | POLLPRI | POLLRDHUP;

/// The events that one player has reported, and must still report, for one registration.
struct Watch {
    unsigned owed = 0;        // directions and errors that the next poll reports if their level holds
    unsigned now = 0;         // reported in this check
    bool is_fresh = true;     // not reported since `add`, `modify` or `renew`
    bool may_report = true;   // something happened since the last report
    bool is_disarmed = false; // a one-shot that was reported
    bool has_failed = false;  // an operation failed, or would have blocked, since the last report
    bool was_refused = false; // a second registration
    int repeats = 0;          // reports in a row without a cause
    int events = 0;           // in the last select
};

struct End {
    Kind kind = Kind::unix_stream;
    int fd = -1;        // also after it was closed while registered
    int connection = 0; // ends with the same number are peers
    bool is_open = false;
    bool is_connecting_kind = false; // a TCP socket that `connect` is for
    bool was_connected = false;
    bool is_registered = false;
    Token token{0};
    Interest interest = Interest::readable;
    Trigger trigger = Trigger::edge;
    std::vector<int> duplicates;
    const char* last_action = "";
    std::vector<Watch> watches{};

    [[nodiscard]] bool is_free() const { return !is_open && !is_registered && duplicates.empty(); }
};

/// A registration that ended while a duplicate of its closed descriptor was open: epoll continues to report it.
struct Leftover {
    std::size_t token;
    std::vector<int> duplicates;
};

struct Fail {
    std::string text;
};

unsigned bits_of(const mio::Event& event) {
    return (event.is_readable() ? readable : 0u) | (event.is_writable() ? writable : 0u)
           | (event.is_priority() ? priority : 0u) | (event.is_error() ? error : 0u);
}

std::string text_of_levels(short levels) {
    std::string text;
    for (const auto& [flag, name] : {std::pair(POLLIN, "IN"),
                                     {POLLPRI, "PRI"},
                                     {POLLOUT, "OUT"},
                                     {POLLERR, "ERR"},
                                     {POLLHUP, "HUP"},
                                     {POLLRDHUP, "RDHUP"},
                                     {POLLNVAL, "NVAL"}})
        if ((levels & flag) != 0) text += (text.empty() ? "" : "|") + std::string(name);
    return text.empty() ? "none" : text;
}

class World {
  public:
    World(Report& report, Defect defect, std::string* log) : report_(report), defect_(defect), log_(log) {
        std::signal(SIGPIPE, SIG_IGN);
        for (const auto make : players()) players_.push_back(make());
        for (std::size_t p = 0; p < players_.size(); ++p) {
            has_priority_ = has_priority_ && players_[p]->differences().has_priority;
            rooms_.push_back(players_[p]->events(max_events));
            for (std::size_t n = 1; n <= 3; ++n) small_rooms_.push_back(players_[p]->events(n));
        }
        ends_.resize(max_ends);
        for (auto& end : ends_) end.watches.resize(players_.size());
        wakers_.resize(players_.size());
        buffer_.resize(65536);
    }
    World(const World&) = delete;
    World& operator=(const World&) = delete;
    ~World() {
        for (std::size_t at = 0; at < ends_.size(); ++at) {
            auto& end = ends_[at];
            if (end.is_registered)
                for (auto& player : players_) player->forget(at, end.fd);
            if (end.is_open) close_reset(end.fd);
            for (const int fd : end.duplicates) close_reset(fd);
        }
        for (const auto& leftover : leftovers_)
            for (const int fd : leftover.duplicates) close_reset(fd);
    }

    void play(const Step& step) {
        ++report_.steps;
        act(step);
        // Several steps may pass before the next poll.
        const auto choice = step.amount >> 8;
        if (choice % 4 == 0) return log("\n");
        if (choice % 16 == 1) {
            small_room_ = choice / 16 % 3 + 1;
            log("; a capacity of %u first", small_room_);
        }
        check();
    }

  private:
    static constexpr std::size_t max_ends = max_slots;

    // Logging and failing.

    template <class... A> void log(const char* format, A... values) {
        if (log_ == nullptr) return;
        char text[256];
        if constexpr (sizeof...(A) == 0)
            std::snprintf(text, sizeof text, "%s", format);
        else
            std::snprintf(text, sizeof text, format, values...);
        *log_ += text;
    }
    std::string text_of(std::size_t at) const {
        const auto& end = ends_[at];
        std::string text = std::string(name_of(end.kind)) + " #" + std::to_string(at) + " (descriptor "
                           + std::to_string(end.fd) + (end.is_open ? "" : ", closed");
        if (end.is_registered)
            text += std::string(", ") + to_string(end.interest) + ", "
                    + (end.trigger == Trigger::edge    ? "edge"
                       : end.trigger == Trigger::level ? "level"
                                                       : "one-shot")
                    + ", token " + std::to_string(end.token.value);
        return text + ")";
    }
    [[noreturn]] void fail(std::size_t player, const std::string& what) const {
        throw Fail{std::string(players_[player]->name()) + ": " + what};
    }

    // Ends.

    std::optional<std::size_t> free_end() const {
        for (std::size_t at = 0; at < ends_.size(); ++at)
            if (ends_[at].is_free()) return at;
        return std::nullopt;
    }
    /// One of the ends that are wanted. The choice depends little on which others there are, so that it stays the same
    /// when other steps are left out.
    template <class F> std::optional<std::size_t> pick(std::uint32_t where, F&& wanted) const {
        std::optional<std::size_t> chosen;
        std::uint32_t least = 0;
        for (std::size_t at = 0; at < ends_.size(); ++at) {
            if (!wanted(ends_[at])) continue;
            auto rank = (where ^ static_cast<std::uint32_t>(at) * 0x9e3779b9u) * 0x85ebca6bu;
            rank = (rank ^ rank >> 15) * 0xc2b2ae35u;
            if (chosen && rank >= least) continue;
            chosen = at;
            least = rank;
        }
        return chosen;
    }
    std::optional<std::size_t> open(Kind kind, int fd, int connection) {
        const auto at = free_end();
        if (!at) {
            ::close(fd);
            return std::nullopt;
        }
        auto& end = ends_[*at];
        end.kind = kind;
        end.fd = fd;
        end.connection = connection;
        end.is_open = true;
        end.is_connecting_kind = end.was_connected = false;
        end.last_action = "open";
        return at;
    }
    /// Something happened to this end and its peers.
    void touch(std::size_t at, const char* action) {
        const int connection = ends_[at].connection;
        for (std::size_t other = 0; other < ends_.size(); ++other) {
            if (ends_[other].connection != connection) continue;
            ends_[other].last_action = action;
            for (auto& watch : ends_[other].watches) watch.may_report = true;
        }
    }
    static void close_reset(int fd) {
        const ::linger none{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
        ::close(fd);
    }
    static void non_blocking(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

    // Creating.

    ::sockaddr_in fresh_address() {
        // A fresh address each time, so that connections in TIME_WAIT do not use up the ports of one.
        ::sockaddr_in address{};
        address.sin_family = AF_INET;
        static std::uint32_t next = 0;
        address.sin_addr.s_addr = htonl(0x7f000000u | (0x010001u + next++ * 7 % 0xfe0000u));
        return address;
    }
    static ::sockaddr_in address_of(int fd) {
        ::sockaddr_in address{};
        ::socklen_t size = sizeof address;
        ::getsockname(fd, reinterpret_cast<::sockaddr*>(&address), &size);
        return address;
    }
    static int bound(int type, ::sockaddr_in address) {
        const int fd = ::socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        ::bind(fd, reinterpret_cast<::sockaddr*>(&address), sizeof address);
        return fd;
    }
    static int join(int fd, ::sockaddr_in address) {
        return ::connect(fd, reinterpret_cast<::sockaddr*>(&address), sizeof address);
    }

    void create(const Step& step) {
        const int connection = ++last_connection_;
        int pair[2];
        const auto open_pair = [&](Kind a, Kind b) {
            for (const int fd : pair) non_blocking(fd);
            const auto first = open(a, pair[0], connection), second = open(b, pair[1], connection);
            if (first) ends_[*first].was_connected = true;
            if (second) ends_[*second].was_connected = true;
            log("open %s: %d, %d", name_of(a), pair[0], pair[1]);
        };
        switch (step.how % 12) {
        case 0:
        case 1:
            ::socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
            return open_pair(Kind::unix_stream, Kind::unix_stream);
        case 2:
            ::socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
            return open_pair(Kind::unix_datagram, Kind::unix_datagram);
        case 3:
            ::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);
            return open_pair(Kind::unix_packet, Kind::unix_packet);
        case 4:
        case 5:
            if (::pipe(pair) != 0) return;
            return open_pair(Kind::pipe_reader, Kind::pipe_writer);
        case 6:
        case 7: {
            const int listener = bound(SOCK_STREAM, fresh_address());
            ::listen(listener, 4);
            pair[0] = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            if (join(pair[0], address_of(listener)) != 0) std::perror("connect");
            ::pollfd wait{.fd = listener, .events = POLLIN, .revents = 0};
            ::poll(&wait, 1, 5000);
            pair[1] = ::accept(listener, nullptr, nullptr);
            ::close(listener);
            const int on = 1;
            for (const int fd : pair) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            return open_pair(Kind::tcp, Kind::tcp);
        }
        case 8: {
            pair[0] = bound(SOCK_DGRAM, fresh_address());
            pair[1] = bound(SOCK_DGRAM, fresh_address());
            join(pair[0], address_of(pair[1]));
            join(pair[1], address_of(pair[0]));
            return open_pair(Kind::udp, Kind::udp);
        }
        case 9: {
            const int fd = bound(SOCK_STREAM, fresh_address());
            ::listen(fd, 4);
            log("open tcp-listener: %d", fd);
            static_cast<void>(open(Kind::tcp_listener, fd, connection));
            return;
        }
        case 10: {
            const int fd = ::eventfd(step.amount % 2, EFD_NONBLOCK | EFD_CLOEXEC);
            log("open eventfd: %d", fd);
            static_cast<void>(open(Kind::eventfd, fd, connection));
            return;
        }
        case 11: {
            const int fd = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
            log("open timerfd: %d", fd);
            static_cast<void>(open(Kind::timerfd, fd, connection));
            return;
        }
        }
    }

    void open_unconnected() {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        log("open unconnected tcp: %d", fd);
        const auto at = open(Kind::tcp, fd, ++last_connection_);
        if (at) ends_[*at].is_connecting_kind = true;
    }

    // Registering.

    Interest interest_of(std::uint32_t how) const {
        constexpr Interest choices[] = {Interest::readable, Interest::writable, read_write,
                                        read_write,         read_write,         Interest::readable};
        const auto chosen = choices[how % 6];
        return has_priority_ && how / 6 % 8 == 0 ? chosen | Interest::priority : chosen;
    }
    static Trigger trigger_of(std::uint32_t how) {
        constexpr Trigger choices[] = {Trigger::edge, Trigger::edge, Trigger::level, Trigger::oneshot};
        return choices[how / 48 % 4];
    }
    static unsigned directions_of(Interest interest) {
        return (interest.is_readable() ? readable : 0u) | (interest.is_writable() ? writable : 0u)
               | (interest.is_priority() ? priority : 0u);
    }
    void watch_anew(std::size_t at, std::size_t player) {
        auto& watch = ends_[at].watches[player];
        watch = Watch{};
        watch.owed = directions_of(ends_[at].interest) | error;
    }
    // Whether the player may refuse to register it.
    bool may_refuse(std::size_t player, const End& end) const {
        return players_[player]->differences().refuses_a_broken_pipe && end.kind == Kind::pipe_writer;
    }
    void add(std::size_t at, const Step& step) {
        auto& end = ends_[at];
        end.token = Token{++last_token_};
        end.interest = interest_of(step.how);
        end.trigger = trigger_of(step.how);
        end.is_registered = true;
        log("add %s", text_of(at).c_str());
        ++report_.registrations;
        end.last_action = "add";
        for (std::size_t p = 0; p < players_.size(); ++p) {
            watch_anew(at, p);
            const auto added = players_[p]->add(at, end.fd, end.token, end.interest, end.trigger);
            if (!added && !may_refuse(p, end))
                fail(p, "add fails: " + added.error().message() + ", " + text_of(at));
            if (!added) return refuse(at, p);
        }
    }
    // A registration that one player refused is removed from all.
    void refuse(std::size_t at, std::size_t player) {
        for (std::size_t p = 0; p < player; ++p) players_[p]->forget(at, ends_[at].fd);
        ends_[at].is_registered = false;
    }
    void modify(std::size_t at, const Step& step, bool renews) {
        auto& end = ends_[at];
        if (!end.is_open) return modify_closed(at, step);
        if (!renews) {
            if (defect_ != Defect::keeps_the_token) end.token = Token{++last_token_};
            end.interest = interest_of(step.how);
            end.trigger = trigger_of(step.how);
        }
        if (defect_ == Defect::keeps_the_token && !renews) end.token = Token{++last_token_};
        log("%s %s", renews ? "renew" : "modify", text_of(at).c_str());
        end.last_action = "modify";
        for (std::size_t p = 0; p < players_.size(); ++p) {
            if (defect_ == Defect::modifies_quietly && p == 0 && renews) {
                const auto before = end.watches[p];
                watch_anew(at, p);
                if (!before.is_disarmed) continue;
            }
            if (defect_ == Defect::keeps_the_token && p == 0 && !renews && step.amount % 8 == 0) continue;
            watch_anew(at, p);
            const auto done = renews ? players_[p]->renew(at, end.fd)
                                     : players_[p]->modify(at, end.fd, end.token, end.interest, end.trigger);
            if (!done && !may_refuse(p, end))
                fail(p, "modify fails: " + done.error().message() + ", " + text_of(at));
            if (!done) end_registration(at);
            if (!done) return;
        }
    }
    // The descriptor was closed while registered. Its number may belong to another file now.
    void modify_closed(std::size_t at, const Step& step) {
        auto& end = ends_[at];
        log("modify %s", text_of(at).c_str());
        for (std::size_t p = 0; p < players_.size(); ++p) {
            if (is_kqueue(p) || shares_its_inode(end.kind) || is_pipe(end.kind)) continue; // documented
            const auto done =
                players_[p]->modify(at, end.fd, end.token, interest_of(step.how), Trigger::edge);
            if (done) fail(p, "modify succeeds after the descriptor was closed: " + text_of(at));
        }
    }
    void remove(std::size_t at, bool forgets) {
        auto& end = ends_[at];
        log("%s %s", forgets ? "forget" : "remove", text_of(at).c_str());
        for (std::size_t p = 0; p < players_.size(); ++p) {
            if (forgets) {
                players_[p]->forget(at, end.fd);
            } else if (const auto removed = players_[p]->remove(at, end.fd); !removed && end.is_open) {
                fail(p, "remove fails: " + removed.error().message() + ", " + text_of(at));
            }
        }
        unregister(at);
    }
    void end_registration(std::size_t at) {
        for (auto& player : players_) player->forget(at, ends_[at].fd);
        unregister(at);
    }
    // Only the closing of the duplicates ends what the kernel reports for a closed descriptor.
    void unregister(std::size_t at) {
        auto& end = ends_[at];
        if (!end.is_open && !end.duplicates.empty())
            leftovers_.push_back({end.token.value, std::exchange(end.duplicates, {})});
        end.is_registered = false;
    }
    void add_second(std::size_t at) {
        auto& end = ends_[at];
        for (std::size_t p = 0; p < players_.size(); ++p) {
            if (!players_[p]->differences().refuses_a_second_source || shares_its_inode(end.kind)) continue;
            log("add %s a second time", text_of(at).c_str());
            const auto added = players_[p]->add_second(at, end.fd, Token{++last_token_});
            if (!added && may_refuse(p, end) && added.error() == std::errc::broken_pipe) continue;
            // The refusal may report a condition again: documented.
            if (is_kqueue(p)) end.watches[p].may_report = end.watches[p].was_refused = true;
            if (added
                || (added.error() != mio::Errc::already_registered
                    && added.error() != std::errc::file_exists))
                fail(p, "a second registration of a handle is not refused: " + text_of(at));
        }
    }

    // Operations.

    void note_blocked(std::size_t at, unsigned direction) {
        auto& end = ends_[at];
        if (!end.is_registered) return;
        const auto interest = direction == readable ? Interest::readable : Interest::writable;
        const bool holds = (levels_of(at) & (direction == readable ? POLLIN : POLLOUT)) != 0;
        for (std::size_t p = 0; p < players_.size(); ++p) {
            if (defect_ != Defect::does_not_watch_again || !players_[p]->differences().emulates_edges)
                players_[p]->blocked(at, end.fd, interest);
            // Some operations would block although the level holds, such as reading from a datagram socket that was shut
            // down.
            if (!holds) end.watches[p].owed |= direction & directions_of(end.interest);
            end.watches[p].has_failed = true;
        }
    }
    void note_failed(std::size_t at) {
        auto& end = ends_[at];
        if (!end.is_registered) return;
        for (std::size_t p = 0; p < players_.size(); ++p) {
            players_[p]->failed(at, end.fd);
            end.watches[p].has_failed = true;
            if ((levels_of(at) & POLLERR) == 0) end.watches[p].owed |= error;
        }
    }
    void note(std::size_t at, ::ssize_t result, unsigned direction) {
        if (result >= 0) return;
        if (errno == EAGAIN || errno == EINPROGRESS) return note_blocked(at, direction);
        note_failed(at);
    }
    ::ssize_t read_once(const End& end, std::size_t size) {
        if (end.kind == Kind::tcp_listener) {
            const int fd = ::accept4(end.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd >= 0) accepted_.push_back(fd);
            return fd < 0 ? -1 : 1;
        }
        if (end.kind == Kind::eventfd || end.kind == Kind::timerfd) size = 8;
        return ::read(end.fd, buffer_.data(), size);
    }
    void read(std::size_t at, const Step& step, bool until_blocked) {
        auto& end = ends_[at];
        constexpr std::size_t sizes[] = {1, 16, 300, 4096, 65536};
        const auto size = until_blocked ? std::size_t{65536} : sizes[step.how % 5];
        ::ssize_t last = 0, total = 0;
        int count = 0;
        do {
            last = read_once(end, size);
            if (last < 0) note(at, last, readable);
            if (last > 0) total += last;
        } while (until_blocked && last > 0 && ++count < 100000);
        log("read %s: %zd bytes, last result %zd (%s)", text_of(at).c_str(), total, last,
            last < 0 ? std::strerror(errno) : "");
        touch(at, "read");
        // Accepted connections become ends, and their peer is not known to the walk: they share its number.
        for (const int fd : accepted_) {
            if (const auto place = open(Kind::tcp, fd, end.connection)) ends_[*place].was_connected = true;
        }
        accepted_.clear();
    }
    void write(std::size_t at, const Step& step, bool until_blocked) {
        auto& end = ends_[at];
        if (end.kind == Kind::tcp_listener || end.kind == Kind::timerfd) return;
        constexpr std::size_t sizes[] = {1, 16, 300, 4096, 30000};
        auto size = sizes[step.how % 5];
        if (until_blocked && end.kind != Kind::eventfd) size = std::max<std::size_t>(size, 4096);
        if (end.kind == Kind::udp
            && until_blocked) { // its writer never blocks; errors alternate with new ones
            for (auto count = 2 + step.how % 2; count > 0; --count)
                note(at, ::write(end.fd, buffer_.data(), 1), writable);
            log("write %s two or three times", text_of(at).c_str());
            return touch(at, "write");
        }
        ::ssize_t last = 0, total = 0;
        do {
            if (end.kind == Kind::eventfd) {
                const std::uint64_t value = until_blocked ? ~std::uint64_t{0} - 1 : 1;
                last = ::write(end.fd, &value, sizeof value);
            } else {
                last = ::write(end.fd, buffer_.data(), size);
            }
            if (last < 0) note(at, last, writable);
            if (last > 0) total += last;
        } while (until_blocked && last > 0 && total < 16'000'000);
        log("write %s: %zd bytes, last result %zd (%s)", text_of(at).c_str(), total, last,
            last < 0 ? std::strerror(errno) : "");
        touch(at, "write");
    }
    void shut_down(std::size_t at, const Step& step) {
        constexpr int ways[] = {SHUT_RD, SHUT_WR, SHUT_WR, SHUT_RDWR};
        constexpr const char* names[] = {"shutdown-read", "shutdown-write", "shutdown-write",
                                         "shutdown-both"};
        const int result = ::shutdown(ends_[at].fd, ways[step.how % 4]);
        log("%s %s: %d", names[step.how % 4], text_of(at).c_str(), result);
        touch(at, names[step.how % 4]);
    }
    void close(std::size_t at, const Step& step) {
        auto& end = ends_[at];
        const bool resets = step.how % 3 == 0, stays_registered = step.how / 3 % 4 == 0 && end.is_registered;
        if (end.is_registered && !stays_registered) {
            log("forget and ");
            remove(at, true);
            log("; ");
        }
        log("%s %s", resets ? "reset" : "close", text_of(at).c_str());
        touch(at, resets ? "reset" : "close");
        end.is_open = false;
        if (resets)
            close_reset(end.fd);
        else
            ::close(end.fd);
        if (!end.is_registered && !end.duplicates.empty())
            leftovers_.push_back({0, std::exchange(end.duplicates, {})});
    }
    void duplicate(std::size_t at) {
        auto& end = ends_[at];
        if (end.duplicates.size() >= 2) return;
        const int fd = ::fcntl(end.fd, F_DUPFD_CLOEXEC, 3);
        end.duplicates.push_back(fd);
        log("duplicate %s: %d", text_of(at).c_str(), fd);
    }
    void close_duplicate(const Step& step) {
        if (const auto at = pick(step.where, [](const End& end) { return !end.duplicates.empty(); })) {
            log("close a duplicate of %s", text_of(*at).c_str());
            touch(*at, "close");
            ::close(ends_[*at].duplicates.back());
            ends_[*at].duplicates.pop_back();
        } else if (!leftovers_.empty()) {
            auto& leftover = leftovers_[step.where % leftovers_.size()];
            log("close duplicate %d", leftover.duplicates.back());
            touch_all("close");
            ::close(leftover.duplicates.back());
            leftover.duplicates.pop_back();
            if (leftover.duplicates.empty())
                leftovers_.erase(leftovers_.begin() + (&leftover - leftovers_.data()));
        }
    }
    void touch_all(const char* action) {
        for (std::size_t at = 0; at < ends_.size(); ++at)
            if (ends_[at].is_open) touch(at, action);
    }
    void connect(const Step& step) {
        const auto at =
            pick(step.where, [](const End& end) { return end.is_open && end.is_connecting_kind; });
        if (!at) return open_unconnected();
        auto& end = ends_[*at];
        const auto to = pick(
            step.amount, [](const End& other) { return other.is_open && other.kind == Kind::tcp_listener; });
        ::sockaddr_in address;
        if (to && step.how % 4 != 0) {
            address = address_of(ends_[*to].fd);
            end.connection = ends_[*to].connection;
        } else { // a port at which nothing listens
            const int fd = bound(SOCK_STREAM, fresh_address());
            address = address_of(fd);
            ::close(fd);
        }
        const int result = join(end.fd, address);
        const bool has_begun = result != 0 && errno == EINPROGRESS;
        log("connect %s: %d (%s)", text_of(*at).c_str(), result, result == 0 ? "" : std::strerror(errno));
        end.was_connected = true;
        touch(*at, "connect");
        if (!end.is_registered) return;
        // As `report_again` of the library: an unconnected socket has reported a hang-up.
        for (std::size_t p = 0; p < players_.size(); ++p) {
            players_[p]->failed(*at, end.fd);
            end.watches[p].has_failed = true;
            players_[p]->blocked(*at, end.fd, read_write);
            if (has_begun) end.watches[p].owed |= writable & directions_of(end.interest);
        }
    }
    void take_error(std::size_t at) {
        int code = 0;
        ::socklen_t size = sizeof code;
        if (::getsockopt(ends_[at].fd, SOL_SOCKET, SO_ERROR, &code, &size) != 0) return;
        log("take error of %s: %s", text_of(at).c_str(), code == 0 ? "none" : std::strerror(code));
        touch(at, "take-error");
        if (code != 0) note_failed(at);
    }
    void urgent(std::size_t at, bool sends) {
        auto& end = ends_[at];
        char byte = 'u';
        const auto result =
            sends ? ::send(end.fd, &byte, 1, MSG_OOB | MSG_NOSIGNAL) : ::recv(end.fd, &byte, 1, MSG_OOB);
        log("%s %s: %zd", sends ? "send urgent" : "receive urgent", text_of(at).c_str(), result);
        if (result < 0 && errno != EINVAL) note(at, result, sends ? writable : readable);
        touch(at, "urgent");
    }
    void set_timer(std::size_t at, const Step& step) {
        ::itimerspec when{};
        when.it_value.tv_nsec = step.how % 3; // 0 disarms
        ::timerfd_settime(ends_[at].fd, 0, &when, nullptr);
        log("set %s to %ld ns", text_of(at).c_str(), when.it_value.tv_nsec);
        touch(at, "set-timer");
        if (!ends_[at].is_registered) return;
        // Setting a timer cancels an expiration; a read then would block.
        if ((levels_of(at) & POLLIN) == 0) note_blocked(at, readable);
    }
    void wake(const Step& step) {
        const auto waker = step.where % max_wakers;
        for (std::size_t p = 0; p < players_.size(); ++p) {
            auto& state = wakers_[p][waker];
            if (state.token == 0 || step.how % 16 == 0) {
                if (state.token != 0) players_[p]->drop_waker(waker);
                state = {.token = ++last_token_, .is_woken = false};
                if (const auto made = players_[p]->make_waker(waker, Token{state.token}); !made)
                    fail(p, "creating a waker fails: " + made.error().message());
                continue;
            }
            state.is_woken = true;
            if (defect_ == Defect::ignores_a_wake && p == 0 && step.amount % 64 == 0) continue;
            if (const auto woken = players_[p]->wake(waker); !woken)
                fail(p, "wake fails: " + woken.error().message());
        }
        log("wake or make waker %u", static_cast<unsigned>(waker));
    }
    // Without events, a select lasts at least as long as its timeout.
    void wait_idle() {
        for (std::size_t p = 0; p < players_.size(); ++p) {
            constexpr std::chrono::microseconds time{100};
            const auto begin = std::chrono::steady_clock::now();
            select(p, rooms_[p], time);
            if (rooms_[p].empty() && std::chrono::steady_clock::now() - begin < time)
                fail(p, "select ends before its timeout, without events");
        }
        log("wait");
    }

    void act(const Step& step) {
        const auto open_end = [](const End& end) { return end.is_open; };
        const auto registered = [](const End& end) { return end.is_registered; };
        const auto is_socket = [](const End& end) {
            return end.is_open && end.kind != Kind::eventfd && end.kind != Kind::timerfd
                   && !is_pipe(end.kind);
        };
        const auto with = [&](auto&& wanted, auto&& then) {
            if (const auto at = pick(step.where, wanted)) then(*at);
        };
        const auto action = step.action % 100;
        if (action < 10) return create(step);
        if (action < 22)
            return with([](const End& end) { return end.is_open && !end.is_registered; },
                        [&](std::size_t at) { add(at, step); });
        if (action < 27) return with(registered, [&](std::size_t at) { modify(at, step, false); });
        if (action < 31)
            return with([](const End& end) { return end.is_registered && end.is_open; },
                        [&](std::size_t at) { modify(at, step, true); });
        if (action < 35) return with(registered, [&](std::size_t at) { remove(at, step.how % 2 == 0); });
        if (action < 37)
            return with([](const End& end) { return end.is_registered && end.is_open; },
                        [&](std::size_t at) { add_second(at); });
        if (action < 45) return with(open_end, [&](std::size_t at) { read(at, step, false); });
        if (action < 54) return with(open_end, [&](std::size_t at) { read(at, step, true); });
        if (action < 66) return with(open_end, [&](std::size_t at) { write(at, step, false); });
        if (action < 68) return with(open_end, [&](std::size_t at) { write(at, step, true); });
        if (action < 72) return with(is_socket, [&](std::size_t at) { shut_down(at, step); });
        if (action < 79) return with(open_end, [&](std::size_t at) { close(at, step); });
        if (action < 81) return with(open_end, [&](std::size_t at) { duplicate(at); });
        if (action < 83) return close_duplicate(step);
        if (action < 87) return connect(step);
        if (action < 89) return with(is_socket, [&](std::size_t at) { take_error(at); });
        if (action < 91)
            return with([](const End& end) { return end.is_open && end.kind == Kind::tcp; },
                        [&](std::size_t at) { urgent(at, step.how % 2 == 0); });
        if (action < 94)
            return with([](const End& end) { return end.is_open && end.kind == Kind::timerfd; },
                        [&](std::size_t at) { set_timer(at, step); });
        if (action < 98) return wake(step);
        if (step.how % 16 == 0) wait_idle();
    }

    // The oracle.

    short levels_of(std::size_t at) const {
        ::pollfd record{.fd = ends_[at].fd, .events = all_levels, .revents = 0};
        ::poll(&record, 1, 0);
        return record.revents;
    }
    void sample(std::array<short, max_ends>& levels) {
        std::array<::pollfd, max_ends> records;
        for (std::size_t at = 0; at < ends_.size(); ++at) {
            const auto& end = ends_[at];
            records[at] = {
                .fd = end.is_open && end.is_registered ? end.fd : -1, .events = all_levels, .revents = 0};
        }
        ::poll(records.data(), records.size(), 0);
        for (std::size_t at = 0; at < ends_.size(); ++at) levels[at] = records[at].revents;
    }
    // Level in each direction that is watched, and whether there is an error.
    static unsigned level_bits(const End& end, short levels) {
        constexpr short ends = POLLHUP | POLLERR;
        unsigned bits = 0;
        if (end.interest.is_readable() && (levels & (read_levels | ends)) != 0) bits |= readable;
        if (end.interest.is_writable() && (levels & (POLLOUT | ends)) != 0) bits |= writable;
        if (end.interest.is_priority() && (levels & POLLPRI) != 0) bits |= priority;
        if ((levels & POLLERR) != 0) bits |= error;
        return bits;
    }
    // The predicates of a record with all conditions that hold, on epoll and poll: see docs/backends.md.
    Readiness expected(std::size_t player, const End& end, short levels) const {
        short wanted = POLLHUP | POLLERR;
        if (end.interest.is_readable()) wanted |= read_levels;
        if (end.interest.is_writable()) wanted |= POLLOUT;
        if (end.interest.is_priority()) wanted |= POLLPRI;
        const short flags = levels & wanted;
        const bool masks = players_[player]->differences().masks_hang_ups;
        const bool reads = !masks || end.interest.is_readable() || end.interest.is_priority();
        const bool writes = !masks || end.interest.is_writable();
        constexpr short ends = POLLHUP | POLLERR;
        auto result = Readiness::none;
        if ((flags & (read_levels | POLLPRI)) != 0 || (reads && (flags & ends) != 0))
            result |= Readiness::readable;
        if ((flags & POLLOUT) != 0 || (writes && (flags & ends) != 0)) result |= Readiness::writable;
        if ((flags & POLLPRI) != 0) result |= Readiness::priority;
        if ((flags & POLLERR) != 0) result |= Readiness::error;
        if ((flags & (POLLHUP | POLLRDHUP)) != 0) result |= Readiness::read_closed;
        if ((flags & POLLHUP) != 0 || (flags & (POLLOUT | POLLERR)) == (POLLOUT | POLLERR)
            || flags == POLLERR)
            result |= Readiness::write_closed;
        return result;
    }
    bool is_kqueue(std::size_t player) const {
        return !players_[player]->differences().has_one_event_for_both_directions;
    }
    // Directions that the kqueue double does not report although poll(2) does: see its README.
    unsigned hidden_from(std::size_t player, const End& end, short levels) const {
        if (!is_kqueue(player)) return 0;
        // Not connected, also after an attempt that failed.
        if (end.kind == Kind::tcp && (!end.was_connected || levels == (POLLOUT | POLLHUP)))
            return readable | writable | error;
        if (end.kind == Kind::pipe_reader) return writable | error;
        // A pipe that lost its reader is reported once, also as a level.
        if (end.kind == Kind::pipe_writer)
            return readable | error | ((levels & POLLERR) != 0 ? writable : 0u);
        if (end.kind == Kind::tcp_listener)
            return writable | error | ((levels & POLLHUP) != 0 ? readable : 0u); // it was shut down
        unsigned hidden = error;
        if ((levels & (POLLERR | POLLHUP)) != 0 && (levels & POLLIN) == 0) hidden |= readable;
        return hidden;
    }

    void select(std::size_t p, mio::Events& events, std::chrono::nanoseconds timeout) {
        std::array<short, max_ends> before, after;
        sample(before);
        if (const auto selected = players_[p]->select(events, timeout); !selected)
            fail(p, "select fails: " + selected.error().message());
        sample(after);
        for (auto& end : ends_) end.watches[p].events = 0;
        for (const auto& event : events) take(p, event, before, after);
    }

    void take(std::size_t p, const mio::Event& event, const std::array<short, max_ends>& before,
              const std::array<short, max_ends>& after) {
        ++report_.events;
        for (auto& waker : wakers_[p]) {
            if (waker.token != event.token().value || waker.token == 0) continue;
            if (!waker.is_woken) fail(p, "a waker that was not woken is reported");
            if (event.readiness() != Readiness::readable)
                fail(p, "a waker is reported as " + to_string(event));
            waker.is_woken = false;
            return;
        }
        for (std::size_t at = 0; at < ends_.size(); ++at) {
            if (ends_[at].is_registered && ends_[at].token == event.token())
                return take(p, at, event, before[at], after[at]);
        }
        if (std::ranges::any_of(leftovers_,
                                [&](const Leftover& left) { return left.token == event.token().value; })) {
            if (players_[p]->name().starts_with("epoll")) return;
            fail(p, "a removed registration is reported while a duplicate is open: " + to_string(event));
        }
        fail(p, "an event has a token that no registration has: " + to_string(event) + ", "
                    + players_[p]->describe(event));
    }

    void take(std::size_t p, std::size_t at, const mio::Event& event, short before, short after) {
        auto& end = ends_[at];
        auto& watch = end.watches[p];
        const auto details = [&] {
            return to_string(event) + ", " + players_[p]->describe(event) + ", levels "
                   + text_of_levels(before) + " (then " + text_of_levels(after) + "), " + text_of(at)
                   + ", last action: " + end.last_action;
        };
        log("\n    %s: %s", std::string(players_[p]->name()).c_str(),
            log_ == nullptr ? "" : details().c_str());
        if (!end.is_open) return take_closed(p, at, event);
        ++watch.events;
        const auto bits = bits_of(event);
        watch.now |= bits;
        if (players_[p]->differences().has_one_event_for_both_directions && watch.events > 1)
            fail(p, "two events of one source: " + details());
        if (is_kqueue(p)) {
            const auto possible = level_bits(end, before) | level_bits(end, after) | error;
            const bool is_error = event.is_error() && end.trigger == Trigger::oneshot; // both directions
            if ((bits & ~possible) != 0 && !is_error)
                fail(p, "a direction is reported whose level does not hold: " + details());
        } else {
            const auto first = expected(p, end, before), last = expected(p, end, after);
            if (event.readiness() == Readiness::none) fail(p, "an event without predicates: " + details());
            // Predicates of combinations of flags may come from a mixture of both samples.
            const bool is_steady = first == last || !is_asynchronous(end.kind);
            if (const auto possible = first | last;
                is_steady && (event.readiness() | possible) != possible && !may_mix(event, before, after))
                fail(p, "a predicate is reported that does not hold: " + details());
            // A direction that is owed is watched for all that concerns it.
            if ((bits & watch.owed & readable) != 0 && is_steady
                && (first & Readiness::read_closed) != (event.readiness() & Readiness::read_closed))
                fail(p, "read_closed differs from the levels: " + details());
            if ((end.trigger != Trigger::edge || watch.is_fresh) && is_steady && event.readiness() != first)
                fail(p, "the predicates differ from the levels: " + details());
        }
        switch (end.trigger) {
        case Trigger::level: break;
        case Trigger::oneshot:
            if (watch.is_disarmed) fail(p, "a one-shot is reported twice: " + details());
            watch.is_disarmed = true;
            break;
        case Trigger::edge: {
            const bool is_owed = watch.is_fresh || (bits & watch.owed) != 0;
            if (!is_owed && !watch.may_report && watch.events == 1) {
                if (++watch.repeats > (is_asynchronous(end.kind) ? 8 : 0))
                    fail(p, "an edge is repeated though nothing happened: " + details());
            } else {
                watch.repeats = 0;
            }
            if (!is_owed && !watch.was_refused)
                count_optional(p, end, bits & (directions_of(end.interest) | error));
            watch.owed &= ~bits;
            break;
        }
        }
        watch.is_fresh = false;
        // A kqueue reports each direction by itself.
        if (!is_kqueue(p) || watch.events > 1) watch.may_report = watch.has_failed = false;
    }
    // An edge of poll has only the flags that it still polls for, so that "an error and nothing else" can be true of it.
    static bool may_mix(const mio::Event& event, short before, short after) {
        return event.is_write_closed() && ((before | after) & POLLERR) != 0;
    }

    void take_closed(std::size_t p, std::size_t at, const mio::Event& event) {
        const auto& end = ends_[at];
        const auto name = players_[p]->name();
        if (name.starts_with("epoll") && !end.duplicates.empty()) return;
        const bool is_reused =
            std::ranges::any_of(ends_, [&](const End& other) { return other.is_open && other.fd == end.fd; });
        const bool is_any_open = is_reused || ::fcntl(end.fd, F_GETFD) != -1;
        if (name.starts_with("poll") && is_any_open) return;
        fail(p, "a closed descriptor is reported: " + to_string(event) + ", " + text_of(at));
    }

    void count_optional(std::size_t p, const End& end, unsigned bits) {
        constexpr const char* names[] = {"readable", "writable", "priority", "error"};
        for (unsigned bit = 0; bit < 4; ++bit) {
            if ((bits >> bit & 1) == 0) continue;
            auto& counts = report_.optional_edges[{.kind = name_of(end.kind),
                                                   .action = end.last_action,
                                                   .predicate = names[bit],
                                                   .after_failure = end.watches[p].has_failed}];
            counts.resize(players_.size());
            ++counts[p];
        }
    }

    // The events that this player must still report.
    std::string missing(std::size_t p, const std::array<short, max_ends>& before,
                        const std::array<short, max_ends>& after) {
        for (const auto& waker : wakers_[p])
            if (waker.is_woken) return "a wake-up is not reported";
        for (std::size_t at = 0; at < ends_.size(); ++at) {
            const auto& end = ends_[at];
            if (!end.is_registered || !end.is_open) continue;
            const auto& watch = end.watches[p];
            auto holds = level_bits(end, before[at]) & level_bits(end, after[at]);
            holds &= ~hidden_from(p, end, before[at]);
            if (!players_[p]->differences().reports_lasting_errors) holds &= ~error;
            // An error alone is no condition of an edge in a direction that is not watched.
            unsigned owed = 0;
            if (end.trigger == Trigger::edge) owed = watch.owed & holds;
            if (end.trigger == Trigger::level) owed = holds & ~watch.now;
            if (end.trigger == Trigger::oneshot) owed = watch.is_disarmed || watch.now != 0 ? 0 : holds;
            if (owed != 0)
                return "a condition is not reported ("
                       + std::string((owed & readable) != 0 ? " readable" : "")
                       + ((owed & writable) != 0 ? " writable" : "")
                       + ((owed & priority) != 0 ? " priority" : "") + ((owed & error) != 0 ? " error" : "")
                       + " ): levels " + text_of_levels(before[at]) + ", " + text_of(at)
                       + ", last action: " + end.last_action;
        }
        return "";
    }

    void check() {
        const auto small = std::exchange(small_room_, 0u);
        std::array<short, max_ends> before, after;
        for (std::size_t p = 0; p < players_.size(); ++p) {
            for (auto& end : ends_) end.watches[p].now = 0;
            sample(before);
            if (small != 0) select(p, small_rooms_[p * 3 + small - 1], std::chrono::nanoseconds(0));
            select_with_defect(p);
            sample(after);
            auto lacks = missing(p, before, after);
            // The network may take a moment.
            for (int attempt = 0; !lacks.empty() && attempt < 4; ++attempt) {
                ::poll(nullptr, 0, attempt * 10);
                sample(before);
                select(p, rooms_[p], std::chrono::nanoseconds(0));
                sample(after);
                lacks = missing(p, before, after);
            }
            if (!lacks.empty()) fail(p, lacks);
        }
        log("\n");
    }

    void select_with_defect(std::size_t p) {
        if (defect_ != Defect::none && p == 0) apply_defect();
        select(p, rooms_[p], std::chrono::nanoseconds(0));
    }
    // Defects of the first player that change what it reports.
    void apply_defect() {
        auto& player = *players_[0];
        const auto any_ready = [&](auto&& wanted) {
            return pick(0, [&](const End& end) { return end.is_open && end.is_registered && wanted(end); });
        };
        switch (defect_) {
        case Defect::loses_an_event: // every 50th select's events are dropped
            if (report_.steps % 50 == 0)
                static_cast<void>(player.select(rooms_[0], std::chrono::nanoseconds(0)));
            break;
        case Defect::repeats_an_edge:
            if (const auto at = any_ready([](const End& end) {
                    return end.trigger == Trigger::edge && !end.watches[0].is_fresh
                           && !end.watches[0].may_report;
                });
                at && report_.steps % 50 == 0)
                static_cast<void>(player.renew(*at, ends_[*at].fd));
            break;
        case Defect::repeats_a_oneshot:
            if (const auto at = any_ready([](const End& end) { return end.watches[0].is_disarmed; });
                at && report_.steps % 50 == 0)
                static_cast<void>(player.renew(*at, ends_[*at].fd));
            break;
        default: break;
        }
    }

    struct WakerState {
        std::size_t token = 0;
        bool is_woken = false;
    };

    Report& report_;
    const Defect defect_;
    std::string* const log_;
    std::vector<std::unique_ptr<Player>> players_;
    std::vector<mio::Events> rooms_, small_rooms_;
    std::vector<End> ends_;
    std::vector<Leftover> leftovers_;
    std::vector<std::array<WakerState, max_wakers>> wakers_;
    std::vector<char> buffer_;
    std::vector<int> accepted_;
    bool has_priority_ = true; // in all backends
    std::size_t last_token_ = 0;
    int last_connection_ = 0;
    unsigned small_room_ = 0;
};

} // namespace

std::optional<Failure> play(const std::vector<Step>& steps, Report& report, Defect defect, std::string* log) {
    World world(report, defect, log);
    for (std::size_t at = 0; at < steps.size(); ++at) {
        try {
            world.play(steps[at]);
        } catch (const Fail& failure) {
            return Failure{at, failure.text};
        }
    }
    return std::nullopt;
}

std::vector<std::string> unexplained(const Report& report) {
    constexpr std::uint64_t enough = 30; // reports by one backend, to expect one by the others
    std::vector<std::string> keys;
    std::vector<Differences> differences;
    for (const auto make : players()) differences.push_back(make()->differences());
    for (const auto& [key, counts] : report.optional_edges) {
        const auto explains = [&](std::size_t reporting, std::size_t silent) {
            // An emulated edge has only the directions that are watched again: those in which an operation would have
            // blocked. After a failed operation, it reports a hang-up or an error that lasts once more.
            if (differences[silent].emulates_edges != differences[reporting].emulates_edges
                && (key.after_failure || differences[silent].emulates_edges))
                return true;
            // A kqueue reports each direction by itself, and nothing beside it.
            return differences[silent].has_one_event_for_both_directions
                   != differences[reporting].has_one_event_for_both_directions;
        };
        for (std::size_t a = 0; a < counts.size(); ++a) {
            for (std::size_t b = 0; b < counts.size(); ++b) {
                if (counts[a] < enough || counts[b] != 0 || explains(a, b)) continue;
                keys.push_back(key.kind + ", " + key.action + (key.after_failure ? ", after a failure" : "")
                               + ": " + key.predicate + " is reported " + std::to_string(counts[a])
                               + " times by " + std::string(players()[a]()->name()) + ", and never by "
                               + std::string(players()[b]()->name()));
            }
        }
    }
    return keys;
}

std::vector<Step> steps_of(std::uint64_t seed, std::size_t count) {
    std::mt19937_64 random(seed);
    std::vector<Step> steps(count);
    for (auto& step : steps) {
        const auto a = random(), b = random();
        step = {static_cast<std::uint32_t>(a), static_cast<std::uint32_t>(a >> 32),
                static_cast<std::uint32_t>(b), static_cast<std::uint32_t>(b >> 32)};
    }
    return steps;
}

std::vector<Step> shrink(std::vector<Step> steps, Defect defect) {
    for (auto size = steps.size() / 2; size != 0;) {
        bool is_smaller = false;
        for (std::size_t at = 0; at < steps.size();) {
            const auto end = std::min(at + size, steps.size());
            auto fewer = steps;
            fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(at),
                        fewer.begin() + static_cast<std::ptrdiff_t>(end));
            Report ignored;
            if (const auto failure = play(fewer, ignored, defect)) {
                fewer.resize(failure->step + 1);
                steps = std::move(fewer);
                is_smaller = true;
            } else {
                at = end;
            }
        }
        if (!is_smaller || size > steps.size()) size /= 2;
    }
    return steps;
}

} // namespace test
