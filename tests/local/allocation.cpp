// Unix sockets allocate nothing.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <span>
#include <string>
#include <utility>

#include "local.hpp"

namespace {

std::atomic<int> allocations = 0;

} // namespace

// ThreadSanitizer has its own operator new, which cannot be replaced.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MIO_CANNOT_COUNT
#endif
#endif

#ifndef MIO_CANNOT_COUNT
void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc();
}
void* operator new[](std::size_t size) { return ::operator new(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
#endif

using namespace test;
using mio::net::IoSlice;
using mio::net::IoSliceMut;

namespace {

class UnixAllocation : public testing::Test {
  protected:
    void SetUp() override {
#ifdef MIO_CANNOT_COUNT
        GTEST_SKIP() << "ThreadSanitizer replaces operator new";
#endif
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
    const int before = allocations;
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
    EXPECT_EQ(allocations - before, 0);
    EXPECT_EQ(failures_, 0);
}

TEST_F(UnixAllocation, DatagramsMakeNone) {
    const Folder folder;
    const auto path = folder / "receiver";
    const auto address = path_address(path);
    const auto receiver = must(UnixDatagram::bind(path));
    const int before = allocations;
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
    EXPECT_EQ(allocations - before, 0);
    EXPECT_EQ(failures_, 0);
}

TEST_F(UnixAllocation, ReplacingAStaleSocketMakesNone) {
    const Folder folder;
    const auto path = folder / "listener";
    const int before = allocations;
    for (int i = 0; i < 100; ++i) done(UnixListener::bind_replacing(path));
    EXPECT_EQ(allocations - before, 0);
    EXPECT_EQ(failures_, 0);
}
