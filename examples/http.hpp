// The parts of HTTP/1.1 that the HTTP servers among the examples share, independent of sockets: request heads, response
// heads, and the buffers between them and a stream. See RFC 9112.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

namespace http {

/// A parsed request head: the response to send, and the data that follows the head.
struct Request {
    std::string_view status = "200 OK";
    std::string_view target;     // in the buffer, until that is changed
    std::uint64_t body_size = 0; // bytes of the body that follow the head
    bool is_head = false;        // respond without a body
    bool is_http_1_0 = false;
    bool keep_alive = true; // the connection stays open
    bool expects_continue = false;
};

/// An invalid request. Its end is unknown, so the connection is closed after the response.
inline Request refused(std::string_view status) {
    Request request;
    request.status = status;
    request.keep_alive = false;
    return request;
}

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
inline Request parse(std::string_view head) {
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
    request.target = target;
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

/// A request must fit with all its header fields.
using Input = Buffer<8 * 1024>;
constexpr std::size_t max_response =
    256; // "100 Continue", and the head that `respond` writes with a short body
using Output = Buffer<16 * max_response>;

/// Takes the next request head from `input`; `nullopt` if it is incomplete.
inline std::optional<Request> take_head(Input& input) {
    // Empty lines before a request are ignored.
    while (input.text().starts_with("\r\n")) input.consume(2);

    const auto text = input.text();
    const auto end = text.find("\r\n\r\n");
    // Not HTTP: do not wait for an end that may never arrive. This is checked first, so that the response does not
    // depend on how the network splits the request.
    if (has_bare_line_feed(text.substr(0, end))) return refused("400 Bad Request");
    if (end != std::string_view::npos) {
        const Request request = parse(text.substr(0, end + 2));
        input.consume(end + 4);
        return request;
    }
    if (input.full()) return refused("431 Request Header Fields Too Large");
    return std::nullopt;
}

/// Whether the client sends the body only after it has received `continue_line`.
inline bool waits_for_continue(const Request& request) {
    return request.expects_continue && request.body_size > 0 && !request.is_http_1_0;
}
constexpr std::string_view continue_line = "HTTP/1.1 100 Continue\r\n\r\n";

/// The value of the field Date. It is formatted once per second, which costs more than the rest of a response.
class Date {
  public:
    std::string_view now() {
        const std::time_t time = std::time(nullptr);
        if (time != time_) {
            time_ = time;
            size_ =
                std::strftime(text_.data(), text_.size(), "%a, %d %b %Y %H:%M:%S GMT", std::gmtime(&time));
        }
        return {text_.data(), size_};
    }

  private:
    std::time_t time_ = -1;
    std::array<char, 40> text_;
    std::size_t size_ = 0;
};

/// Writes the head of a response with a body of `size` bytes.
inline void respond(Output& output, const Request& request, std::string_view date, std::string_view type,
                    std::uint64_t size) {
    std::array<char, 20> digits;
    const auto digits_end = std::to_chars(digits.data(), digits.data() + digits.size(), size).ptr;

    output.append("HTTP/1.1 ");
    output.append(request.status);
    output.append("\r\nDate: ");
    output.append(date);
    output.append("\r\nContent-Type: ");
    output.append(type);
    output.append("\r\nContent-Length: ");
    output.append({digits.data(), digits_end});
    if (request.status.starts_with("405")) output.append("\r\nAllow: GET, HEAD");
    if (!request.keep_alive) output.append("\r\nConnection: close");
    if (request.keep_alive && request.is_http_1_0) output.append("\r\nConnection: keep-alive");
    output.append("\r\n\r\n");
}

/// Writes a response whose body is `text` and a line feed.
inline void respond(Output& output, const Request& request, std::string_view date, std::string_view text) {
    respond(output, request, date, "text/plain", text.size() + 1);
    if (request.is_head) return;
    output.append(text);
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
                request_ = take_head(input);
                if (!request_) return; // incomplete
                if (waits_for_continue(*request_)) output.append(continue_line);
            }
            const auto skipped = std::min<std::uint64_t>(request_->body_size, input.text().size());
            input.consume(static_cast<std::size_t>(skipped));
            request_->body_size -= skipped;
            if (request_->body_size > 0) return;

            const bool is_ok = request_->status.starts_with("200");
            respond(output, *request_, date, is_ok ? "Hello, world!" : request_->status);
            finished_ = !request_->keep_alive;
            request_.reset();
        }
    }

  private:
    std::optional<Request> request_; // the head has been read, the body has not
    bool finished_ = false;
};

} // namespace http
