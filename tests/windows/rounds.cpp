// What thousands of connections leave behind: nothing.
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

// The memory that is this process's alone. Asked of its map, since of PrivateUsage Wine says 0.
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

    // Connects, sends a text there and back, and closes, in a way that depends on the number of the round.
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
        case 0: // The client goes, and the server reads that.
            drop(std::move(client));
            EXPECT_EQ(received(server), "");
            break;
        case 1: // One direction after the other.
            ASSERT_TRUE(ok(client.shutdown(Shutdown::write)));
            EXPECT_EQ(received(server), "");
            ASSERT_TRUE(ok(server.shutdown(Shutdown::write)));
            EXPECT_EQ(received(client), "");
            break;
        case 2: // Removed first.
            ASSERT_TRUE(ok(loop.registry().remove(client)));
            ASSERT_TRUE(ok(loop.registry().remove(server)));
            break;
        case 3: // A reset, while the driver is asked about both.
            set_linger_zero(client.raw());
            break;
        default: // In another trigger, with data that nobody reads.
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
        ASSERT_EQ(must(stream.write(bytes_of(bytes))), bytes.size()); // there is room for so little
    }

    // As much as the text is long, or less at the end of the stream.
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
    // Until everything that is kept for the next connection has been made once.
    for (int round = 0; round < 1000; ++round) play(round);
    const auto handles = open_handles();
    const auto memory = private_bytes();
    ASSERT_GT(handles, 0u);
    ASSERT_GT(memory, 0u);

    for (int round = 0; round < 10'000 && !HasFailure(); ++round) play(round);
    EXPECT_EQ(open_handles(), handles);
    // A hundred bytes a round would be a megabyte.
    EXPECT_LE(private_bytes(), memory + (std::size_t{512} << 10));
    loop.expect_none();
}

} // namespace
