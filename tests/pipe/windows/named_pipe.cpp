#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "native.hpp"

#include "support.hpp"

namespace {

using namespace test;
using mio::Errc;
using mio::net::NamedPipe;
using mio::net::PipeMode;

constexpr Token server_token{0};
constexpr Token client_token{1};

/// A unique pipe name.
std::string fresh_name() {
    static std::atomic<int> count = 0;
    return "\\\\.\\pipe\\mio-test-" + std::to_string(::GetCurrentProcessId()) + "-" + std::to_string(++count);
}

/// A server and its client.
struct Ends {
    explicit Ends(PipeMode mode = PipeMode::bytes)
        : name(fresh_name()), server(must(NamedPipe::create(name, mode))),
          client(must(NamedPipe::open(name, mode))) {}
    void add_both(const mio::Registry& registry) {
        ASSERT_TRUE(ok(registry.add(server, server_token, read_write)));
        ASSERT_TRUE(ok(registry.add(client, client_token, read_write)));
    }

    std::string name;
    NamedPipe server;
    NamedPipe client;
};

std::vector<std::byte> pattern(std::size_t size) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + i / 251);
    return bytes;
}

/// Writes all bytes, polling as needed.
void write_all(Loop& loop, const NamedPipe& pipe, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const auto written = pipe.write(bytes);
        if (written) {
            bytes = bytes.subspan(*written);
        } else {
            ASSERT_TRUE(blocks(written));
            ASSERT_TRUE(ok(loop.poll.poll(loop.events, generous_margin)));
        }
    }
}

/// Reads `count` bytes in steps of `step`, polling as needed.
std::vector<std::byte> read_all(Loop& loop, const NamedPipe& pipe, std::size_t count, std::size_t step) {
    std::vector<std::byte> all;
    std::vector<std::byte> buffer(step);
    while (all.size() < count) {
        const auto read = pipe.read(buffer);
        if (read && *read == 0) break;
        if (read) {
            all.insert(all.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*read));
        } else {
            EXPECT_TRUE(blocks(read));
            must(loop.poll.poll(loop.events, generous_margin));
            EXPECT_FALSE(loop.events.empty());
            if (loop.events.empty()) break;
        }
    }
    return all;
}

/// Reads until end of stream; the client has closed.
void read_to_the_end(Loop& loop, const NamedPipe& pipe) {
    std::array<std::byte, 64> buffer;
    for (int i = 0; i < 16; ++i) {
        const auto read = pipe.read(buffer);
        if (read) {
            if (*read == 0) return;
            continue;
        }
        ASSERT_TRUE(blocks(read));
        must(loop.poll.poll(loop.events, generous_margin));
    }
    FAIL() << "no end of stream";
}

TEST(NamedPipe, IsWritableAtBothEndsOnceRegistered) {
    Loop loop;
    Ends ends;
    ends.add_both(loop.registry());
    loop.expect({{server_token, Interest::writable}, {client_token, Interest::writable}});
}

TEST(NamedPipe, CarriesBytesInBothDirections) {
    Loop loop;
    Ends ends;
    ends.add_both(loop.registry());
    loop.expect({{server_token, Interest::writable}, {client_token, Interest::writable}});
    std::array<std::byte, 16> buffer;

    EXPECT_EQ(must(ends.client.write(bytes_of("1234"))), 4u);
    loop.expect({{server_token, Interest::readable}});
    EXPECT_EQ(text_of(std::span(buffer).first(must(ends.server.read(buffer)))), "1234");
    EXPECT_TRUE(blocks(ends.server.read(buffer)));

    EXPECT_EQ(must(ends.server.write(bytes_of("56"))), 2u);
    loop.expect({{client_token, Interest::readable}});
    EXPECT_EQ(text_of(std::span(buffer).first(must(ends.client.read(buffer)))), "56");
}

TEST(NamedPipe, WouldBlockInEveryDirectionBeforeItIsRegistered) {
    Ends ends;
    std::array<std::byte, 16> buffer;
    EXPECT_TRUE(blocks(ends.server.read(buffer)));
    EXPECT_TRUE(blocks(ends.server.write(bytes_of("1"))));
    EXPECT_TRUE(blocks(ends.server.connect()));
}

TEST(NamedPipe, ReportsAClientThatConnects) {
    Loop loop;
    const auto name = fresh_name();
    auto server = must(NamedPipe::create(name));
    ASSERT_TRUE(ok(loop.registry().add(server, server_token, read_write)));
    loop.expect_none();
    EXPECT_TRUE(blocks(server.connect()));
    EXPECT_TRUE(blocks(server.connect())) << "while a connect is pending";
    loop.expect_none();
    auto client = must(NamedPipe::open(name));
    ASSERT_TRUE(ok(loop.registry().add(client, client_token, read_write)));
    loop.expect({{server_token, Interest::writable}});
    EXPECT_FALSE(must(server.take_error()));
}

TEST(NamedPipe, ConnectsImmediatelyToAWaitingClient) {
    Loop loop;
    const auto name = fresh_name();
    auto server = must(NamedPipe::create(name));
    ASSERT_TRUE(ok(loop.registry().add(server, server_token, read_write)));
    loop.expect_none();
    auto client = must(NamedPipe::open(name));
    ASSERT_TRUE(ok(loop.registry().add(client, client_token, read_write)));
    EXPECT_TRUE(ok(server.connect()));
    loop.expect({{server_token, Interest::writable}});
}

TEST(NamedPipe, RegistrationReportsAnEarlierConnect) {
    Loop loop;
    const auto name = fresh_name();
    auto server = must(NamedPipe::create(name));
    EXPECT_TRUE(blocks(server.connect()));
    ASSERT_TRUE(ok(loop.registry().add(server, server_token, read_write)));
    loop.expect_none();
    const auto client = must(NamedPipe::open(name));
    loop.expect({{server_token, Interest::writable}});
}

TEST(NamedPipe, WritingToAClosedClientFails) {
    Loop loop;
    Ends ends;
    ends.add_both(loop.registry());
    {
        const auto gone = std::move(ends.client);
    }
    must(loop.poll.poll(loop.events, generous_margin));
    EXPECT_FALSE(loop.events.empty());
    for (int i = 0;; ++i) {
        ASSERT_LT(i, 16);
        const auto written = ends.server.write(bytes_of("1"));
        if (!written && mio::would_block(written.error())) {
            must(loop.poll.poll(loop.events, generous_margin));
            EXPECT_FALSE(loop.events.empty());
        } else if (!written) {
            EXPECT_TRUE(fails_with(written, std::errc::broken_pipe));
            break;
        }
    }
}

TEST(NamedPipe, DeliversDataWrittenBeforeTheClientCloses) {
    Loop loop;
    Ends ends;
    ends.add_both(loop.registry());
    loop.expect({{client_token, Interest::writable}});
    EXPECT_EQ(must(ends.client.write(bytes_of("1234"))), 4u);
    {
        const auto gone = std::move(ends.client);
    }
    loop.expect({{server_token, Interest::readable}});
    std::array<std::byte, 16> buffer;
    EXPECT_EQ(text_of(std::span(buffer).first(must(ends.server.read(buffer)))), "1234");
    read_to_the_end(loop, ends.server);
}

TEST(NamedPipe, ServesOneClientAfterAnother) {
    Loop loop;
    Ends ends;
    ends.add_both(loop.registry());
    for (std::uint8_t round = 0; round < 20; ++round) {
        // Data that one client leaves unread is not read by the next.
        if (round % 2 == 1) {
            write_all(loop, ends.client, bytes_of("left over"));
            loop.expect({{server_token, Interest::readable}});
        } else {
            {
                const auto gone = std::move(ends.client);
            }
            read_to_the_end(loop, ends.server);
        }
        ASSERT_TRUE(ok(ends.server.disconnect()));
        {
            const auto gone = std::move(ends.client);
        }
        EXPECT_TRUE(blocks(ends.server.connect()));
        ends.client = must(NamedPipe::open(ends.name));
        ASSERT_TRUE(ok(loop.registry().add(ends.client, client_token, read_write)));
        loop.expect({{server_token, Interest::writable}, {client_token, Interest::writable}});
        const std::array text{static_cast<std::byte>(round)};
        write_all(loop, ends.client, text);
        const auto read = read_all(loop, ends.server, 1, 16);
        ASSERT_EQ(read.size(), 1u);
        EXPECT_EQ(read[0], text[0]);
    }
}

TEST(NamedPipe, ServesSeveralClientsWithSeveralServers) {
    Loop loop;
    Ends ends;
    EXPECT_TRUE(fails_with(NamedPipe::open(ends.name), std::errc::device_or_resource_busy));
    auto another = must(NamedPipe::create_another(ends.name));
    auto client = must(NamedPipe::open(ends.name));
    ends.add_both(loop.registry());
    ASSERT_TRUE(ok(loop.registry().add(another, Token{2}, read_write)));
    ASSERT_TRUE(ok(loop.registry().add(client, Token{3}, read_write)));
    loop.expect({{Token{2}, Interest::writable}, {Token{3}, Interest::writable}});
    EXPECT_EQ(must(client.write(bytes_of("two"))), 3u);
    loop.expect({{Token{2}, Interest::readable}});
    std::array<std::byte, 16> buffer;
    EXPECT_EQ(text_of(std::span(buffer).first(must(another.read(buffer)))), "two");
    EXPECT_TRUE(blocks(ends.server.read(buffer)));
}

TEST(NamedPipe, CarriesMoreThanItsBuffersThroughSmallOnes) {
    Loop loop;
    Ends ends;
    ends.add_both(loop.registry());
    loop.expect({{client_token, Interest::writable}});
    for (const auto& [size, step] : {std::pair<std::size_t, std::size_t>{8'192, 4'000}, {10'000, 128}}) {
        const auto sent = pattern(size);
        write_all(loop, ends.client, sent);
        EXPECT_EQ(read_all(loop, ends.server, size, step), sent);
    }
    // Data larger than the buffers: the reader makes space while the writer waits for it.
    const auto sent = pattern(1'000'000);
    std::vector<std::byte> received;
    std::vector<std::byte> buffer(50'000);
    auto rest = std::span<const std::byte>(sent);
    while (received.size() < sent.size()) {
        bool has_moved = false;
        if (const auto written = ends.client.write(rest); written && *written != 0) {
            rest = rest.subspan(*written);
            has_moved = true;
        }
        if (const auto read = ends.server.read(buffer)) {
            received.insert(received.end(), buffer.begin(),
                            buffer.begin() + static_cast<std::ptrdiff_t>(*read));
            has_moved = true;
        }
        if (has_moved) continue;
        must(loop.poll.poll(loop.events, generous_margin));
        ASSERT_FALSE(loop.events.empty());
    }
    EXPECT_EQ(received, sent);
}

TEST(NamedPipe, KeepsMessageBoundaries) {
    Loop loop;
    Ends ends(PipeMode::messages);
    ends.add_both(loop.registry());
    loop.expect({{client_token, Interest::writable}});
    for (const std::string_view text : {"one", "two and more", "3"}) {
        write_all(loop, ends.client, bytes_of(text));
        // A message longer than the reader's buffer arrives in parts, without loss.
        std::string read;
        for (const auto part : read_all(loop, ends.server, text.size(), 2)) read += static_cast<char>(part);
        EXPECT_EQ(read, text);
    }
    // Two queued messages are read one by one.
    write_all(loop, ends.client, bytes_of("first"));
    loop.expect({{server_token, Interest::readable}, {client_token, Interest::writable}});
    write_all(loop, ends.client, bytes_of("second"));
    std::array<std::byte, 64> buffer;
    EXPECT_EQ(text_of(std::span(buffer).first(must(ends.server.read(buffer)))), "first");
    loop.expect({{server_token, Interest::readable}});
    EXPECT_EQ(text_of(std::span(buffer).first(must(ends.server.read(buffer)))), "second");
}

TEST(NamedPipe, TooLongMessageFails) {
    Loop loop;
    Ends ends(PipeMode::messages);
    ends.add_both(loop.registry());
    loop.expect({{client_token, Interest::writable}});
    EXPECT_TRUE(fails_with(ends.client.write(pattern(65'537)), std::errc::message_size));
    const auto longest = pattern(65'536);
    EXPECT_EQ(must(ends.client.write(longest)), longest.size());
    EXPECT_EQ(read_all(loop, ends.server, longest.size(), 30'000), longest);
}

TEST(NamedPipe, ReceivesAMessageLongerThanItsBuffer) {
    Loop loop;
    Ends ends(PipeMode::messages);
    ASSERT_TRUE(ok(loop.registry().add(ends.server, server_token, read_write)));
    const auto message = pattern(200'000);
    // Written with plain calls, since the library sends no messages of this length.
    std::thread writer([&] {
        ::OVERLAPPED overlapped{};
        ::DWORD written = 0;
        const auto handle = reinterpret_cast<::HANDLE>(ends.client.raw());
        ::WriteFile(handle, message.data(), static_cast<::DWORD>(message.size()), nullptr, &overlapped);
        EXPECT_NE(::GetOverlappedResult(handle, &overlapped, &written, TRUE), FALSE);
        EXPECT_EQ(written, message.size());
    });
    EXPECT_EQ(read_all(loop, ends.server, message.size(), 65'536), message);
    writer.join();
}

TEST(NamedPipe, RenewReportsConditionsThatStillHold) {
    Loop loop;
    Ends ends;
    ends.add_both(loop.registry());
    loop.expect({{server_token, Interest::writable}, {client_token, Interest::writable}});
    loop.expect_none();
    for (int i = 0; i < 2; ++i) {
        ASSERT_TRUE(ok(loop.registry().renew(ends.server)));
        loop.expect({{server_token, Interest::writable}});
        loop.expect_none();
    }
    // A one-shot is armed again, with its token and interest.
    ASSERT_TRUE(ok(loop.registry().modify(ends.server, Token{7}, Interest::writable, mio::Trigger::oneshot)));
    for (int i = 0; i < 2; ++i) {
        loop.expect({{Token{7}, Interest::writable}});
        loop.expect_none();
        ASSERT_TRUE(ok(loop.registry().renew(ends.server)));
    }
}

TEST(NamedPipe, ModifyAndRemoveFailWhenNotRegistered) {
    Loop loop;
    auto server = must(NamedPipe::create(fresh_name()));
    EXPECT_TRUE(fails_with(loop.registry().renew(server), Errc::not_registered));
    EXPECT_TRUE(fails_with(loop.registry().modify(server, server_token, read_write), Errc::not_registered));
    EXPECT_TRUE(fails_with(loop.registry().remove(server), Errc::not_registered));
    ASSERT_TRUE(ok(loop.registry().add(server, server_token, read_write)));
    EXPECT_TRUE(fails_with(loop.registry().add(server, server_token, read_write), Errc::already_registered));
    ASSERT_TRUE(ok(loop.registry().remove(server)));
    EXPECT_TRUE(fails_with(loop.registry().modify(server, server_token, read_write), Errc::not_registered));
    EXPECT_TRUE(fails_with(loop.registry().remove(server), Errc::not_registered));
}

TEST(NamedPipe, BelongsToItsFirstPollForLife) {
    Loop loop;
    Loop other;
    auto server = must(NamedPipe::create(fresh_name()));
    ASSERT_TRUE(ok(loop.registry().add(server, server_token, read_write)));
    EXPECT_TRUE(fails_with(other.registry().modify(server, server_token, read_write), Errc::other_registry));
    EXPECT_TRUE(fails_with(other.registry().remove(server), Errc::other_registry));
    ASSERT_TRUE(ok(loop.registry().remove(server)));
    EXPECT_TRUE(fails_with(other.registry().add(server, server_token, read_write), Errc::other_registry));
    EXPECT_TRUE(ok(loop.registry().add(server, server_token, read_write)));
}

TEST(NamedPipe, UnsupportedInterestFails) {
    Loop loop;
    auto server = must(NamedPipe::create(fresh_name()));
    EXPECT_TRUE(fails_with(loop.registry().add(server, server_token, Interest::priority), Errc::unsupported));
    EXPECT_TRUE(ok(loop.registry().add(server, server_token, read_write)));
}

TEST(NamedPipe, RemovedPipeIsNotReported) {
    Loop loop;
    Ends ends;
    ends.add_both(loop.registry());
    loop.expect({{server_token, Interest::writable}, {client_token, Interest::writable}});
    EXPECT_EQ(must(ends.client.write(bytes_of("1234"))), 4u); // the event is pending
    ASSERT_TRUE(ok(loop.registry().remove(ends.server)));
    ASSERT_TRUE(ok(loop.registry().remove(ends.client)));
    loop.expect_none();
    // No data is lost.
    ASSERT_TRUE(ok(loop.registry().add(ends.server, Token{7}, read_write)));
    loop.expect({{Token{7}, Interest::readable}});
    std::array<std::byte, 16> buffer;
    EXPECT_EQ(text_of(std::span(buffer).first(must(ends.server.read(buffer)))), "1234");
}

TEST(NamedPipe, ReportsItsCurrentToken) {
    Loop loop;
    Ends ends;
    constexpr Token widest{~std::size_t{0}};
    ends.add_both(loop.registry());
    loop.expect({{server_token, Interest::writable}, {client_token, Interest::writable}});
    EXPECT_EQ(must(ends.client.write(bytes_of("1"))), 1u);
    ASSERT_TRUE(ok(loop.registry().modify(ends.server, widest, read_write)));
    while (true) {
        must(loop.poll.poll(loop.events, generous_margin));
        ASSERT_FALSE(loop.events.empty());
        bool is_readable = false;
        for (const auto& event : loop.events) {
            EXPECT_NE(event.token(), server_token);
            is_readable |= event.token() == widest && event.is_readable();
        }
        if (is_readable) break;
    }
}

TEST(NamedPipe, ReportsOnlyRequestedInterests) {
    Loop loop;
    Ends ends;
    ASSERT_TRUE(ok(loop.registry().add(ends.server, server_token, Interest::readable)));
    loop.expect_none(); // writable
    ASSERT_TRUE(ok(loop.registry().add(ends.client, client_token, Interest::writable)));
    EXPECT_EQ(must(ends.client.write(bytes_of("1"))), 1u);
    loop.expect({{server_token, Interest::readable}});
}

TEST(NamedPipe, SupportsAllTriggers) {
    Loop loop;
    Ends ends;
    ASSERT_TRUE(ok(loop.registry().add(ends.client, client_token, Interest::writable)));
    loop.expect({{client_token, Interest::writable}});

    ASSERT_TRUE(ok(loop.registry().add(ends.server, server_token, Interest::readable, mio::Trigger::level)));
    EXPECT_EQ(must(ends.client.write(bytes_of("ab"))), 2u);
    loop.expect({{server_token, Interest::readable}, {client_token, Interest::writable}});
    loop.expect({{server_token, Interest::readable}});
    std::array<std::byte, 1> byte;
    EXPECT_EQ(must(ends.server.read(byte)), 1u);
    loop.expect({{server_token, Interest::readable}});
    EXPECT_EQ(must(ends.server.read(byte)), 1u);
    loop.expect_none();

    ASSERT_TRUE(
        ok(loop.registry().modify(ends.server, server_token, Interest::readable, mio::Trigger::oneshot)));
    EXPECT_EQ(must(ends.client.write(bytes_of("c"))), 1u);
    loop.expect({{server_token, Interest::readable}, {client_token, Interest::writable}});
    EXPECT_EQ(must(ends.server.read(byte)), 1u);
    EXPECT_EQ(must(ends.client.write(bytes_of("d"))), 1u);
    loop.expect({{client_token, Interest::writable}});
    loop.expect_none();
    ASSERT_TRUE(
        ok(loop.registry().modify(ends.server, server_token, Interest::readable, mio::Trigger::oneshot)));
    loop.expect({{server_token, Interest::readable}});
}

TEST(NamedPipe, InvalidNamesFail) {
    const auto name = fresh_name();
    const auto server = must(NamedPipe::create(name));
    if (!is_wine()) { // Wine creates another server of the same pipe
        EXPECT_TRUE(fails_with(NamedPipe::create(name), std::errc::permission_denied));
    }
    EXPECT_TRUE(fails_with(NamedPipe::open(fresh_name()), std::errc::no_such_file_or_directory));
    EXPECT_TRUE(fails_with(NamedPipe::create(std::string_view("\\\\.\\pipe\\a\0b", 12)), Errc::interior_nul));
    EXPECT_TRUE(fails_with(NamedPipe::create("\\\\.\\pipe\\" + std::string(300, 'x')), Errc::path_too_long));
    // Files and devices are not pipes, even where they could be opened.
    for (const auto* other : {"", "C:\\windows\\win.ini", "NUL", "\\\\.\\NUL", "\\\\.\\pipe", "\\\\.\\pipe\\",
                              "x\\\\.\\pipe\\y"}) {
        EXPECT_TRUE(fails_with(NamedPipe::open(other), std::errc::invalid_argument)) << other;
        EXPECT_TRUE(fails_with(NamedPipe::create(other), std::errc::invalid_argument)) << other;
    }
}

TEST(NamedPipe, OutlivesItsPoll) {
    const DescriptorGuard guard;
    Ends ends;
    {
        Loop loop;
        ends.add_both(loop.registry());
        loop.expect({{client_token, Interest::writable}});
    }
    EXPECT_EQ(must(ends.client.write(bytes_of("1"))), 1u);
    {
        const auto gone = std::move(ends.client);
    }
    {
        const auto gone = std::move(ends.server);
    }
}

TEST(NamedPipe, ReleaseGivesUpTheHandle) {
    Loop loop;
    Ends ends;
    ends.add_both(loop.registry());
    loop.expect({{client_token, Interest::writable}});
    const auto handle = ends.server.release();
    EXPECT_EQ(ends.server.raw(), mio::invalid_handle);
    EXPECT_NE(::CloseHandle(reinterpret_cast<::HANDLE>(handle)), FALSE);
}

TEST(NamedPipe, TenThousandRoundsLeakNothing) {
    Loop loop;
    const auto round = [&loop] {
        Ends ends;
        ends.add_both(loop.registry());
        static_cast<void>(ends.client.write(bytes_of("1")));
        must(loop.poll.poll(loop.events, 0ms));
    };
    round();
    must(loop.poll.poll(loop.events, 0ms));
    const DescriptorGuard guard;
    for (int i = 0; i < 10'000; ++i) round();
    while (must(loop.poll.poll(loop.events, 0ms)), !loop.events.empty()) {
    }
}

} // namespace
