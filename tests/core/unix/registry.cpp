#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <functional>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>

#include "../pair.hpp"
#include "differences.hpp"
#include "posix.hpp"

using namespace test;
using mio::Errc;

namespace {

constexpr Token id1{1}, id2{2};

} // namespace

TEST(Registry, ReportsClosedPeerAsReadAndWriteClosed) {
    Loop loop;
    Pair pair;
    ASSERT_TRUE(ok(loop.registry().add(pair.source, id1, read_write)));
    loop.expect({{id1, Interest::writable}});
    plain::end_writing(pair.there);
    loop.expect({{id1, Readiness::readable | Readiness::read_closed}});
    pair.there.close();
    loop.expect({{id1, Readiness::read_closed | Readiness::write_closed}});
}

TEST(Registry, DescriptorClosedWithoutRemoveCanBeRegisteredAgain) {
    Loop loop;
    auto [here, there] = plain::socket_pair();
    const int number = here.fd();
    mio::RawSource forgotten(number);
    ASSERT_TRUE(ok(loop.registry().add(forgotten, id1, read_write)));
    here.close();
    // The closed descriptor is not reported.
    loop.expect_none();

    // Another stream gets the same number.
    auto [reused, peer] = plain::socket_pair();
    if (reused.fd() != number) {
        ASSERT_EQ(::dup2(reused.fd(), number), number);
        reused = plain::close_on_exec(number);
    }
    mio::RawSource source(number);
    ASSERT_TRUE(ok(loop.registry().add(source, id2, Interest::readable)));
    plain::write_all(peer, "x");
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 500ms)));
    ASSERT_EQ(loop.events.size(), 1u);
    EXPECT_EQ(loop.events[0].token(), id2);
    EXPECT_TRUE(ok(loop.registry().remove(source)));
}

TEST(RegistryError, AddingAClosedDescriptorFails) {
    Loop loop;
    auto [here, there] = plain::socket_pair();
    const int number = ::fcntl(here.fd(), F_DUPFD_CLOEXEC, 3000);
    ASSERT_NE(number, -1);
    ASSERT_EQ(::close(number), 0);
    mio::RawSource source(number);
    EXPECT_TRUE(
        fails_with(loop.registry().add(source, id1, Interest::readable), std::errc::bad_file_descriptor));
    EXPECT_TRUE(fails_with(loop.registry().modify(source, id1, Interest::readable), Errc::not_registered));
    EXPECT_TRUE(fails_with(loop.registry().remove(source), Errc::not_registered));
    // Once the descriptor is open, the same source can be added.
    ASSERT_EQ(::dup2(here.fd(), number), number);
    const auto owner = plain::close_on_exec(number);
    ASSERT_TRUE(ok(loop.registry().add(source, id1, Interest::readable)));
    plain::write_all(there, "x");
    loop.expect({{id1, Interest::readable}});
    EXPECT_TRUE(ok(loop.registry().remove(source)));
    // The invalid handle value fails too.
    mio::RawSource nothing(mio::invalid_handle);
    EXPECT_TRUE(
        fails_with(loop.registry().add(nothing, id1, Interest::readable), std::errc::bad_file_descriptor));
}

TEST(RegistryError, AddingARegularFileFails) {
    if (!differences.refuses_files) GTEST_SKIP() << "regular files are accepted";
    Loop loop;
    std::FILE* file = std::tmpfile();
    ASSERT_NE(file, nullptr);
    mio::RawSource source(::fileno(file));
    const auto added = loop.registry().add(source, id1, Interest::readable);
    ASSERT_TRUE(fails_with(added, std::errc::operation_not_permitted));
    EXPECT_EQ(added.error().category(), mio::os_category());
    EXPECT_TRUE(fails_with(loop.registry().remove(source), Errc::not_registered));
    std::fclose(file);
}

// Duplicates.

TEST(Registry, DestroyingASourceRemovesItsRegistrationDespiteDuplicateHandle) {
    Loop loop;
    using Stream = mio::net::TcpStream;
    const std::array<std::function<void(std::optional<Stream>&)>, 3> ways{
        [](std::optional<Stream>& stream) { stream.reset(); },
        [](std::optional<Stream>& stream) { ::close(stream->release()); },
        [](std::optional<Stream>& stream) { *stream = Stream::from_raw(mio::invalid_handle); },
    };
    for (const auto& end : ways) {
        auto [here, there] = plain::socket_pair();
        const plain::Socket duplicate(::dup(here.fd()));
        std::optional stream(Stream::from_raw(here.release()));
        ASSERT_TRUE(ok(loop.registry().add(*stream, id1, read_write, mio::Trigger::level)));
        end(stream);
        plain::write_all(there, "x");
        loop.expect_none();
    }
}

// Handles closed before their source is removed.

TEST(Registry, RemovingARawSourceWithClosedHandleSucceedsOnce) {
    Loop loop;
    for (const bool polls_between : {false, true}) {
        auto [here, there] = plain::socket_pair();
        mio::RawSource source(here.fd());
        ASSERT_TRUE(ok(loop.registry().add(source, id1, read_write)));
        here.close();
        if (polls_between) loop.expect_none();
        EXPECT_TRUE(ok(loop.registry().remove(source)));
        EXPECT_TRUE(fails_with(loop.registry().remove(source), Errc::not_registered));
    }
}

TEST(RegistryError, AddingAHugeClosedDescriptorAllocatesNothing) {
    Loop loop;
    mio::RawSource source(std::numeric_limits<int>::max());
    for (const auto trigger : {mio::Trigger::edge, mio::Trigger::oneshot}) {
        EXPECT_TRUE(fails_with(loop.registry().add(source, id1, Interest::readable, trigger),
                               std::errc::bad_file_descriptor));
    }
}
