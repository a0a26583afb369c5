// Thousands of connections leak nothing.
#include "sockets.hpp"

#include <windows.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "tcp.hpp"

using namespace test;

namespace {

constexpr Token listener_token{0};
constexpr Token client_token{1};
constexpr Token server_token{2};

// The process's private memory, from its memory map, since Wine reports a PrivateUsage of 0.
std::size_t private_bytes() {
    std::size_t sum = 0;
    ::MEMORY_BASIC_INFORMATION region{};
    for (const std::byte* at = nullptr; ::VirtualQuery(at, &region, sizeof region) != 0;
         at += region.RegionSize) {
        if (region.State == MEM_COMMIT && region.Type == MEM_PRIVATE) sum += region.RegionSize;
    }
    return sum;
}

class Rounds : public testing::Test {
  protected:
    Rounds() { EXPECT_TRUE(ok(loop.registry().add(listener, listener_token, Interest::readable))); }

    // Connects, exchanges a text, and closes, in a way that depends on the round number.
    void play(int round) {
        auto client = must(TcpStream::connect(address));
        ASSERT_TRUE(ok(loop.registry().add(client, client_token, read_write)));
        auto server = accepted();
        ASSERT_TRUE(ok(loop.registry().add(server, server_token, read_write)));
        await_connected(client);
        send(client, text);
        EXPECT_EQ(received(server), text);
        send(server, text);
        EXPECT_EQ(received(client), text);

        switch (round % 5) {
        case 0: // The client closes, and the server reads end of stream.
            drop(std::move(client));
            EXPECT_EQ(received(server), "");
            break;
        case 1: // One direction after the other.
            ASSERT_TRUE(ok(client.shutdown(Shutdown::write)));
            EXPECT_EQ(received(server), "");
            ASSERT_TRUE(ok(server.shutdown(Shutdown::write)));
            EXPECT_EQ(received(client), "");
            break;
        case 2: // Removed before closing.
            ASSERT_TRUE(ok(loop.registry().remove(client)));
            ASSERT_TRUE(ok(loop.registry().remove(server)));
            break;
        case 3: // A reset, while AFD requests for both are pending.
            set_linger_zero(client.raw());
            break;
        default: // Another trigger, with unread data.
            ASSERT_TRUE(ok(loop.registry().modify(server, server_token, read_write, mio::Trigger::oneshot)));
            send(client, text);
        }
    }

    Loop loop;
    TcpListener listener = must(TcpListener::bind(local_v4()));
    SocketAddress address = must(listener.local_address());

  private:
    TcpStream accepted() {
        while (true) {
            auto result = listener.accept();
            if (result) return std::move(result->first);
            if (!mio::would_block(result.error())) return must(std::move(result)).first;
            must(loop.poll.poll(loop.events, generous_margin));
        }
    }

    void await_connected(const TcpStream& stream) {
        while (!must(stream.finish_connect())) must(loop.poll.poll(loop.events, generous_margin));
    }

    static void send(const TcpStream& stream, std::string_view bytes) {
        ASSERT_EQ(must(stream.write(bytes_of(bytes))), bytes.size()); // the send buffer holds so little
    }

    // As many bytes as the text, or fewer at the end of the stream.
    std::string received(const TcpStream& stream) {
        std::array<std::byte, 1024> buffer;
        std::string all;
        while (all.size() < text.size()) {
            const auto size = stream.read(buffer);
            if (size) {
                if (*size == 0) break;
                all += text_of(std::span(buffer).first(*size));
            } else {
                if (!mio::would_block(size.error())) return size.error().message();
                must(loop.poll.poll(loop.events, generous_margin));
            }
        }
        return all;
    }

    static void drop(TcpStream) {}

    const std::string text = pattern(1000);
};

TEST_F(Rounds, TenThousandLeakNoHandleAndNoMemory) {
    // Warm-up: everything that is cached for the next connection has been created once.
    for (int round = 0; round < 1000; ++round) play(round);
    const auto handles = open_handles();
    const auto memory = private_bytes();
    ASSERT_GT(handles, 0u);
    ASSERT_GT(memory, 0u);

    for (int round = 0; round < 10'000 && !HasFailure(); ++round) play(round);
    EXPECT_EQ(open_handles(), handles);
    // A hundred bytes per round would be a megabyte.
    EXPECT_LE(private_bytes(), memory + (std::size_t{512} << 10));
    loop.expect_none();
}

} // namespace
