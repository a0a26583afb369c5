// A client of the snippets. Include it after they are.
#pragma once

namespace {

/// A stream that has connected to `address`, where a listener will soon be.
inline mio::net::TcpStream connected_to(const mio::net::SocketAddress& address) {
    const auto end = std::chrono::steady_clock::now() + test::generous_margin;
    while (std::chrono::steady_clock::now() < end) {
        auto stream = mio::net::TcpStream::connect(address);
        if (!stream) continue; // refused at once
        test::plain::await(stream->raw(), POLLOUT);
        if (const auto connected = stream->finish_connect(); connected && *connected)
            return std::move(*stream);
    }
    throw std::runtime_error("nothing listens at " + address.to_string());
}

/// Writes to `to` and reads the echo.
inline mio::async::Task<std::string> echo_of(mio::async::TcpStream& to, std::string_view text) {
    std::string reply(text.size(), ' ');
    if (!co_await to.write_all(std::as_bytes(std::span(text)))) co_return "";
    if (!co_await to.read_exact(std::as_writable_bytes(std::span(reply)))) co_return "";
    co_return reply;
}

inline mio::async::Task<bool> at_end(mio::async::TcpStream& stream) {
    std::array<std::byte, 1> byte;
    const auto count = co_await stream.read(byte);
    co_return count && *count == 0;
}

} // namespace
