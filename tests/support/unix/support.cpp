#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "posix.hpp"

namespace test {

bool is_non_blocking(int fd) { return (::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0; }
void expect_non_blocking(mio::RawHandle handle) { EXPECT_TRUE(is_non_blocking(handle)); }
void expect_blocking(mio::RawHandle handle) { EXPECT_FALSE(is_non_blocking(handle)); }
bool is_close_on_exec(mio::RawHandle handle) {
    const int flags = ::fcntl(handle, F_GETFD);
    return flags != -1 && (flags & FD_CLOEXEC) != 0;
}
bool is_open(mio::RawHandle handle) { return ::fcntl(handle, F_GETFD) != -1; }

std::chrono::nanoseconds processor_time() {
    ::timespec now{};
    EXPECT_EQ(::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now), 0);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

OpenHandles open_handles() { return open_descriptors(); }

std::set<int> open_descriptors() {
    std::set<int> open;
    for (int fd = 0; fd < 4096; ++fd) {
        if (::fcntl(fd, F_GETFD) != -1) open.insert(fd);
    }
    return open;
}

DescriptorGuard::~DescriptorGuard() {
    for (const int fd : open_handles()) {
        EXPECT_TRUE(before_.contains(fd)) << "descriptor " << fd << " was leaked";
    }
}

testing::AssertionResult holds_in_child(const std::function<void()>& f) {
    std::fflush(nullptr);
    const auto child = ::fork();
    if (child == -1) return testing::AssertionFailure() << "fork: " << std::strerror(errno);
    if (child == 0) {
        f();
        std::fflush(nullptr);
        ::_exit(testing::Test::HasFailure() ? 1 : 0);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) == -1) {
        if (errno != EINTR) return testing::AssertionFailure() << "waitpid: " << std::strerror(errno);
    }
    if (WIFSIGNALED(status)) {
        return testing::AssertionFailure() << "the child was killed by signal " << WTERMSIG(status);
    }
    if (WEXITSTATUS(status) != 0) {
        return testing::AssertionFailure() << "the child exited with " << WEXITSTATUS(status);
    }
    return testing::AssertionSuccess();
}

std::vector<plain::Socket> exhaust_descriptors(int spare) {
    // UBSan opens a pipe when it first checks a class: let it check this one now.
    (void)mio::would_block(std::error_code(EMFILE, mio::os_category()));
    const ::rlimit limit{.rlim_cur = 128, .rlim_max = 128};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    std::vector<plain::Socket> held;
    for (int fd = ::dup(STDERR_FILENO); fd != -1; fd = ::dup(STDERR_FILENO)) held.emplace_back(fd);
    EXPECT_EQ(errno, EMFILE);
    for (; spare > 0; --spare) held.pop_back();
    return held;
}

namespace plain {
namespace {

void checked(int result, const char* what) {
    if (result != -1) return;
    ADD_FAILURE() << what << ": " << std::strerror(errno);
    std::abort();
}

} // namespace

Socket close_on_exec(int fd) {
    Socket socket(fd);
    checked(::fcntl(fd, F_SETFD, FD_CLOEXEC), "fcntl");
    return socket;
}

std::pair<Socket, Socket> socket_pair() {
    int ends[2];
    checked(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
    return {close_on_exec(ends[0]), close_on_exec(ends[1])};
}

std::pair<Socket, Socket> pipe() {
    int ends[2];
    checked(::pipe(ends), "pipe");
    return {close_on_exec(ends[0]), close_on_exec(ends[1])};
}

} // namespace plain

} // namespace test
