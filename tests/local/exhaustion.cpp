// Unix sockets in a process that has exhausted its descriptors.
#include <sys/resource.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "local.hpp"

using namespace test;

namespace {

// Uses up all descriptors of this process, except those given back.
class Exhausted {
  public:
    Exhausted() {
        const auto open = open_descriptors();
        const ::rlim_t limit = static_cast<::rlim_t>(*open.rbegin()) + 8;
        const ::rlimit limits{limit, limit};
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &limits), 0);
        for (int fd; (fd = ::fcntl(0, F_DUPFD_CLOEXEC, 0)) != -1;) taken_.emplace_back(fd);
        EXPECT_EQ(errno, EMFILE);
        EXPECT_GT(taken_.size(), 4u);
    }
    void give_back(std::size_t count) {
        for (; count != 0; --count) taken_.pop_back();
    }

  private:
    std::vector<plain::Socket> taken_;
};

constexpr auto full = std::errc::too_many_files_open;

class UnixExhaustion : public testing::Test {
  protected:
    const Folder folder_;
    const std::string path_ = folder_ / "listener";
};

} // namespace

TEST_F(UnixExhaustion, FailedAcceptKeepsTheConnection) {
    in_child([this] {
        Loop loop;
        auto listener = must(UnixListener::bind(path_));
        const auto first = plain::unix_connect(path_);
        const auto second = plain::unix_connect(path_);
        plain::write_all(first, data1);
        plain::write_all(second, data2);
        ASSERT_TRUE(ok(loop.registry().add(listener, id1, Interest::readable)));
        loop.expect({{id1, Interest::readable}});
        Exhausted exhausted;
        const auto before = open_descriptors();
        for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(fails_with(listener.accept(), full));
        EXPECT_EQ(open_descriptors(), before);
        exhausted.give_back(2);
        const auto stream = must(listener.accept()).first;
        EXPECT_EQ(read_text(stream), data1);
        EXPECT_EQ(read_text(must(listener.accept()).first), data2);
        EXPECT_TRUE(blocks(listener.accept()));
    });
}

TEST_F(UnixExhaustion, ConnectFailsAndLeaksNothing) {
    in_child([this] {
        const auto listener = must(UnixListener::bind(path_));
        Exhausted exhausted;
        const auto before = open_descriptors();
        for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(fails_with(UnixStream::connect(path_), full));
        EXPECT_EQ(open_descriptors(), before);
        exhausted.give_back(2);
        EXPECT_TRUE(blocks(listener.accept())); // no connection reached it
        const auto stream = must(UnixStream::connect(path_));
        EXPECT_TRUE(ok(listener.accept()));
    });
}

TEST_F(UnixExhaustion, PairFailsAndLeaksNothing) {
    in_child([] {
        Exhausted exhausted;
        for (std::size_t free = 0; free < 2; ++free) {
            const auto before = open_descriptors();
            ASSERT_TRUE(fails_with(UnixStream::pair(), full));
            ASSERT_TRUE(fails_with(UnixDatagram::pair(), full));
            EXPECT_EQ(open_descriptors(), before);
            exhausted.give_back(1);
        }
        EXPECT_TRUE(ok(UnixStream::pair()));
        EXPECT_TRUE(ok(UnixDatagram::pair()));
    });
}

TEST_F(UnixExhaustion, BindFailsAndCreatesNoPath) {
    in_child([this] {
        Exhausted exhausted;
        const auto before = open_descriptors();
        ASSERT_TRUE(fails_with(UnixListener::bind(path_), full));
        ASSERT_TRUE(fails_with(UnixDatagram::bind(path_), full));
        ASSERT_TRUE(fails_with(UnixDatagram::unbound(), full));
        ASSERT_TRUE(fails_with(UnixListener::bind_replacing(path_), full));
        EXPECT_EQ(open_descriptors(), before);
        EXPECT_FALSE(::access(path_.c_str(), F_OK) == 0);
        exhausted.give_back(1);
        // A descriptor for the socket is free, but none for the lock file.
        ASSERT_TRUE(fails_with(UnixListener::bind_replacing(path_), full));
        EXPECT_FALSE(::access(path_.c_str(), F_OK) == 0);
        EXPECT_TRUE(ok(UnixDatagram::unbound()));
        EXPECT_TRUE(ok(UnixListener::bind(path_)));
    });
}

TEST_F(UnixExhaustion, ReplacingAStaleSocketNeedsTwoDescriptors) {
    leave_stale_socket(path_);
    in_child([this] {
        Exhausted exhausted;
        exhausted.give_back(1);
        ASSERT_TRUE(fails_with(UnixListener::bind_replacing(path_), full));
        EXPECT_EQ(::access(path_.c_str(), F_OK), 0);
        exhausted.give_back(1);
        const auto listener = UnixListener::bind_replacing(path_);
        ASSERT_TRUE(ok(listener));
        EXPECT_TRUE(ok(UnixStream::connect(path_)));
    });
}
