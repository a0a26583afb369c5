// bind_replacing with a system call that fails.
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>

#include "../local.hpp"
#include "sandbox.hpp"

using namespace test;
namespace fs = std::filesystem;

namespace {

const std::string lock_suffix = ".mio-lock";

class BindReplacingFailure : public testing::Test {
  protected:
    const DescriptorGuard guard_;
    const Folder folder_;
    const std::string path_ = folder_ / "listener";
};

} // namespace

TEST_F(BindReplacingFailure, ReportsFailureOfTheLivenessCheck) {
    const std::pair<long, int> cases[] = {
        {SYS_connect, ENOMEM},    {SYS_connect, EACCES}, {SYS_newfstatat, EIO},
        {SYS_newfstatat, ENOMEM}, {SYS_flock, ENOLCK},
#ifdef SYS_unlink
        {SYS_unlink, EPERM},
#endif
    };
    for (const auto& [call, error] : cases) {
        in_child([&] {
            leave_stale_socket(path_);
            ASSERT_TRUE(forbid_system_call(call, error));
            const auto listener = UnixListener::bind_replacing(path_);
            EXPECT_TRUE(fails_with(listener, std::error_code(error, mio::os_category())))
                << call << ": " << std::strerror(error);
        });
        EXPECT_TRUE(fs::is_socket(path_)) << "the socket was not replaced";
        fs::remove(path_);
        fs::remove(path_ + lock_suffix); // if the library could not unlink it
    }
}

TEST_F(BindReplacingFailure, LeavesNoLockFileBehind) {
    const std::pair<long, int> cases[] = {{SYS_flock, ENOLCK}, {SYS_newfstatat, EACCES}};
    for (const auto& [call, error] : cases) {
        in_child([&] {
            ASSERT_TRUE(forbid_system_call(call, error));
            EXPECT_TRUE(
                fails_with(UnixListener::bind_replacing(path_), std::error_code(error, mio::os_category())));
        });
        EXPECT_FALSE(fs::exists(path_ + lock_suffix)) << std::strerror(error);
    }
}

TEST_F(BindReplacingFailure, LeavesAnExistingLockFileToItsOwner) {
    ASSERT_TRUE(std::ofstream(path_ + lock_suffix));
    in_child([&] {
        ASSERT_TRUE(forbid_system_call(SYS_flock, ENOLCK));
        EXPECT_FALSE(UnixListener::bind_replacing(path_));
    });
    EXPECT_TRUE(fs::exists(path_ + lock_suffix));
}
