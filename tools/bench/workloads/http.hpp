// A server that responds to each request with a line of text, and keeps the connection.

#pragma once

#include "contestants/contestant.hpp"
#include "harness/failure.hpp"
#include "harness/suite.hpp"
#include "workloads/load.hpp"
#include "workloads/server.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace bench {

inline constexpr std::string_view http_request = "GET /plaintext HTTP/1.1\r\n"
                                                 "Host: localhost\r\n"
                                                 "User-Agent: mio-bench\r\n"
                                                 "Accept: text/plain,*/*;q=0.5\r\n\r\n";
inline constexpr std::string_view http_response = "HTTP/1.1 200 OK\r\n"
                                                  "Content-Type: text/plain\r\n"
                                                  "Content-Length: 13\r\n\r\n"
                                                  "Hello, World!";

template <class C> struct HttpConnection {
    explicit HttpConnection(typename C::Stream&& opened) : stream(std::move(opened)) {}

    bool serve() {
        while (true) {
            const auto room = std::span(buffer).subspan(size);
            const auto count = stream.read(std::as_writable_bytes(room));
            if (!count) return true;
            if (*count == 0) return false;
            size += *count;
            respond();
            if (*count < room.size()) return true; // nothing is left; see epoll(7)
        }
    }

    void respond() {
        static constexpr std::string_view end_of_request = "\r\n\r\n";
        std::string_view text(buffer.data(), size);
        for (auto end = text.find(end_of_request); end != text.npos; end = text.find(end_of_request)) {
            stream.write(std::as_bytes(std::span(http_response)));
            text.remove_prefix(end + end_of_request.size());
        }
        std::memmove(buffer.data(), text.data(), text.size());
        size = text.size();
        if (size == buffer.size()) fail("a request is too long", EMSGSIZE);
    }

    typename C::Stream stream;
    std::array<char, 1024> buffer;
    std::size_t size = 0;
};

template <Contestant C> void enter_http(Suite& suite) {
    suite.enter({"http", "an HTTP request, 64 connections", 20'000, 256}, std::string(C::name),
                [](std::uint64_t operations) {
                    constexpr std::size_t connections = 64;
                    return Server<C, HttpConnection>().run(operations, connections, [&](std::uint16_t port) {
                        return Clients<C>([&] {
                            request_and_wait(port, connections, operations, http_request,
                                             http_response.size());
                        });
                    });
                });
}

} // namespace bench
