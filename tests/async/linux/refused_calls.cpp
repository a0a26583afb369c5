// Files and thread pools where a kernel or a sandbox refuses calls; and the flags of descriptors.

#include <gtest/gtest.h>

#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstring>
#include <exception>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include "posix.hpp"
#include "sandbox.hpp"

#include "../async.hpp"

namespace {

using namespace test;

class LinuxFiles : public testing::Test {
  protected:
    LinuxFiles() {
        std::string name = std::filesystem::temp_directory_path() / "mio-async-linux-XXXXXX";
        const plain::Socket file(::mkstemp(name.data()));
        EXPECT_NE(file.fd(), -1);
        path_ = name;
    }
    ~LinuxFiles() override {
        std::error_code ignored;
        std::filesystem::remove(path_, ignored);
    }
    std::string path_;
};

TEST_F(LinuxFiles, AreNotInherited) {
    async::Pool pool(1);
    run_alone([](async::Pool& threads, std::string path) -> Task<> {
        const async::OpenOptions ways[] = {
            {}, {.write = true}, {.read = false, .write = true, .create = true}};
        for (const auto& options : ways) {
            const auto file = must(co_await async::File::open(threads, path, options));
            EXPECT_TRUE(is_close_on_exec(file.raw()));
        }
    }(pool, path_));
}

// Linux before 4.14 lacks the flag (EOPNOTSUPP, EINVAL) or the call (ENOSYS); a sandbox may reject the call (EPERM).
TEST_F(LinuxFiles, AreReadInThePoolWhereReadingAtOnceIsRefused) {
    if (!can_forbid_system_calls()) GTEST_SKIP() << "system call filters are unavailable";
    for (const int error : {EOPNOTSUPP, EINVAL, ENOSYS, EPERM, EAGAIN, EINTR}) {
        EXPECT_TRUE(holds_in_child([&] {
            ASSERT_TRUE(forbid_system_call(SYS_preadv2, error));
            async::Pool pool(1);
            run_alone([](async::Pool& threads, std::string path) -> Task<> {
                auto file = must(co_await async::File::open(threads, path, {.write = true}));
                EXPECT_TRUE(co_await file.write_all_at(bytes_of("Hello world"), 0));
                std::array<std::byte, 5> buffer;
                for (int i = 0; i < 2; ++i) {
                    EXPECT_TRUE(co_await file.read_exact_at(buffer, 6));
                    EXPECT_EQ(text_of(buffer), "world");
                }
            }(pool, path_));
        })) << std::strerror(error);
    }
}

// As BSD and Apple systems do while the receiver's queue is full.
TEST(AsyncUnix, SendingADatagramWaitsForBuffers) {
    using namespace std::chrono_literals;
    if (!can_forbid_system_calls()) GTEST_SKIP() << "system call filters are unavailable";
    EXPECT_TRUE(holds_in_child([] {
        run_alone([]() -> Task<> {
            auto receiver = must(async::UnixDatagram::bind(mio::net::UnixAddress::unnamed()));
            auto sender = must(async::UnixDatagram::unbound());
            const auto address = must(receiver.source().local_address());
            EXPECT_EQ(must(co_await sender.send_to(bytes_of("a"), address)), 1u);
            EXPECT_TRUE(forbid_system_call(SYS_sendto, ENOBUFS));
            EXPECT_TRUE(fails_with(co_await async::timeout(5ms, sender.send_to(bytes_of("b"), address)),
                                   std::errc::timed_out));
        }());
    }));
}

// One thread is enough, though it takes longer.
TEST(PoolFailure, WorksWithFewerThreadsWhereNoMoreCanBeCreated) {
    if (!can_forbid_system_calls()) GTEST_SKIP() << "system call filters are unavailable";
    EXPECT_TRUE(holds_in_child([] {
        async::Pool pool(3);
        run_alone([](async::Pool& threads) -> Task<> {
            EXPECT_EQ(must(co_await threads.run([] { return 1; })), 1);
            // musl makes the older call, and so does the GNU C library where the newer one is missing.
            EXPECT_TRUE(forbid_system_call(SYS_clone3, EAGAIN) && forbid_system_call(SYS_clone, EAGAIN));
            auto [second, third, fourth] = co_await async::when_all(
                threads.run([] { return 2; }), threads.run([] { return 3; }), threads.run([] { return 4; }));
            EXPECT_EQ(must(std::move(second)) + must(std::move(third)) + must(std::move(fourth)), 9);
        }(pool));
    }));
}

} // namespace
