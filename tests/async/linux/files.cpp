// Files of mio.async where only Linux can be observed: the flags of descriptors, and calls that a kernel or a sandbox refuses.

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

} // namespace
