// Thread pools in a process that can create no threads.

#include <gtest/gtest.h>

#include <sys/syscall.h>

#include <cerrno>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <expected>
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

TEST(PoolFailure, ReportsTheErrorOfThreadCreation) {
    if (!can_forbid_system_calls()) GTEST_SKIP() << "system call filters are unavailable";
    EXPECT_TRUE(holds_in_child([] {
        // musl makes the older call, and so does the GNU C library where the newer one is missing.
        ASSERT_TRUE(forbid_system_call(SYS_clone3, EAGAIN) && forbid_system_call(SYS_clone, EAGAIN));
        async::Pool pool(2);
        run_alone([](async::Pool& threads) -> Task<> {
            for (int i = 0; i < 2; ++i) {
                EXPECT_TRUE(fails_with(co_await threads.run([] { return 3; }),
                                       std::error_code(EAGAIN, mio::os_category())));
            }
        }(pool));
    }));
}

} // namespace
