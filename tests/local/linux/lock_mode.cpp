// The lock file of `bind_replacing`, observed while it exists.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "../local.hpp"

using namespace test;

namespace {
std::vector<::mode_t> locked;     // the modes of the files that were locked
std::vector<int> flags_of_locked; // their descriptors' flags
} // namespace

extern "C" int flock(int fd, int operation) noexcept {
    struct ::stat status{};
    if (::fstat(fd, &status) == 0) locked.push_back(status.st_mode & 07777);
    flags_of_locked.push_back(::fcntl(fd, F_GETFD));
    return static_cast<int>(::syscall(SYS_flock, fd, operation));
}

namespace {

// Otherwise another user who can read the directory could hold the lock of a path, and so prevent binding to it.
TEST(BindReplacingLock, CanBeOpenedOnlyByItsOwner) {
    const Folder folder;
    in_child([&] { // the umask belongs to the process
        ::umask(0);
        must(UnixListener::bind_replacing(folder / "socket"));
        ASSERT_FALSE(locked.empty());
        for (const auto mode : locked) EXPECT_EQ(mode & 077, 0u) << "mode " << std::oct << mode;
    });
}

// A program that another thread starts meanwhile would hold the lock for as long as it runs.
TEST(BindReplacingLock, IsNotInherited) {
    const Folder folder;
    in_child([&] {
        must(UnixListener::bind_replacing(folder / "socket"));
        ASSERT_FALSE(flags_of_locked.empty());
        for (const auto flags : flags_of_locked) EXPECT_EQ(flags, FD_CLOEXEC);
    });
}

} // namespace
