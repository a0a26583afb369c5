// Many connections in one Poll: every byte arrives in order, even when some ends are slow.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tcp.hpp"

using namespace test;

namespace {

// While a watched connection has unread bytes, wineserver, which all Wine programs share, busy-loops: with hundreds
// of such connections each of its replies takes 20 ms.
const std::size_t connections = is_wine() ? 20 : 200;
constexpr Token listener_token{~std::size_t{0}};

// One end of a connection: writes `to_send` and reads `to_receive` bytes, in pieces.
struct End {
    TcpStream stream;
    std::string_view to_send;
    std::string_view to_receive;
    std::size_t sent = 0;
    std::size_t received = 0;
    bool can_read = false; // readable since the last event, and no read has blocked since
    bool can_write = false;
    bool has_ended = false;
};

class Exchange : public testing::Test {
  protected:
    Loop loop;
    mio::Events events{64};
    std::mt19937 random{19630127};
    std::size_t blocked_writes = 0;

    std::size_t pick(std::size_t least, std::size_t most) {
        return std::uniform_int_distribution<std::size_t>(least, most)(random);
    }

    // Runs a few operations, then returns to let the others run. False if there is nothing to do until the next
    // event.
    bool step(End& end) {
        std::array<std::byte, 8192> buffer;
        if (end.can_write && end.sent < end.to_send.size()) {
            const auto chunk = end.to_send.substr(end.sent, pick(1, 8192));
            const bool vectored = random() % 2 == 0;
            const auto middle = pick(0, chunk.size());
            const std::array<IoSlice, 2> parts{bytes_of(chunk.substr(0, middle)),
                                               bytes_of(chunk.substr(middle))};
            const auto written =
                vectored ? end.stream.write_vectored(parts) : end.stream.write(bytes_of(chunk));
            if (written) {
                end.sent += *written;
            } else {
                EXPECT_TRUE(mio::would_block(written.error())) << written.error().message();
                end.can_write = false;
                ++blocked_writes;
            }
            if (end.sent == end.to_send.size()) {
                EXPECT_TRUE(ok(end.stream.shutdown(Shutdown::write)));
            }
        }
        // Pause occasionally, so that the other side has to wait.
        if (end.can_read && random() % 4 == 0) {
            const auto room = std::span(buffer).first(pick(1, buffer.size()));
            const auto middle = pick(0, room.size());
            const std::array<IoSliceMut, 2> places{room.first(middle), room.subspan(middle)};
            const auto got = random() % 2 == 0 ? end.stream.read_vectored(places) : end.stream.read(room);
            if (!got) {
                EXPECT_TRUE(mio::would_block(got.error())) << got.error().message();
                end.can_read = false;
            } else if (*got == 0) {
                end.has_ended = true;
                end.can_read = false;
            } else {
                EXPECT_EQ(text_of(room.first(*got)), end.to_receive.substr(end.received, *got))
                    << "at " << end.received;
                end.received += *got;
            }
        }
        return (end.can_write && end.sent < end.to_send.size()) || end.can_read;
    }

    static bool is_done(const End& end) { return end.has_ended && end.sent == end.to_send.size(); }
};

TEST_F(Exchange, ManyConnectionsTransferAllDataInOrderInBothDirections) {
    // A listener whose streams have small buffers, so that writes block often.
    auto socket = must(TcpSocket::v4());
    ASSERT_TRUE(ok(socket.set_receive_buffer(8192)));
    ASSERT_TRUE(ok(socket.set_send_buffer(8192)));
    ASSERT_TRUE(ok(socket.bind(local_v4())));
    auto listener = must(std::move(socket).listen(static_cast<int>(connections)));
    ASSERT_TRUE(ok(loop.registry().add(listener, listener_token, Interest::readable)));
    const auto address = must(listener.local_address());

    // Each connection carries distinct data in each direction.
    std::vector<std::pair<std::string, std::string>> texts;
    for (std::uint32_t i = 0; i < connections; ++i) {
        texts.emplace_back(pattern(pick(1, 192 * 1024), 2 * i), pattern(pick(1, 192 * 1024), 2 * i + 1));
    }

    // Clients start immediately; servers start when accepted. A client's first bytes carry its number.
    std::deque<End> ends;
    std::vector<std::string> greetings;
    for (std::size_t i = 0; i < connections; ++i) {
        auto& [to_server, to_client] = texts[i];
        to_server.insert(0, std::string{static_cast<char>(i)});
        auto client = must(TcpSocket::v4());
        ASSERT_TRUE(ok(client.set_send_buffer(8192)));
        ASSERT_TRUE(ok(client.set_receive_buffer(8192)));
        ends.emplace_back(must(std::move(client).connect(address)), to_server, to_client);
        ASSERT_TRUE(ok(loop.registry().add(ends.back().stream, Token{i}, read_write)));
    }

    std::vector<TcpStream> unknown; // accepted, but the client's number is not yet read
    std::set<std::size_t> ready;    // indices into `ends` that have work to do
    std::size_t done = 0;
    std::size_t accepted = 0;
    const auto deadline = std::chrono::steady_clock::now() + 6 * generous_margin;
    while (done < 2 * connections) {
        ASSERT_LT(std::chrono::steady_clock::now(), deadline)
            << done << " of " << 2 * connections << " are done";
        ASSERT_FALSE(HasFailure());
        std::optional<std::chrono::nanoseconds> timeout = generous_margin;
        if (!ready.empty() || !unknown.empty()) timeout = 0ns;
        ASSERT_TRUE(ok(loop.poll.poll(events, timeout)));
        ASSERT_FALSE(events.empty() && timeout != 0ns) << "lost event: " << done << " are done";

        for (const auto& event : events) {
            if (event.token() != listener_token) {
                End& end = ends[event.token().value];
                end.can_read |= event.is_readable();
                end.can_write |= event.is_writable();
                ready.insert(event.token().value);
                continue;
            }
            while (true) {
                auto stream = listener.accept();
                if (!stream) {
                    ASSERT_TRUE(mio::would_block(stream.error())) << stream.error().message();
                    break;
                }
                unknown.push_back(std::move(stream->first));
                ++accepted;
            }
        }

        // The number identifies the client that this stream is the other end of.
        std::erase_if(unknown, [&](TcpStream& stream) {
            std::array<std::byte, 1> number;
            const auto got = stream.read(number);
            if (!got) return false;
            const auto& [to_server, to_client] = texts[std::to_integer<std::size_t>(number[0])];
            const Token token{ends.size()};
            End end{std::move(stream), to_client, to_server};
            end.received = 1;
            ends.push_back(std::move(end));
            EXPECT_TRUE(ok(loop.registry().add(ends.back().stream, token, read_write)));
            return true;
        });

        for (auto it = ready.begin(); it != ready.end();) {
            End& end = ends[*it];
            const bool was_done = is_done(end);
            const bool more = step(end);
            if (!was_done && is_done(end)) {
                ++done;
                EXPECT_EQ(end.received, end.to_receive.size());
            }
            it = more ? std::next(it) : ready.erase(it);
        }
    }
    EXPECT_EQ(accepted, connections);
    EXPECT_GT(blocked_writes, connections) << "too few writes blocked to be meaningful";
}

// An echo server: keeps what it cannot send yet, and reads no more until it has sent it.
TEST_F(Exchange, EchoServerReturnsAllDataInOrder) {
    struct Echo {
        TcpStream stream;
        std::string held; // read but not written yet
        bool has_ended = false;
        bool is_shut_down = false;
    };
    auto listener = must(TcpListener::bind(local_v4()));
    ASSERT_TRUE(ok(loop.registry().add(listener, listener_token, Interest::readable)));

    std::vector<std::string> texts;
    std::deque<End> ends;
    std::deque<Echo> echoes;
    for (std::uint32_t i = 0; i < connections; ++i) texts.push_back(pattern(pick(1, 128 * 1024), i));
    for (std::size_t i = 0; i < connections; ++i) {
        auto client = must(TcpSocket::v4());
        ASSERT_TRUE(ok(client.set_receive_buffer(4096)));
        ends.emplace_back(must(std::move(client).connect(must(listener.local_address()))), texts[i],
                          texts[i]);
        ASSERT_TRUE(ok(loop.registry().add(ends.back().stream, Token{i}, read_write)));
        // The backlog is 128: accept pending connections now.
        while (true) {
            auto stream = listener.accept();
            if (!stream) break;
            echoes.emplace_back(std::move(stream->first));
            ASSERT_TRUE(ok(loop.registry().add(echoes.back().stream, Token{connections + echoes.size() - 1},
                                               read_write)));
        }
    }

    const auto pump = [&](Echo& echo) {
        constexpr std::size_t limit = 16 * 1024;
        for (bool progress = true; progress;) {
            progress = false;
            std::array<std::byte, 4096> buffer;
            if (!echo.has_ended && echo.held.size() < limit) {
                const auto got = echo.stream.read(buffer);
                if (got) {
                    echo.has_ended = *got == 0;
                    echo.held += text_of(std::span(buffer).first(*got));
                    progress = true;
                } else {
                    EXPECT_TRUE(mio::would_block(got.error())) << got.error().message();
                }
            }
            if (!echo.held.empty()) {
                const auto written = echo.stream.write(bytes_of(echo.held));
                if (written) {
                    echo.held.erase(0, *written);
                    progress = true;
                } else {
                    EXPECT_TRUE(mio::would_block(written.error())) << written.error().message();
                    ++blocked_writes;
                }
            }
        }
        if (echo.has_ended && echo.held.empty() && !std::exchange(echo.is_shut_down, true)) {
            EXPECT_TRUE(ok(echo.stream.shutdown(Shutdown::write)));
        }
    };

    std::set<std::size_t> ready;
    std::size_t done = 0;
    const auto deadline = std::chrono::steady_clock::now() + 6 * generous_margin;
    while (done < connections) {
        ASSERT_LT(std::chrono::steady_clock::now(), deadline) << done << " of " << connections << " done";
        ASSERT_FALSE(HasFailure());
        const std::chrono::nanoseconds timeout = ready.empty() ? generous_margin : 0s;
        ASSERT_TRUE(ok(loop.poll.poll(events, timeout)));
        ASSERT_FALSE(events.empty() && ready.empty()) << "lost event: " << done << " are done";
        for (const auto& event : events) {
            const auto index = event.token().value;
            if (event.token() == listener_token) {
                while (auto stream = listener.accept()) {
                    echoes.emplace_back(std::move(stream->first));
                    const Token token{connections + echoes.size() - 1};
                    ASSERT_TRUE(ok(loop.registry().add(echoes.back().stream, token, read_write)));
                }
            } else if (index >= connections) {
                pump(echoes[index - connections]);
            } else {
                ends[index].can_read |= event.is_readable();
                ends[index].can_write |= event.is_writable();
                ready.insert(index);
            }
        }
        for (auto it = ready.begin(); it != ready.end();) {
            End& end = ends[*it];
            const bool was_done = is_done(end);
            const bool more = step(end);
            if (!was_done && is_done(end)) {
                ++done;
                EXPECT_EQ(end.received, end.to_receive.size());
            }
            it = more ? std::next(it) : ready.erase(it);
        }
    }
    EXPECT_EQ(echoes.size(), connections);
}

} // namespace
