// http_hello [ADDRESS]: an HTTP/1.1 server that answers every request with a greeting. ADDRESS is
// 127.0.0.1:9000 by default; with port 0 the system chooses a port, and the first line of output contains it.
//
//     http_hello & curl -i http://127.0.0.1:9000/        wrk -c 100 http://127.0.0.1:9000/
//
// Adds a protocol to the event loop of tcp_echo, which explains the loop. Connections are persistent.
// Requests may be pipelined and may arrive in pieces of any size; malformed requests get an error response.
// Each connection has two fixed buffers: serving a request does not allocate, and the memory per client is
// bounded. It has no time limit for idle clients.

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <expected>
#include <iostream>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

import mio;

namespace net = mio::net;
using namespace std::chrono_literals;

namespace {

// The protocol, independent of sockets. See RFC 9112.

/// A parsed request head: the response to send, and the data that follows the head.
struct Request {
    std::string_view status = "200 OK";
    std::uint64_t body_size = 0; // bytes of the body that follow the head
    bool is_head = false;        // respond without a body
    bool is_http_1_0 = false;
    bool keep_alive = true; // the connection stays open
    bool expects_continue = false;
};

/// An invalid request. Its end is unknown, so the connection is closed after the response.
Request refused(std::string_view status) { return {.status = status, .keep_alive = false}; }

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The characters of methods and field names. Not std::isalnum: that depends on the locale.
constexpr bool is_token(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c)
               || std::string_view("!#$%&'*+-.^_`|~").contains(c);
    });
}

/// The characters of targets (without spaces and tabs) and field values (with them).
constexpr bool is_text(std::string_view text, bool spaces) {
    return std::ranges::all_of(text, [spaces](char c) {
        if (c == ' ' || c == '\t') return spaces;
        return static_cast<unsigned char>(c) > 0x20 && c != 0x7f;
    });
}

constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) {
    constexpr auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::ranges::equal(a, b, {}, lower, lower);
}

constexpr std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Removes and returns the text before `separator`, or all of it if there is none. Also removes the
/// separator.
constexpr std::string_view cut(std::string_view& text, std::string_view separator) {
    const auto piece = text.substr(0, text.find(separator));
    text.remove_prefix(std::min(text.size(), piece.size() + separator.size()));
    return piece;
}

/// Whether there is a line feed without a preceding carriage return.
constexpr bool has_bare_line_feed(std::string_view text) {
    for (auto feed = text.find('\n'); feed != std::string_view::npos; feed = text.find('\n', feed + 1)) {
        if (feed == 0 || text[feed - 1] != '\r') return true;
    }
    return false;
}

/// Parses a head: the request line and the header fields, each with its CRLF, without the final empty line.
Request parse(std::string_view head) {
    Request request;

    std::string_view line = cut(head, "\r\n");
    const auto method = cut(line, " ");
    const auto target = cut(line, " ");
    const auto version = line;
    if (!is_token(method) || target.empty() || !is_text(target, false)) return refused("400 Bad Request");
    if (!version.starts_with("HTTP/") || version.size() != 8 || !is_digit(version[5]) || version[6] != '.'
        || !is_digit(version[7]))
        return refused("400 Bad Request");
    if (version[5] != '1') return refused("505 HTTP Version Not Supported");
    request.is_http_1_0 = version[7] == '0';
    request.keep_alive = !request.is_http_1_0;

    int hosts = 0;
    std::optional<std::uint64_t> length;
    while (!head.empty()) {
        line = cut(head, "\r\n");
        const auto colon = line.find(':');
        const auto name = line.substr(0, colon);
        // Also rejects a space before the colon, and continuation lines. If a proxy and a server interpret
        // these differently, an attacker can smuggle requests.
        if (colon == std::string_view::npos || !is_token(name)) return refused("400 Bad Request");
        auto value = trimmed(line.substr(colon + 1));
        if (!is_text(value, true)) return refused("400 Bad Request");

        if (equal_ignoring_case(name, "Host")) {
            ++hosts;
        } else if (equal_ignoring_case(name, "Connection")) {
            while (!value.empty()) {
                const auto option = trimmed(cut(value, ","));
                if (equal_ignoring_case(option, "close")) request.keep_alive = false;
                if (equal_ignoring_case(option, "keep-alive") && request.is_http_1_0)
                    request.keep_alive = true;
            }
        } else if (equal_ignoring_case(name, "Content-Length")) {
            std::uint64_t size = 0;
            const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), size);
            if (error == std::errc::result_out_of_range) return refused("413 Content Too Large");
            if (error != std::errc{} || end != value.data() + value.size()) return refused("400 Bad Request");
            if (length && *length != size) return refused("400 Bad Request");
            length = size;
        } else if (equal_ignoring_case(name, "Transfer-Encoding")) {
            // A chunked body, which this server does not support.
            return refused("501 Not Implemented");
        } else if (equal_ignoring_case(name, "Expect")) {
            request.expects_continue = equal_ignoring_case(value, "100-continue");
        }
    }
    if (hosts > 1 || (hosts == 0 && !request.is_http_1_0)) return refused("400 Bad Request");

    request.body_size = length.value_or(0);
    request.is_head = method == "HEAD";
    if (method != "GET" && method != "HEAD") request.status = "405 Method Not Allowed";
    return request;
}

/// A FIFO buffer of fixed size for text.
template <std::size_t size> class Buffer {
  public:
    [[nodiscard]] std::string_view text() const { return {bytes_.data() + begin_, end_ - begin_}; }
    [[nodiscard]] bool empty() const { return begin_ == end_; }
    [[nodiscard]] bool full() const { return end_ - begin_ == size; }

    void consume(std::size_t count) { begin_ += count; }
    void clear() { begin_ = end_ = 0; }

    /// All free space, after moving the content to the front.
    [[nodiscard]] std::span<char> free_space() {
        if (begin_ != 0) {
            std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
            end_ -= std::exchange(begin_, 0);
        }
        return std::span(bytes_).subspan(end_);
    }
    void filled(std::size_t count) { end_ += count; }

    void append(std::string_view text) {
        std::ranges::copy(text, free_space().begin());
        filled(text.size());
    }

  private:
    std::array<char, size> bytes_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

constexpr std::size_t longest_head = 8 * 1024;
constexpr std::size_t max_response = 256; // "100 Continue" and the output of `respond`

using Input = Buffer<longest_head>;
using Output = Buffer<16 * max_response>;

void respond(Output& output, const Request& request, std::string_view date) {
    const bool ok = request.status.starts_with("200");
    const auto body = ok ? std::string_view("Hello, world!") : request.status;
    std::array<char, 20> digits;
    const auto digits_end = std::to_chars(digits.data(), digits.data() + digits.size(), body.size() + 1).ptr;

    output.append("HTTP/1.1 ");
    output.append(request.status);
    output.append("\r\nDate: ");
    output.append(date);
    output.append("\r\nContent-Type: text/plain\r\nContent-Length: ");
    output.append({digits.data(), digits_end});
    if (request.status.starts_with("405")) output.append("\r\nAllow: GET, HEAD");
    if (!request.keep_alive) output.append("\r\nConnection: close");
    if (request.keep_alive && request.is_http_1_0) output.append("\r\nConnection: keep-alive");
    output.append("\r\n\r\n");
    if (request.is_head) return;
    output.append(body);
    output.append("\n");
}

/// The protocol state of a connection. Consumes input and produces output, as far as there is room.
class Session {
  public:
    Input input;
    Output output;

    /// No further request is answered.
    [[nodiscard]] bool is_finished() const { return finished_; }

    void process(std::string_view date) {
        while (!finished_ && output.free_space().size() >= max_response) {
            if (!request_) {
                read_head();
                if (!request_) return; // incomplete
            }
            const auto skipped = std::min<std::uint64_t>(request_->body_size, input.text().size());
            input.consume(static_cast<std::size_t>(skipped));
            request_->body_size -= skipped;
            if (request_->body_size > 0) return;

            respond(output, *request_, date);
            finished_ = !request_->keep_alive;
            request_.reset();
        }
    }

  private:
    void read_head() {
        // Empty lines before a request are ignored.
        while (input.text().starts_with("\r\n")) input.consume(2);

        const auto text = input.text();
        const auto end = text.find("\r\n\r\n");
        if (has_bare_line_feed(text.substr(0, end))) {
            // Not HTTP: do not wait for an end that may never arrive. This is checked first, so that the
            // response does not depend on how the network splits the request.
            request_ = refused("400 Bad Request");
        } else if (end != std::string_view::npos) {
            request_ = parse(text.substr(0, end + 2));
            input.consume(end + 4);
            // The client sends the body only after this response.
            if (request_->expects_continue && request_->body_size > 0 && !request_->is_http_1_0) {
                output.append("HTTP/1.1 100 Continue\r\n\r\n");
            }
        } else if (input.full()) {
            request_ = refused("431 Request Header Fields Too Large");
        }
    }

    std::optional<Request> request_; // the head has been read, the body has not
    bool finished_ = false;
};

constexpr auto read_write = mio::Interest::readable | mio::Interest::writable;

/// A client: its stream and its protocol state.
class Connection {
  public:
    explicit Connection(net::TcpStream accepted) noexcept : stream(std::move(accepted)) {}

    enum class Next { wait, go_on, close };

    /// Sends responses, produces more from received data, and receives more, until an operation would block.
    /// It does not receive while responses are unsent: this is back-pressure.
    Next serve(std::string_view date) {
        for (int round = 0; round < max_rounds; ++round) {
            while (!session_.output.empty()) {
                const auto written = stream.write(std::as_bytes(std::span(session_.output.text())));
                if (written) {
                    session_.output.consume(*written);
                } else if (mio::would_block(written.error())) {
                    return Next::wait;
                } else if (!mio::interrupted(written.error())) {
                    return Next::close;
                }
            }

            session_.process(date);
            if (!session_.output.empty()) continue;

            if (session_.is_finished()) {
                // Closing with unread data would reset the connection, and the client could lose the last
                // response. Therefore shut down writing, and read until the client closes its side.
                if (!shut_down_ && !stream.shutdown(net::Shutdown::write)) return Next::close;
                shut_down_ = true;
                session_.input.clear();
                if (excess_ > max_excess) return Next::close; // limit reached
            }

            const auto read = stream.read(std::as_writable_bytes(session_.input.free_space()));
            if (read) {
                if (*read == 0) return Next::close;
                session_.input.filled(*read);
                if (shut_down_) excess_ += *read;
            } else if (mio::would_block(read.error())) {
                return Next::wait;
            } else if (!mio::interrupted(read.error())) {
                return Next::close;
            }
        }
        return Next::go_on;
    }

    net::TcpStream stream;

  private:
    static constexpr int max_rounds = 32;
    static constexpr std::size_t max_excess = 1024 * 1024;

    Session session_;
    bool shut_down_ = false;
    std::size_t excess_ = 0;
};

// The event loop is the one of tcp_echo, which explains it.

constexpr mio::Token listener_token{SIZE_MAX};
constexpr mio::Token stop_token{SIZE_MAX - 1};

class Server {
  public:
    Server(mio::Poll& poll, const net::TcpListener& listener) noexcept : poll_(poll), listener_(listener) {}

    mio::Result<> run() {
        mio::Events events(256);
        while (true) {
            const auto timeout = starved_ ? std::optional<std::chrono::nanoseconds>(100ms) : std::nullopt;
            if (const auto polled = poll_.poll(events, timeout); !polled) {
                if (mio::interrupted(polled.error())) continue;
                return polled;
            }

            update_date();
            bool clients_wait = starved_;
            for (const auto& event : events) {
                if (event.token() == stop_token) return {};
                if (event.token() == listener_token) {
                    clients_wait = true;
                } else {
                    serve(event.token());
                }
            }
            if (clients_wait) accept_all();
        }
    }

  private:
    // Once per second: formatting a date costs more than the rest of a response.
    void update_date() {
        const std::time_t now = std::time(nullptr);
        if (now == date_time_) return;
        date_time_ = now;
        date_size_ =
            std::strftime(date_.data(), date_.size(), "%a, %d %b %Y %H:%M:%S GMT", std::gmtime(&now));
    }

    void serve(mio::Token token) {
        if (token.value >= connections_.size() || !connections_[token.value]) return;

        auto& connection = *connections_[token.value];
        auto next = connection.serve({date_.data(), date_size_});
        if (next == Connection::Next::go_on) {
            if (poll_.registry().modify(connection.stream, token, read_write)) return;
            next = Connection::Next::close;
        }
        if (next == Connection::Next::close) {
            connections_[token.value].reset();
            free_.push_back(token.value);
        }
    }

    void accept_all() {
        while (true) {
            auto accepted = listener_.accept();
            if (accepted) {
                open(std::move(accepted->first));
                continue;
            }
            const auto error = accepted.error();
            if (mio::would_block(error)) break;
            if (mio::interrupted(error) || error == std::errc::connection_aborted) continue;
            if (!starved_) std::cerr << "http_hello: cannot accept for now: " << error.message() << '\n';
            starved_ = true;
            return;
        }
        starved_ = false;
    }

    void open(net::TcpStream stream) {
        if (free_.empty()) {
            free_.push_back(connections_.size());
            connections_.emplace_back();
        }
        const std::size_t index = free_.back();
        auto connection = std::make_unique<Connection>(std::move(stream));
        [[maybe_unused]] const auto hurried = connection->stream.set_nodelay(true);
        if (!poll_.registry().add(connection->stream, mio::Token{index}, read_write)) return;
        free_.pop_back();
        connections_[index] = std::move(connection);
    }

    mio::Poll& poll_;
    const net::TcpListener& listener_;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::vector<std::size_t> free_;
    bool starved_ = false;

    std::time_t date_time_ = -1;
    std::array<char, 40> date_;
    std::size_t date_size_ = 0;
};

const mio::Waker* stop_waker = nullptr;

extern "C" void on_signal(int) {
    const int before = errno;
    [[maybe_unused]] const auto woken = stop_waker->wake();
    errno = before;
}

int fail(std::string_view what, const std::error_code& error) {
    std::cerr << "http_hello: " << what << ": " << error.message() << '\n';
    return EXIT_FAILURE;
}

} // namespace

int main(int argc, char** argv) {
    const std::string_view name = argc > 1 ? argv[1] : "127.0.0.1:9000";
    const auto address = net::SocketAddress::parse(name);
    if (argc > 2 || !address) {
        std::cerr
            << "usage: http_hello [ADDRESS]   (an address with a port, like 127.0.0.1:9000 or [::1]:9000)\n";
        return 2;
    }

    auto poll = mio::Poll::create();
    if (!poll) return fail("cannot make a poll", poll.error());
    auto listener = net::TcpListener::bind(*address);
    if (!listener) return fail(name, listener.error());
    auto added = poll->registry().add(*listener, listener_token, mio::Interest::readable);
    if (!added) return fail("cannot watch the listener", added.error());
    const auto stop = mio::Waker::create(poll->registry(), stop_token);
    if (!stop) return fail("cannot make a waker", stop.error());

    stop_waker = &*stop;
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);

    const auto local = listener->local_address();
    if (!local) return fail(name, local.error());
    std::cout << "listening on " << local->to_string() << std::endl;

    const auto served = Server(*poll, *listener).run();

    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    if (!served) return fail("cannot poll", served.error());
    return EXIT_SUCCESS;
}
