// Permissions of the files of Unix sockets.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>

#include "local.hpp"

using namespace test;

namespace {

::mode_t mode_of(const std::string& path) {
    struct ::stat status{};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0) << std::strerror(errno);
    return status.st_mode & 07777;
}

struct Creator {
    const char* name;
    std::function<void(const std::string& path)> create;
};

class UnixSocketMode : public testing::TestWithParam<Creator> {
  protected:
    Folder folder_;
    std::string path_ = folder_ / "socket";
};

const Creator creators[] = {
    {"Listener", [](const std::string& path) { EXPECT_TRUE(ok(UnixListener::bind(path))); }},
    {"ReplacingListener",
     [](const std::string& path) { EXPECT_TRUE(ok(UnixListener::bind_replacing(path))); }},
    {"ReplacedListener",
     [](const std::string& path) {
         const ::mode_t before = ::umask(0);
         EXPECT_TRUE(ok(UnixListener::bind(path)));
         ::umask(before);
         EXPECT_TRUE(ok(UnixListener::bind_replacing(path)));
     }},
    {"Datagram", [](const std::string& path) { EXPECT_TRUE(ok(UnixDatagram::bind(path))); }},
    {"Socket",
     [](const std::string& path) {
         const auto socket = must(mio::net::UnixSocket::create());
         EXPECT_TRUE(ok(socket.bind(path)));
     }},
};

INSTANTIATE_TEST_SUITE_P(All, UnixSocketMode, testing::ValuesIn(creators),
                         [](const auto& info) { return std::string(info.param.name); });

// unix(7): a file of mode 0777 less the umask. A replaced socket does not pass on its mode.
TEST_P(UnixSocketMode, IsThatOfTheUmask) {
    in_child([&] { // the umask belongs to the process
        for (const ::mode_t mask : {::mode_t{077}, ::mode_t{027}, ::mode_t{0}}) {
            ::umask(mask);
            GetParam().create(path_);
            EXPECT_EQ(mode_of(path_), 0777 & ~mask) << "umask " << mask;
            EXPECT_EQ(::umask(mask), mask) << "the process's umask is unchanged";
            ASSERT_EQ(::unlink(path_.c_str()), 0);
        }
    });
}

TEST(UnixSocketModes, PrivateSocketRefusesOtherUsers) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
    const Folder folder;
    ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
    const std::string path = folder / "socket";
    in_child([&] {
        ::umask(077);
        const auto listener = must(UnixListener::bind_replacing(path));
        ASSERT_EQ(::setuid(65534), 0);
        EXPECT_TRUE(fails_with(UnixStream::connect(path), std::errc::permission_denied));
        // It cannot check for a listener, or replace the socket, either.
        EXPECT_FALSE(UnixListener::bind_replacing(path));
        EXPECT_EQ(mode_of(path), 0700u);
    });
}

} // namespace
