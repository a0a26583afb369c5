// The lock file of `bind_replacing`, observed and disturbed while it exists.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "../local.hpp"

using namespace test;

namespace {

/// A call of flock: the file, and the descriptor's flags.
struct Call {
    int operation;
    ::mode_t mode;
    ::nlink_t names;
    int flags;
};
std::vector<Call> calls;

// Each runs once, before the next call.
std::function<void()> before_flock;
std::function<void()> before_unlink;

void run_once(std::function<void()>& hook) {
    if (const auto now = std::exchange(hook, nullptr)) now();
}

int real_flock(int fd, int operation) { return static_cast<int>(::syscall(SYS_flock, fd, operation)); }

} // namespace

extern "C" int flock(int fd, int operation) noexcept {
    struct ::stat status{};
    if (::fstat(fd, &status) == 0)
        calls.push_back({operation, status.st_mode & 07777, status.st_nlink, ::fcntl(fd, F_GETFD)});
    run_once(before_flock);
    return real_flock(fd, operation);
}

extern "C" int unlink(const char* path) noexcept {
    run_once(before_unlink);
    return ::unlinkat(AT_FDCWD, path, 0);
}

namespace {

constexpr auto in_use = std::errc::address_in_use;

// Otherwise another user who can read the directory could hold the lock of a path, and so prevent binding to it.
TEST(BindReplacingLock, CanBeOpenedOnlyByItsOwner) {
    const Folder folder;
    in_child([&] { // the umask belongs to the process
        ::umask(0);
        must(UnixListener::bind_replacing(folder / "socket"));
        ASSERT_FALSE(calls.empty());
        for (const auto& call : calls) EXPECT_EQ(call.mode & 077, 0u) << "mode " << std::oct << call.mode;
    });
}

// A program that another thread starts meanwhile would hold the lock for as long as it runs.
TEST(BindReplacingLock, IsNotInherited) {
    const Folder folder;
    in_child([&] {
        must(UnixListener::bind_replacing(folder / "socket"));
        ASSERT_FALSE(calls.empty());
        for (const auto& call : calls) EXPECT_EQ(call.flags, FD_CLOEXEC);
    });
}

// The stale socket has been found, and is about to be removed: without the lock, both would remove one and bind.
TEST(BindReplacingLock, ExcludesOthersWhileAStaleSocketIsReplaced) {
    const Folder folder;
    const auto path = folder / "socket";
    in_child([&] {
        leave_stale_socket(path);
        bool has_tried = false;
        before_unlink = [&] {
            has_tried = true;
            EXPECT_TRUE(fails_with(UnixListener::bind_replacing(path), in_use));
        };
        const auto listener = must(UnixListener::bind_replacing(path));
        EXPECT_TRUE(has_tried);
        EXPECT_TRUE(ok(UnixStream::connect(path)));
    });
}

// A former holder removes its file between this one's opening and locking it. A lock on the removed file excludes no other holder.
TEST(BindReplacingLock, OfARemovedFileDoesNotCount) {
    const Folder folder;
    const auto path = folder / "socket";
    const auto name = path + ".mio-lock";
    in_child([&] {
        leave_stale_socket(path);
        plain::Socket another;
        before_flock = [&] {
            EXPECT_EQ(::unlinkat(AT_FDCWD, name.c_str(), 0), 0);
            another = plain::Socket(::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
            EXPECT_EQ(real_flock(another.fd(), LOCK_EX | LOCK_NB), 0);
        };
        EXPECT_TRUE(fails_with(UnixListener::bind_replacing(path), in_use));
        EXPECT_EQ(::access(name.c_str(), F_OK), 0) << "the lock belongs to another holder";
    });
}

// After it is unlocked, the file may be another holder's.
TEST(BindReplacingLock, IsRemovedBeforeItIsUnlocked) {
    const Folder folder;
    in_child([&] {
        must(UnixListener::bind_replacing(folder / "socket"));
        ASSERT_FALSE(calls.empty());
        EXPECT_EQ(calls.back().operation, LOCK_UN);
        EXPECT_EQ(calls.back().names, 0u);
    });
}

} // namespace
