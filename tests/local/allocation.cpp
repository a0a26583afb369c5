// Unix sockets allocate nothing.
#include <array>
#include <cstddef>
#include <cstdlib>
#include <span>
#include <string>
#include <utility>

#include "counted_heap.hpp"

#include "local.hpp"

using namespace test;
using mio::net::IoSlice;
using mio::net::IoSliceMut;

namespace {

class UnixAllocation : public testing::Test {
  protected:
    void SetUp() override {
        if (!replaces_new) GTEST_SKIP() << "the thread sanitizer's operator new cannot be replaced";
    }

    std::array<std::byte, 64> buffer_{};
    // Failed calls are counted instead of reported, because reporting would allocate.
    int failures_ = 0;
    template <class T> void done(const mio::Result<T>& result) { failures_ += !result; }
    template <class T> void blocked(const mio::Result<T>& result) {
        failures_ += result.has_value() || !mio::would_block(result.error());
    }
};

} // namespace

TEST_F(UnixAllocation, StreamsMakeNone) {
    const Folder folder;
    const auto path = folder / "listener";
    const auto listener = must(UnixListener::bind(path));
    const auto before = heap.allocations.load();
    for (int i = 0; i < 100; ++i) {
        const auto client = UnixStream::connect(path);
        const auto accepted = listener.accept();
        if (!client || !accepted) std::abort();
        const auto& server = accepted->first;
        blocked(listener.accept());
        blocked(server.read(buffer_));
        done(client->write(bytes_of(data1)));
        done(server.peek(buffer_));
        done(server.read(buffer_));
        const std::array<IoSlice, 2> out = {bytes_of(data1), bytes_of(data2)};
        const std::array<IoSliceMut, 1> in = {std::span<std::byte>(buffer_)};
        done(client->write_vectored(out));
        done(server.read_vectored(in));
        done(client->peer_address());
        done(client->local_address());
        done(client->peer_credentials());
        done(client->take_error());
        done(client->shutdown(Shutdown::write));
        done(UnixStream::pair());
    }
    EXPECT_EQ(heap.allocations - before, 0u);
    EXPECT_EQ(failures_, 0);
}

TEST_F(UnixAllocation, DatagramsMakeNone) {
    const Folder folder;
    const auto path = folder / "receiver";
    const auto address = path_address(path);
    const auto receiver = must(UnixDatagram::bind(path));
    const auto before = heap.allocations.load();
    for (int i = 0; i < 100; ++i) {
        const auto sender = UnixDatagram::unbound();
        if (!sender) std::abort();
        blocked(receiver.receive_from(buffer_));
        blocked(receiver.receive(buffer_));
        done(sender->send_to(bytes_of(data1), path));
        done(sender->send_to(bytes_of(data1), address));
        done(sender->connect(path));
        done(sender->send(bytes_of(data1)));
        done(receiver.peek_from(buffer_));
        done(receiver.peek(buffer_));
        done(receiver.receive_from(buffer_));
        done(receiver.receive(buffer_));
        done(receiver.receive(buffer_));
        done(sender->peer_address());
        done(receiver.local_address());
        done(UnixDatagram::pair());
    }
    EXPECT_EQ(heap.allocations - before, 0u);
    EXPECT_EQ(failures_, 0);
}

TEST_F(UnixAllocation, ReplacingAStaleSocketMakesNone) {
    const Folder folder;
    const auto path = folder / "listener";
    const auto before = heap.allocations.load();
    for (int i = 0; i < 100; ++i) done(UnixListener::bind_replacing(path));
    EXPECT_EQ(heap.allocations - before, 0u);
    EXPECT_EQ(failures_, 0);
}
