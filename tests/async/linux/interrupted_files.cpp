// Files whose system calls a signal interrupts, as on network file systems.

#include <gtest/gtest.h>

#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include "../async.hpp"

namespace {

std::atomic<int> calls;

// Every other call is interrupted.
bool is_interrupted() {
    if (calls++ % 2 != 0) return false;
    errno = EINTR;
    return true;
}

} // namespace

// These replace the functions of the C library.
extern "C" ::ssize_t pread(int fd, void* buffer, std::size_t size, ::off_t offset) {
    return is_interrupted() ? -1 : ::syscall(SYS_pread64, fd, buffer, size, offset);
}
extern "C" ::ssize_t pwrite(int fd, const void* buffer, std::size_t size, ::off_t offset) {
    return is_interrupted() ? -1 : ::syscall(SYS_pwrite64, fd, buffer, size, offset);
}
extern "C" int fsync(int fd) { return is_interrupted() ? -1 : static_cast<int>(::syscall(SYS_fsync, fd)); }
extern "C" int ftruncate(int fd, ::off_t size) noexcept {
    return is_interrupted() ? -1 : static_cast<int>(::syscall(SYS_ftruncate, fd, size));
}
extern "C" ::ssize_t preadv2(int, const ::iovec*, int, ::off_t, int) {
    errno = ENOSYS; // so that reads use the pool
    return -1;
}

namespace {

using namespace test;

TEST(InterruptedFiles, OperationsGoOnAfterASignal) {
    std::string path = std::filesystem::temp_directory_path() / "mio-async-interrupted-XXXXXX";
    const plain::Socket owner(::mkstemp(path.data()));
    ASSERT_NE(owner.fd(), -1);
    async::Pool pool(1);
    run_alone([](async::Pool& threads, std::string name) -> Task<> {
        auto file = must(co_await async::File::open(threads, name, {.write = true}));
        calls = 0;
        EXPECT_TRUE(ok(co_await file.write_at(bytes_of("Hello"), 0)));
        EXPECT_TRUE(ok(co_await file.sync()));
        EXPECT_TRUE(ok(co_await file.resize(3)));
        std::array<std::byte, 5> buffer;
        EXPECT_EQ(must(co_await file.read_at(buffer, 0)), 3u);
        EXPECT_EQ(calls, 8) << "each was interrupted once";
    }(pool, path));
    std::filesystem::remove(path);
}

} // namespace
