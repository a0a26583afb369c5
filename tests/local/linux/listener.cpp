// Unix listeners with a system call that fails.
#include <sys/syscall.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

#include "../local.hpp"
#include "sandbox.hpp"

using namespace test;
namespace fs = std::filesystem;

namespace {

// The path could not be bound again.
TEST(UnixListenerFailure, RemovesItsFileIfItCannotListen) {
    if (!can_forbid_system_calls()) GTEST_SKIP() << "system call filters are unavailable";
    const Folder folder;
    const std::string path = folder / "listener";
    EXPECT_TRUE(holds_in_child([&] {
        const DescriptorGuard guard;
        ASSERT_TRUE(forbid_system_call(SYS_listen, EPERM));
        for (int i = 0; i < 2; ++i) {
            EXPECT_TRUE(fails_with(UnixListener::bind(path), std::error_code(EPERM, mio::os_category())));
            EXPECT_FALSE(fs::exists(path));
        }
    }));
}

} // namespace
