// The server async_http, with its coroutines and its loop: its responses are those of http_hello, however its client divides
// the requests. Its `main` has another name here; see CMakeLists.txt.
#include <algorithm>
#include <array>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "fuzz.hpp"

#include "../../examples/async_http.cpp"

namespace {

using fuzz::require;

constexpr std::string_view date_field = "\r\nDate: ";
constexpr std::string_view some_date = "Mon, 30 Nov 2026 00:00:00 GMT";

/// `output` with another date, so that two runs are equal. Responses repeat nothing that the client has sent.
std::string without_dates(std::string output) {
    for (auto at = output.find(date_field); at != std::string::npos; at = output.find(date_field, at + 1)) {
        const auto begin = at + date_field.size();
        require(output.find(" GMT\r\n", begin) == begin + some_date.size() - 4, "a date", output);
        output.replace(begin, some_date.size(), some_date);
    }
    return output;
}

/// The responses of http_hello.
std::string expected(std::string_view text) {
    http::Session session;
    std::string output;
    while (true) {
        do {
            session.output.clear();
            session.process(some_date);
            output += session.output.text();
        } while (!session.output.empty());
        if (session.is_finished() || text.empty()) return output;
        const auto size = text.copy(session.input.free_space().data(), session.input.free_space().size());
        session.input.filled(size);
        text.remove_prefix(size);
    }
}

/// The time for a connection has passed, which `served` reports.
bool is_late(const std::error_code& error) { return error == std::errc::operation_canceled; }

/// Sends `text` in pieces: `next` returns the size of the next one. In between, the server runs until it waits for more.
template <class Next> Task<> send(async::UnixStream& stream, std::string_view text, Next& next) {
    while (!text.empty()) {
        const auto piece = text.substr(0, std::max<std::size_t>(next(), 1));
        const auto sent = co_await stream.write_all(std::as_bytes(std::span(piece)));
        if (is_late(sent.error())) co_return;
        require(sent.has_value(), "the server takes all that the client sends", text);
        text.remove_prefix(piece.size());
        for (int turn = 0; turn < 3; ++turn) co_await async::yield();
    }
    require(stream.shutdown(net::Shutdown::write).has_value(), "the connection is open");
}

Task<> receive(async::UnixStream& stream, std::string& output) {
    while (true) {
        std::array<char, 4096> buffer;
        const auto got = co_await stream.read(std::as_writable_bytes(std::span(buffer)));
        if (!got && is_late(got.error())) co_return;
        require(got.has_value(), "the server closes the connection in order", output);
        if (*got == 0) co_return;
        output.append(buffer.data(), *got);
    }
}

template <class Next> std::string served(std::string_view text, Next next) {
    static auto loop = async::Loop::create().value();
    static Server server;
    auto [client, accepted] = async::UnixStream::pair().value();
    // To the server, it is a stream of bytes like any other.
    async::TcpStream stream(net::TcpStream::from_raw(std::move(accepted).into_source().release()));
    std::string output;
    const auto connection = [&]() -> Task<mio::Result<>> {
        co_await async::when_all(serve(std::move(stream), server), send(client, text, next),
                                 receive(client, output));
        co_return {};
    };
    const auto in_time = [&]() -> Task<mio::Result<>> {
        co_return co_await async::timeout(5s, connection());
    };
    const auto ran = async::run(loop, in_time());
    require(ran.has_value(), "the loop ends without an error");
    require(ran->has_value(), "the server ends the connection after its client does", text);
    return without_dates(std::move(output));
}

} // namespace

void fuzz::run(std::span<const std::uint8_t> input) {
    const auto text = text_of(input);
    const auto responses = expected(text);
    const auto same = [&](const std::string& other, const char* how) {
        require(other == responses, how, text);
    };
    same(served(text, [&] { return text.size(); }), "the responses are those of http_hello");
    if (text.size() <= 300)
        same(served(text, [] { return std::size_t{1}; }), "the responses are the same byte by byte");
    // In two pieces, divided at every place; at some places of a long input.
    const auto step = text.size() / 64 + 1;
    for (std::size_t at = 1; at < text.size(); at += step) {
        bool is_first = true;
        same(served(text, [&] { return std::exchange(is_first, false) ? at : text.size(); }),
             "the responses are the same when the requests are divided");
    }
}
