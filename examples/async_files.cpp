// async_files FOLDER [ADDRESS]: an HTTP/1.1 server of the files in FOLDER. ADDRESS is 127.0.0.1:9000 by default; with
// port 0 the system chooses a port, and the first line of output contains it.
//
//     async_files /usr/share/doc & curl -i http://127.0.0.1:9000/bash/README
//
// Looking up and opening a file may wait for a disk, and runs in a pool of threads. The content is sent with sendfile
// where the system has it, without being copied through the program. Only regular files inside FOLDER are served, after
// links and ".." have been followed; for a folder, that is its index.html. Exits on SIGINT and SIGTERM, and downloads
// have a second to end.

#include <algorithm>
#include <charconv>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <expected>
#include <filesystem>
#include <functional>
#include <iostream>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "http.hpp"

import mio;
import mio.async;

#include "http_connection.hpp"

namespace async = mio::async;
namespace fs = std::filesystem;
namespace net = mio::net;
using async::Task;
using namespace std::chrono_literals;

namespace {

constexpr auto limit = 30s; // for each step of a request

struct Server {
    async::Pool pool{4};
    fs::path root; // canonical
    http::Date date;
};

/// The path in a request's target, without its query: `%20` and its like are decoded. `nullopt` if it is invalid, or
/// has characters that are separators on some systems only.
std::optional<std::string> decode(std::string_view target) {
    target = target.substr(0, target.find_first_of("?#"));
    if (!target.starts_with('/')) return std::nullopt;
    std::string path;
    while (!target.empty()) {
        unsigned char c = static_cast<unsigned char>(target[0]);
        std::size_t size = 1;
        if (c == '%') {
            if (target.size() < 3) return std::nullopt;
            const auto digits = target.substr(1, 2);
            const auto [end, error] = std::from_chars(digits.data(), digits.data() + 2, c, 16);
            if (error != std::errc{} || end != digits.data() + 2) return std::nullopt;
            size = 3;
        }
        if (c == '\0' || c == '\\' || c == ':') return std::nullopt;
        path += static_cast<char>(c);
        target.remove_prefix(size);
    }
    return path;
}

struct Found {
    std::string path;
    std::uint64_t size;
};

/// The regular file named `name`, if it is inside `root`. Paths are compared after resolving links and "..", so that no
/// name leads outside.
std::optional<Found> find(const fs::path& root, const std::string& name) {
    std::error_code error;
    const auto relative = name.substr(std::min(name.find_first_not_of('/'), name.size()));
    auto path = fs::canonical(root / fs::path(std::u8string(relative.begin(), relative.end())), error);
    if (!error && fs::is_directory(path, error)) path = fs::canonical(path / "index.html", error);
    if (error || std::ranges::mismatch(root, path).in1 != root.end()) return std::nullopt;
    if (!fs::is_regular_file(path, error)) return std::nullopt; // opening a pipe could wait for ever
    const auto size = fs::file_size(path, error);
    if (error) return std::nullopt;
    const auto text = path.u8string();
    return Found{{text.begin(), text.end()}, size};
}

std::string_view type_of(std::string_view path) {
    constexpr std::pair<std::string_view, std::string_view> types[] = {
        {".css", "text/css"},
        {".gif", "image/gif"},
        {".html", "text/html; charset=utf-8"},
        {".jpg", "image/jpeg"},
        {".js", "text/javascript"},
        {".json", "application/json"},
        {".pdf", "application/pdf"},
        {".png", "image/png"},
        {".svg", "image/svg+xml"},
        {".txt", "text/plain; charset=utf-8"},
    };
    for (const auto& [ending, type] : types)
        if (path.ends_with(ending)) return type;
    return "application/octet-stream";
}

/// Sends the file in pieces, each within its own limit. Returns false if the client is gone or too slow, or if
/// the file has become shorter, which only closing the connection can signal.
Task<bool> send(Connection& client, async::File& file, std::uint64_t size) {
    if (!co_await client.flush()) co_return false;
    for (std::uint64_t sent = 0; sent < size;) {
        const auto part = std::min<std::uint64_t>(size - sent, 1024 * 1024);
        const auto put =
            co_await async::shield(async::timeout(limit, async::send_file(client.stream, file, sent, part)));
        if (!put || put.count() < part) co_return false;
        sent += part;
    }
    co_return true;
}

Task<> serve(async::TcpStream stream, Server& server) {
    Connection client(std::move(stream), limit);
    while (auto request = co_await client.next_request()) {
        auto name = decode(request->target);
        if (!co_await client.skip(request->body_size)) co_return;

        std::optional<async::File> file;
        Found found;
        if (request->status.starts_with("200")) {
            if (name) {
                auto result = co_await server.pool.run(
                    [&root = server.root, name = std::move(*name)] { return find(root, name); });
                if (!result) co_return; // the server ends
                if (*result) {
                    found = std::move(**result);
                    if (auto opened = co_await async::File::open(server.pool, found.path))
                        file = std::move(*opened);
                }
                if (!file) request->status = "404 Not Found";
            } else {
                request->status = "400 Bad Request";
            }
        }

        if (file) {
            http::respond(client.output, *request, server.date.now(), type_of(found.path), found.size);
            if (!request->is_head && !co_await send(client, *file, found.size)) co_return;
        } else {
            http::respond(client.output, *request, server.date.now(), request->status);
        }
        if (!request->keep_alive) co_return co_await client.finish();
    }
}

Task<> accept_all(async::TcpListener& listener, async::Group& clients, Server& server) {
    while (true) {
        auto client = co_await listener.accept();
        if (client) {
            // The end of a response is sent at once. On failure the connection is only slower.
            [[maybe_unused]] const auto set = client->source().set_nodelay(true);
            clients.spawn(serve, std::move(*client), std::ref(server));
        } else if (!co_await async::sleep_for(100ms)) {
            co_return; // cancelled; otherwise, out of descriptors: existing clients may leave meanwhile
        }
    }
}

mio::Result<mio::SignalInfo> receive(mio::Signals& signals) { return signals.receive(); }

Task<mio::Result<>> run(net::SocketAddress address, fs::path root) {
    auto listener = async::TcpListener::bind(address);
    if (!listener) co_return std::unexpected(listener.error());
    // Before the threads of the pool, which inherit that these signals are blocked.
    auto signals = mio::Signals::create({mio::Signal::interrupt, mio::Signal::terminate});
    if (!signals) co_return std::unexpected(signals.error());
    async::Async stop(std::move(*signals), mio::Interest::readable);
    const auto local = listener->local_address();
    if (!local) co_return std::unexpected(local.error());
    std::cout << "listening on " << local->to_string() << std::endl;

    Server server{.root = std::move(root), .date = {}};
    async::Group clients(co_await async::this_context());
    co_await async::when_any(stop.perform(mio::Interest::readable, receive),
                             accept_all(*listener, clients, server));
    clients.cancel();
    static_cast<void>(co_await async::timeout(1s, clients.join()));
    co_return {};
}

} // namespace

int main(int argc, char** argv) {
    const auto address = net::SocketAddress::parse(argc > 2 ? argv[2] : "127.0.0.1:9000");
    if (argc < 2 || argc > 3 || !address) {
        std::cerr << "usage: async_files FOLDER [ADDRESS]   (an address with a port, like 127.0.0.1:9000)\n";
        return 2;
    }
    std::error_code error;
    const auto root = fs::canonical(argv[1], error);
    auto loop = async::Loop::create();
    if (!error && !loop) error = loop.error();
    if (!error) {
        const auto served = async::run(*loop, run(*address, root));
        const auto result = served ? *served : std::unexpected(served.error());
        if (!result) error = result.error();
    }
    if (error) std::cerr << "async_files: " << error.message() << '\n';
    return error ? EXIT_FAILURE : EXIT_SUCCESS;
}
