// Binding where another process may have left its socket behind.
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "local.hpp"

using namespace test;
using mio::Errc;
namespace fs = std::filesystem;

namespace {

constexpr auto in_use = std::errc::address_in_use;
const std::string lock_suffix = ".mio-lock";

class BindReplacing : public testing::Test {
  protected:
    const DescriptorGuard guard_;
    const Folder folder_;
    const std::string path_ = folder_ / "listener";

    void expect_served(const UnixListener& listener) const {
        const auto client = UnixStream::connect(path_);
        ASSERT_TRUE(ok(client));
        EXPECT_TRUE(ok(listener.accept()));
        EXPECT_EQ(path_of(must(listener.local_address())), path_);
    }
    static auto inode(const std::string& path) {
        struct ::stat status{};
        EXPECT_EQ(::lstat(path.c_str(), &status), 0);
        return status.st_ino;
    }
};

} // namespace

TEST_F(BindReplacing, BindsToANewPath) {
    const auto listener = must(UnixListener::bind_replacing(path_));
    EXPECT_TRUE(is_non_blocking(listener.raw()) && is_close_on_exec(listener.raw()));
    expect_served(listener);
}

TEST_F(BindReplacing, ReplacesTheSocketOfAKilledProcess) {
    const Signal bound;
    Child child([&] {
        const auto listener = must(UnixListener::bind(path_));
        bound.give();
        ::pause();
    });
    bound.take();
    EXPECT_TRUE(fails_with(UnixListener::bind_replacing(path_), in_use));
    ::kill(child.pid(), SIGKILL);
    EXPECT_EQ(child.wait(), -1);
    ASSERT_TRUE(fs::is_socket(path_));
    expect_served(must(UnixListener::bind_replacing(path_)));
}

TEST_F(BindReplacing, ReplacesTheSocketOfAnExitedProcess) {
    in_child([&] {
        const auto handle = must(UnixListener::bind(path_)).release();
        EXPECT_GE(handle, 0);
        ::_exit(0);
    });
    ASSERT_TRUE(fs::is_socket(path_));
    EXPECT_TRUE(fails_with(UnixListener::bind(path_), in_use));
    expect_served(must(UnixListener::bind_replacing(path_)));
}

TEST_F(BindReplacing, ReplacesItsOwnStaleSocketsRepeatedly) {
    for (int i = 0; i < 100; ++i) expect_served(must(UnixListener::bind_replacing(path_)));
}

TEST_F(BindReplacing, ReplacesAStaleDatagramSocket) {
    leave_stale_socket(path_, SOCK_DGRAM);
    expect_served(must(UnixListener::bind_replacing(path_)));
}

TEST_F(BindReplacing, KeepsALiveListener) {
    const auto live = must(UnixListener::bind(path_));
    const auto before = inode(path_);
    EXPECT_TRUE(fails_with(UnixListener::bind_replacing(path_), in_use));
    EXPECT_EQ(inode(path_), before);
    // The liveness check connected to it, so one closed connection is pending; then it works as before.
    EXPECT_EQ(try_read(must(live.accept()).first), 0u);
    expect_served(live);
}

TEST_F(BindReplacing, KeepsALiveListenerWithAFullQueue) {
    const auto live = plain::unix_listen(path_, 0);
    std::vector<UnixStream> clients;
    for (auto client = UnixStream::connect(path_); client; client = UnixStream::connect(path_))
        clients.push_back(std::move(*client));
    const auto before = inode(path_);
    EXPECT_TRUE(fails_with(UnixListener::bind_replacing(path_), in_use));
    EXPECT_EQ(inode(path_), before);
}

TEST_F(BindReplacing, KeepsALiveSocketOfAnotherType) {
    const auto live = must(UnixDatagram::bind(path_));
    EXPECT_TRUE(fails_with(UnixListener::bind_replacing(path_), in_use));
    ASSERT_TRUE(ok(must(UnixDatagram::unbound()).send_to(bytes_of(data1), path_)));
    EXPECT_EQ(receive_text(live), data1);
}

TEST_F(BindReplacing, KeepsAFile) {
    std::ofstream(path_) << "precious";
    EXPECT_TRUE(fails_with(UnixListener::bind_replacing(path_), in_use));
    std::string text;
    std::ifstream(path_) >> text;
    EXPECT_EQ(text, "precious");
}

TEST_F(BindReplacing, KeepsADirectory) {
    fs::create_directory(path_);
    EXPECT_TRUE(fails_with(UnixListener::bind_replacing(path_), in_use));
    EXPECT_TRUE(fs::is_directory(path_));
}

TEST_F(BindReplacing, KeepsAFifo) {
    ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
    EXPECT_TRUE(fails_with(UnixListener::bind_replacing(path_), in_use));
    EXPECT_TRUE(fs::is_fifo(path_));
}

TEST_F(BindReplacing, KeepsASymlinkToAStaleSocket) {
    leave_stale_socket(folder_ / "target");
    fs::create_symlink(folder_ / "target", path_);
    EXPECT_TRUE(fails_with(UnixListener::bind_replacing(path_), in_use));
    EXPECT_TRUE(fs::is_symlink(path_));
    EXPECT_TRUE(fs::is_socket(folder_ / "target"));
}

TEST_F(BindReplacing, KeepsADanglingSymlink) {
    fs::create_symlink(folder_ / "nothing", path_);
    EXPECT_TRUE(fails_with(UnixListener::bind_replacing(path_), in_use));
    EXPECT_TRUE(fs::is_symlink(path_));
    EXPECT_FALSE(fs::exists(folder_ / "nothing"));
}

TEST_F(BindReplacing, FailsWithoutADirectory) {
    EXPECT_TRUE(fails_with(UnixListener::bind_replacing(folder_ / "missing/x"),
                           std::errc::no_such_file_or_directory));
    std::ofstream(folder_ / "file") << "x";
    EXPECT_TRUE(fails_with(UnixListener::bind_replacing(folder_ / "file/x"), std::errc::not_a_directory));
}

TEST_F(BindReplacing, InvalidPathsFail) {
    EXPECT_TRUE(fails_with(UnixListener::bind_replacing(""), Errc::invalid_address));
    EXPECT_TRUE(fails_with(UnixListener::bind_replacing(folder_.path_of_size(108)), Errc::path_too_long));
    EXPECT_TRUE(
        fails_with(UnixListener::bind_replacing(std::string_view("/tmp/\0x", 7)), Errc::interior_nul));
}

TEST_F(BindReplacing, AcceptsTheLongestPath) {
    const auto path = folder_.path_of_size(107);
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(ok(UnixListener::bind_replacing(path)));
}

TEST_F(BindReplacing, AcceptsARelativePath) {
    in_child([&] {
        ASSERT_EQ(::chdir(folder_.path().c_str()), 0);
        for (const auto* path : {"here", "./there"}) {
            for (int i = 0; i < 2; ++i) EXPECT_TRUE(ok(UnixListener::bind_replacing(path)));
            EXPECT_TRUE(fs::is_socket(folder_ / path));
        }
    });
}

TEST_F(BindReplacing, AcceptsAPathInTheRootDirectory) {
    const std::string path = "/" + unique_name("root");
    if (::access("/", W_OK) != 0) GTEST_SKIP() << "no permission to write there";
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(ok(UnixListener::bind_replacing(path)));
    EXPECT_TRUE(fs::remove(path));
}

TEST_F(BindReplacing, LeavesNoOtherFiles) {
    const auto names = [this] {
        std::set<std::string> found;
        for (const auto& entry : fs::directory_iterator(folder_.path()))
            found.insert(entry.path().filename());
        return found;
    };
    const std::set<std::string> only_the_socket{"listener"};
    const auto listener = must(UnixListener::bind_replacing(path_));
    EXPECT_EQ(names(), only_the_socket);
    EXPECT_TRUE(fails_with(UnixListener::bind_replacing(path_), in_use));
    EXPECT_EQ(names(), only_the_socket);
}

// Any user with read permission can lock a directory.
TEST_F(BindReplacing, IgnoresALockOnTheDirectory) {
    const plain::Socket folder(::open(folder_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_EQ(::flock(folder.fd(), LOCK_EX), 0);
    in_child([&] {
        ::alarm(20); // ends the child if the call blocks
        expect_served(must(UnixListener::bind_replacing(path_)));
        expect_served(must(UnixListener::bind_replacing(path_)));
    });
}

TEST_F(BindReplacing, FailsImmediatelyWhileAnotherProcessReplacesTheSamePath) {
    leave_stale_socket(path_);
    const plain::Socket lock(::open((path_ + lock_suffix).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    ASSERT_EQ(::flock(lock.fd(), LOCK_EX), 0);
    in_child([&] {
        ::alarm(20);
        EXPECT_TRUE(fails_with(UnixListener::bind_replacing(path_), in_use));
        EXPECT_TRUE(ok(UnixListener::bind_replacing(path_ + "2"))) << "another path is not affected";
    });
    EXPECT_TRUE(fs::is_socket(path_));
    EXPECT_TRUE(fs::exists(path_ + lock_suffix)) << "the lock belongs to the other process";

    // A process forked meanwhile inherits the descriptor, but not the lock.
    Child child([] { ::pause(); });
    ASSERT_EQ(::flock(lock.fd(), LOCK_UN), 0);
    expect_served(must(UnixListener::bind_replacing(path_)));
}

TEST_F(BindReplacing, ReplacesTheLockOfAKilledProcess) {
    leave_stale_socket(path_);
    std::ofstream(path_ + lock_suffix) << "";
    expect_served(must(UnixListener::bind_replacing(path_)));
    EXPECT_FALSE(fs::exists(path_ + lock_suffix));
}

TEST_F(BindReplacing, DoesNotFollowASymlinkAsItsLock) {
    std::ofstream(folder_ / "precious") << "precious";
    fs::create_symlink(folder_ / "precious", path_ + lock_suffix);
    EXPECT_TRUE(fails_with(UnixListener::bind_replacing(path_), std::errc::too_many_symbolic_link_levels));
    EXPECT_TRUE(fs::exists(folder_ / "precious"));
    EXPECT_TRUE(fs::is_symlink(path_ + lock_suffix));
}

// Another user who can write to the directory can put one there.
TEST_F(BindReplacing, IsNotBlockedByAFifoAsItsLock) {
    leave_stale_socket(path_);
    ASSERT_EQ(::mkfifo((path_ + lock_suffix).c_str(), 0600), 0);
    in_child([&] {
        ::alarm(20); // ends the child if the call blocks
        static_cast<void>(UnixListener::bind_replacing(path_));
    });
}

TEST_F(BindReplacing, ReportsTooManyOpenFiles) {
    leave_stale_socket(path_);
    // Each additional descriptor lets one more step succeed.
    in_child([&] {
        const int next = ::dup(0);
        ASSERT_NE(next, -1);
        ::close(next);
        for (int room = 0;; ++room) {
            ASSERT_LT(room, 10);
            const ::rlimit limit{static_cast<::rlim_t>(next + room), 1024};
            ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
            const auto listener = UnixListener::bind_replacing(path_);
            if (listener) break;
            EXPECT_TRUE(fails_with(listener, std::errc::too_many_files_open)) << room;
            EXPECT_TRUE(fs::is_socket(path_));
        }
    });
}

TEST_F(BindReplacing, ExactlyOneOfManyProcessesWins) {
    constexpr int racers = 8, rounds = 100;
    struct Shared {
        std::atomic<int> arrivals;               // over all rounds; macOS has no pthread_barrier_t
        std::array<std::atomic<int>, 3> results; // bound, in use, other errors
    };
    auto* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    auto* shared = new (memory) Shared;
    const auto meet = [shared] {
        constexpr int all = racers + 1;
        const int complete = (shared->arrivals.fetch_add(1) / all + 1) * all;
        while (shared->arrivals < complete) std::this_thread::yield();
    };

    leave_stale_socket(path_);
    std::vector<Child> children;
    for (int i = 0; i < racers; ++i) {
        children.emplace_back([&] {
            for (int round = 0; round < rounds; ++round) {
                meet(); // all have started
                const auto listener = UnixListener::bind_replacing(path_);
                ++shared->results[listener ? 0 : listener.error() == in_use ? 1 : 2];
                meet(); // all have tried
                meet(); // the parent has checked
            } // the winner closes its listener and leaves its path for the next round
        });
    }
    for (int round = 0; round < rounds; ++round) {
        meet();
        meet();
        EXPECT_EQ(shared->results[0], 1) << "round " << round;
        EXPECT_EQ(shared->results[1], racers - 1) << "round " << round;
        EXPECT_EQ(shared->results[2], 0) << "round " << round;
        EXPECT_TRUE(ok(UnixStream::connect(path_))) << "round " << round;
        for (auto& result : shared->results) result = 0;
        meet();
    }
    for (auto& child : children) EXPECT_EQ(child.wait(), 0);
    ::munmap(memory, sizeof(Shared));
}
