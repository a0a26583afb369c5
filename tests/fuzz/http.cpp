// The requests of http_hello and async_http: the responses do not depend on how the network splits them.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "http.hpp"

#include "fuzz.hpp"

namespace {

using fuzz::require;

constexpr std::string_view date = "Mon, 30 Nov 2026 00:00:00 GMT";

struct Outcome {
    std::string output;
    bool is_finished = false;
    bool operator==(const Outcome&) const = default;
};

/// A session whose peer sends `text` in pieces: `next` returns the size of the next one.
template <class Next> Outcome serve(std::string_view text, Next next) {
    http::Session session;
    Outcome outcome;
    while (true) {
        // As the server: all output is sent before more is received.
        while (true) {
            session.process(date);
            if (session.output.empty()) break;
            outcome.output += session.output.text();
            session.output.clear();
        }
        outcome.is_finished = session.is_finished();
        if (outcome.is_finished || text.empty()) return outcome;
        const auto space = session.input.free_space();
        require(!space.empty(), "a session that needs more input has room for it");
        const auto size = std::min({std::max<std::size_t>(next(), 1), space.size(), text.size()});
        text.copy(space.data(), size);
        session.input.filled(size);
        text.remove_prefix(size);
    }
}

void check_responses(std::string_view output) {
    while (!output.empty()) {
        require(output.starts_with("HTTP/1.1 "), "a response begins with its version", output);
        const auto status = output.substr(9, 3);
        require(std::ranges::all_of(status, http::is_digit), "a status", output);
        const auto end = output.find("\r\n\r\n");
        require(end != std::string_view::npos, "a head ends with an empty line", output);
        require(!http::has_bare_line_feed(output.substr(0, end)), "lines end with CRLF", output);
        output.remove_prefix(end + 4);
        // The body, if there is one: a line.
        if (!output.empty() && status != "100" && !output.starts_with("HTTP/1.1 ")) {
            const auto line = output.find('\n');
            require(line != std::string_view::npos, "a body is a line", output);
            output.remove_prefix(line + 1);
        }
    }
}

} // namespace

void fuzz::run(std::span<const std::uint8_t> input) {
    const auto text = text_of(input);
    const auto whole = serve(text, [&] { return text.size(); });
    check_responses(whole.output);
    const auto same = [&](const Outcome& other, const char* how) { require(other == whole, how, text); };
    if (text.size() <= 1500) // each byte searches the head for its end
        same(serve(text, [] { return std::size_t{1}; }), "the responses are the same byte by byte");
    same(serve(text, [] { return std::size_t{7}; }), "the responses are the same in pieces of 7 bytes");
    // In two pieces, divided at every place; at some places of a long input.
    const auto step = text.size() / 64 + 1;
    for (std::size_t at = 1; at < text.size(); at += step) {
        bool is_first = true;
        same(serve(text, [&] { return std::exchange(is_first, false) ? at : text.size(); }),
             "the responses are the same when the requests are divided");
    }
}
