// Unix streams across namespaces.
#include <sched.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "../local.hpp"

using namespace test;

namespace {

class UnixStreamAcrossNamespaces : public testing::Test {
  protected:
    const DescriptorGuard guard_;
    const Folder folder_;
    const std::string path_ = folder_ / "listener";
    plain::Socket listener_ = plain::unix_listen(path_);
};

} // namespace

// As in a container with a mounted socket of the host.
TEST_F(UnixStreamAcrossNamespaces, PeerOutsideThePidNamespaceHasCredentialsWithoutProcess) {
    constexpr int no_namespaces = 77;
    Child outer([&] {
        if (::unshare(CLONE_NEWUSER | CLONE_NEWPID) == -1) ::_exit(no_namespaces);
        in_child([&] {
            EXPECT_EQ(::getpid(), 1);
            const auto client = must(UnixStream::connect(path_));
            const auto peer = client.peer_credentials();
            ASSERT_TRUE(ok(peer));
            EXPECT_EQ(peer->process, std::nullopt);
            EXPECT_EQ(peer->user, ::getuid()); // both appear as the overflow user
        });
    });
    const int status = outer.wait();
    if (status == no_namespaces) GTEST_SKIP() << "no permission to create namespaces";
    EXPECT_EQ(status, 0);
}
