// Unix listeners.
#include <array>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <type_traits>
#include <vector>

#include "local.hpp"

using namespace test;
using mio::Errc;
using mio::Trigger;

static_assert(std::is_nothrow_move_constructible_v<UnixListener>
              && std::is_nothrow_move_assignable_v<UnixListener>);
static_assert(!std::is_copy_constructible_v<UnixListener> && !std::is_copy_assignable_v<UnixListener>);
static_assert(mio::Source<UnixListener> && sizeof(UnixListener) <= 16);

namespace {

class UnixListenerTest : public testing::Test {
  protected:
    const DescriptorGuard guard_;
    const Folder folder_;
    const std::string path_ = folder_ / "listener";
    Loop loop_;

    void accepts_one(UnixListener listener) {
        EXPECT_TRUE(is_non_blocking(listener.raw()));
        EXPECT_TRUE(is_close_on_exec(listener.raw()));
        ASSERT_TRUE(ok(loop_.registry().add(listener, id1, read_write)));
        loop_.expect_none();

        const auto client = plain::unix_connect(path_);
        loop_.expect({{id1, Interest::readable}});
        const auto [stream, address] = must(listener.accept());
        EXPECT_TRUE(address.is_unnamed());
        EXPECT_TRUE(is_non_blocking(stream.raw()));
        EXPECT_TRUE(is_close_on_exec(stream.raw()));
        EXPECT_TRUE(blocks(try_read(stream)));
        EXPECT_TRUE(blocks(listener.accept()));
        EXPECT_TRUE(has_no_error(listener));

        // Both are ends of the same connection.
        plain::write_all(client, data1);
        EXPECT_EQ(read_text(stream), data1);
        EXPECT_EQ(stream.write(bytes_of(data2)), data2.size());
        EXPECT_EQ(plain::read_exactly(client, data2.size()), data2);
    }
};

} // namespace

TEST_F(UnixListenerTest, AcceptsAConnection) { accepts_one(must(UnixListener::bind(path_))); }

TEST_F(UnixListenerTest, AdoptsAnExistingSocket) {
    auto plain_listener = plain::unix_listen(path_);
    plain_listener.set_non_blocking();
    accepts_one(UnixListener::from_raw(plain_listener.release()));
}

TEST_F(UnixListenerTest, ReportsItsAddressAndThatOfItsStreams) {
    auto listener = must(UnixListener::bind(path_));
    ASSERT_TRUE(ok(loop_.registry().add(listener, id1, read_write)));
    const auto client = plain::unix_connect(path_);
    loop_.expect({{id1, Interest::readable}});
    const auto [stream, address] = must(listener.accept());
    EXPECT_EQ(path_of(must(listener.local_address())), path_);
    EXPECT_EQ(path_of(must(stream.local_address())), path_);
    EXPECT_TRUE(address.is_unnamed());
    EXPECT_TRUE(must(stream.peer_address()).is_unnamed());
}

TEST_F(UnixListenerTest, ReportsTheAddressOfABoundClient) {
    const auto listener = must(UnixListener::bind(path_));
    const auto client = plain::unix_bound(SOCK_STREAM, plain::unix_path(folder_ / "client"));
    const auto to = plain::unix_path(path_);
    ASSERT_EQ(::connect(client.fd(), to.get(), to.length), 0);
    const auto [stream, address] = must(listener.accept());
    EXPECT_EQ(address.path(), folder_ / "client");
    EXPECT_EQ(stream.peer_address(), address);
}

TEST_F(UnixListenerTest, IsNotReadableWithoutConnections) {
    auto listener = must(UnixListener::bind(path_));
    ASSERT_TRUE(ok(loop_.registry().add(listener, id1, Interest::readable)));
    loop_.expect_none();
}

TEST_F(UnixListenerTest, ModifyToReadableReportsPendingConnection) {
    auto listener = must(UnixListener::bind(path_));
    ASSERT_TRUE(ok(loop_.registry().add(listener, id1, Interest::writable)));
    const auto client = plain::unix_connect(path_);
    loop_.expect_none();
    ASSERT_TRUE(ok(loop_.registry().modify(listener, id1, Interest::readable)));
    loop_.expect({{id1, Interest::readable}});
    EXPECT_TRUE(ok(listener.accept()));
}

TEST_F(UnixListenerTest, RemovedListenerIsNotReported) {
    auto listener = must(UnixListener::bind(path_));
    ASSERT_TRUE(ok(loop_.registry().add(listener, id1, Interest::readable)));
    const auto client = plain::unix_connect(path_);
    ASSERT_TRUE(ok(loop_.registry().remove(listener)));
    loop_.expect_none();
    EXPECT_TRUE(ok(listener.accept()));
}

TEST_F(UnixListenerTest, SupportsAbstractNames) {
    const auto address = abstract(unique_name("listener"));
    {
        auto listener = must(UnixListener::bind(address));
        EXPECT_EQ(abstract_name_of(must(listener.local_address())), address.abstract_name());
        ASSERT_TRUE(ok(loop_.registry().add(listener, id1, read_write)));
        loop_.expect_none();
        const auto client =
            plain::unix_connect(plain::UnixName(std::string(1, '\0') + unique_name("listener")));
        loop_.expect({{id1, Interest::readable}});
        EXPECT_TRUE(must(listener.accept()).second.is_unnamed());
        EXPECT_TRUE(fails_with(UnixListener::bind(address), std::errc::address_in_use));
    }
    // The name disappeared with the socket and left no file.
    EXPECT_TRUE(fails_with(UnixStream::connect(address), std::errc::connection_refused));
    EXPECT_TRUE(ok(UnixListener::bind(address)));
    EXPECT_TRUE(folder_.is_empty());
}

TEST_F(UnixListenerTest, EmptyAddressBindsToAnAutomaticAbstractName) {
    const auto listener = must(UnixListener::bind(UnixAddress::unnamed()));
    const auto address = must(listener.local_address());
    ASSERT_TRUE(address.abstract_name().has_value());
    EXPECT_TRUE(ok(UnixStream::connect(address)));
}

TEST_F(UnixListenerTest, ReportsTheNextConnectionAfterDraining) {
    auto listener = must(UnixListener::bind(path_));
    ASSERT_TRUE(ok(loop_.registry().add(listener, id1, Interest::readable)));
    std::vector<UnixStream> streams;
    for (std::size_t round = 1; round <= 3; ++round) {
        for (std::size_t i = 0; i < round; ++i) streams.push_back(must(UnixStream::connect(path_)));
        loop_.expect({{id1, Interest::readable}});
        for (std::size_t i = 0; i < round; ++i) streams.push_back(must(listener.accept()).first);
        EXPECT_TRUE(blocks(listener.accept()));
        loop_.expect_none();
    }
}

TEST_F(UnixListenerTest, LevelTriggerReportsWhileAConnectionIsPending) {
    auto listener = must(UnixListener::bind(path_));
    ASSERT_TRUE(ok(loop_.registry().add(listener, id1, Interest::readable, Trigger::level)));
    const auto first = plain::unix_connect(path_);
    const auto second = plain::unix_connect(path_);
    for (int i = 0; i < 2; ++i) {
        loop_.expect({{id1, Interest::readable}});
        loop_.expect({{id1, Interest::readable}});
        EXPECT_TRUE(ok(listener.accept()));
    }
    loop_.expect_none();
}

TEST_F(UnixListenerTest, AcceptsInConnectOrder) {
    const auto listener = must(UnixListener::bind(path_));
    std::vector<plain::Socket> clients;
    for (int i = 0; i < 5; ++i) {
        clients.push_back(plain::unix_connect(path_));
        plain::write_all(clients.back(), std::to_string(i));
    }
    for (int i = 0; i < 5; ++i) EXPECT_EQ(read_text(must(listener.accept()).first), std::to_string(i));
}

TEST_F(UnixListenerTest, AcceptsAConnectionClosedByItsClient) {
    const auto listener = must(UnixListener::bind(path_));
    {
        const auto client = plain::unix_connect(path_);
        plain::write_all(client, data1);
    }
    const auto stream = must(listener.accept()).first;
    EXPECT_EQ(read_text(stream), data1);
    EXPECT_EQ(try_read(stream), 0u);
}

TEST_F(UnixListenerTest, QueuesManyConnections) {
    const auto listener = must(UnixListener::bind(path_));
    std::vector<UnixStream> clients;
    for (int i = 0; i < 300; ++i) clients.push_back(must(UnixStream::connect(path_), "the queue is short"));
    for (int i = 0; i < 300; ++i) EXPECT_TRUE(ok(listener.accept()));
    EXPECT_TRUE(blocks(listener.accept()));
}

TEST_F(UnixListenerTest, DoesNotRemoveItsPath) {
    {
        const auto gone = must(UnixListener::bind(path_));
    }
    EXPECT_TRUE(std::filesystem::is_socket(path_));
    EXPECT_TRUE(fails_with(UnixListener::bind(path_), std::errc::address_in_use));
    std::filesystem::remove(path_);
    EXPECT_TRUE(ok(UnixListener::bind(path_)));
}

TEST_F(UnixListenerTest, BindToAUsedPathFails) {
    const auto listener = must(UnixListener::bind(path_));
    EXPECT_TRUE(fails_with(UnixListener::bind(path_), std::errc::address_in_use));
    EXPECT_TRUE(fails_with(UnixListener::bind(path_address(path_)), std::errc::address_in_use));
    EXPECT_TRUE(fails_with(UnixListener::bind(folder_.path()), std::errc::address_in_use));
    EXPECT_TRUE(ok(UnixStream::connect(path_)));
}

TEST_F(UnixListenerTest, InvalidPathsFail) {
    EXPECT_TRUE(fails_with(UnixListener::bind(""), Errc::invalid_address));
    EXPECT_TRUE(fails_with(UnixListener::bind(folder_.path_of_size(108)), Errc::path_too_long));
    EXPECT_TRUE(fails_with(UnixListener::bind(std::string_view("a\0b", 3)), Errc::interior_nul));
    EXPECT_TRUE(fails_with(UnixListener::bind(folder_ / "missing/x"), std::errc::no_such_file_or_directory));
    EXPECT_TRUE(folder_.is_empty());
}

TEST_F(UnixListenerTest, AcceptFailsOnANonListeningSocket) {
    const auto listener =
        UnixListener::from_raw(plain::unix_bound(SOCK_STREAM, plain::unix_path(path_)).release());
    EXPECT_TRUE(fails_with(listener.accept(), std::errc::invalid_argument));
}

TEST_F(UnixListenerTest, StaysUsableWhenMoved) {
    auto first = must(UnixListener::bind(path_));
    ASSERT_TRUE(ok(loop_.registry().add(first, id1, Interest::readable)));
    const auto handle = first.raw();
    auto second = std::move(first);
    EXPECT_EQ(second.raw(), handle);
    const auto client = plain::unix_connect(path_);
    loop_.expect({{id1, Interest::readable}});
    EXPECT_TRUE(ok(second.accept()));
}

TEST_F(UnixListenerTest, LeaksNoDescriptors) {
    const auto before = open_descriptors();
    for (int i = 0; i < 10'000; ++i) {
        const auto listener = must(UnixListener::bind(UnixAddress::unnamed()));
        const auto client = must(UnixStream::connect(must(listener.local_address())));
        ASSERT_TRUE(ok(listener.accept()));
        // Another connection stays queued.
        ASSERT_TRUE(ok(UnixStream::connect(must(listener.local_address()))));
        ASSERT_TRUE(
            fails_with(UnixListener::bind(must(listener.local_address())), std::errc::address_in_use));
    }
    EXPECT_EQ(open_descriptors(), before);
}
