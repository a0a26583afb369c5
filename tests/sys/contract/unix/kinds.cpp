// File types that can be registered, and those that are rejected because they are always ready.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <initializer_list>
#include <set>
#include <string>
#include <system_error>

#include "posix.hpp"

#include "contract.hpp"

using namespace test;

namespace {

/// A temporary directory, removed with its contents.
class Folder {
  public:
    Folder() { EXPECT_NE(::mkdtemp(path_.data()), nullptr); }
    Folder(const Folder&) = delete;
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    std::string operator/(const char* name) const { return path_ + '/' + name; }
    const std::string& path() const { return path_; }

  private:
    std::string path_ = std::filesystem::temp_directory_path() / "mio-XXXXXX";
};

plain::Socket open_file(const std::string& path, int flags = O_RDONLY) {
    return plain::Socket(::open(path.c_str(), flags | O_NONBLOCK | O_CLOEXEC, 0600));
}

bool is_linux() { return std::filesystem::exists("/proc/self/mounts"); }

class ContractKinds : public Contract {
  protected:
    void SetUp() override {
        if (!backend_differences.refuses_files) GTEST_SKIP() << "this backend accepts files";
    }

    void expect_refused(const plain::Socket& file) {
        ASSERT_NE(file.fd(), -1);
        for (const auto trigger : {Trigger::edge, Trigger::level, Trigger::oneshot}) {
            EXPECT_TRUE(fails_with(selector.add(file.fd(), id1, Interest::readable, trigger),
                                   std::errc::operation_not_permitted));
        }
        expect_nothing();
    }

    void expect_accepted(const plain::Socket& file) {
        ASSERT_NE(file.fd(), -1);
        const auto added = selector.add(file.fd(), id1, read_write, Trigger::edge);
        ASSERT_TRUE(ok(added));
        EXPECT_TRUE(ok(selector.remove(file.fd(), *added)));
    }

    /// The files of a directory that exist here and can be opened.
    void expect_each(bool is_accepted, std::initializer_list<const char*> paths) {
        if (!is_linux()) GTEST_SKIP() << "Linux only";
        int opened = 0;
        for (const auto* path : paths) {
            SCOPED_TRACE(path);
            const auto file = open_file(path);
            if (file.fd() == -1) continue; // missing on this machine, or no permission
            ++opened;
            is_accepted ? expect_accepted(file) : expect_refused(file);
        }
        EXPECT_GT(opened, 0) << "none of these files exist here";
    }

    Folder folder_;
};

} // namespace

TEST_F(ContractKinds, RejectsARegularFile) { expect_refused(open_file(folder_ / "file", O_RDWR | O_CREAT)); }

TEST_F(ContractKinds, RejectsADirectory) { expect_refused(open_file(folder_.path())); }

TEST_F(ContractKinds, RejectsABlockDevice) {
    const auto device = open_file("/dev/loop0");
    if (device.fd() == -1) GTEST_SKIP() << "no block device can be opened here";
    expect_refused(device);
}

TEST_F(ContractKinds, RejectsADeviceWithoutPollSupport) {
    expect_each(false, {"/dev/null", "/dev/zero", "/dev/full", "/dev/urandom"});
}

TEST_F(ContractKinds, AcceptsADeviceWithPollSupport) {
    expect_each(true, {"/dev/random", "/dev/kmsg", "/dev/ptmx", "/dev/fuse", "/dev/net/tun"});
}

TEST_F(ContractKinds, RejectsAPseudoFileWithoutPollSupport) {
    expect_each(false, {"/proc/self/status", "/proc/self/maps", "/proc/self/ns/net"});
}

TEST_F(ContractKinds, AcceptsAPseudoFileWithPollSupport) {
    expect_each(true, {"/proc/self/mounts", "/proc/self/mountinfo", "/proc/pressure/cpu",
                       "/sys/kernel/mm/transparent_hugepage/enabled", "/sys/fs/cgroup/cgroup.procs"});
}

TEST_F(ContractKinds, RejectsAnOPathDescriptor) {
#ifdef O_PATH
    const auto name = open_file(folder_.path(), O_PATH);
    EXPECT_TRUE(fails_with(selector.add(name.fd(), id1, Interest::readable, Trigger::edge), no_such_handle));
#else
    GTEST_SKIP() << "none of them exist here";
#endif
}

TEST_F(ContractKinds, AcceptsAFifo) {
    ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
    expect_accepted(open_file(folder_ / "fifo", O_RDWR));
}

TEST_F(ContractKinds, AcceptsAPipe) {
    const auto [receiver, sender] = plain::pipe();
    expect_accepted(receiver);
    expect_accepted(sender);
}

TEST_F(ContractKinds, AcceptsASocket) { expect_accepted(plain::datagram_socket()); }

TEST_F(ContractKinds, AcceptsATerminalAndReportsInput) {
    const plain::Socket keyboard(::posix_openpt(O_RDWR | O_NOCTTY));
    if (keyboard.fd() == -1) GTEST_SKIP() << "no terminal can be opened here";
    ASSERT_EQ(::grantpt(keyboard.fd()), 0);
    ASSERT_EQ(::unlockpt(keyboard.fd()), 0);
    const auto terminal = open_file(::ptsname(keyboard.fd()), O_RDWR | O_NOCTTY);
    ASSERT_NE(terminal.fd(), -1);
    add(terminal.fd(), id1, Interest::readable);
    expect_nothing();
    ASSERT_EQ(::write(keyboard.fd(), "line\n", 5), 5);
    EXPECT_EQ(select(), std::multiset{id1});
    EXPECT_TRUE(events[0].is_readable());
}

TEST_F(ContractKinds, AddThatFailsForLackOfADescriptorLeaksNothing) {
    if (!is_linux()) GTEST_SKIP() << "Linux only";
    EXPECT_TRUE(holds_in_child([this] {
        const auto mounts = open_file("/proc/self/mounts");
        const auto refused = without_descriptors(
            [&] { return selector.add(mounts.fd(), id1, Interest::readable, Trigger::edge); });
        // Only a backend that needs a descriptor fails.
        if (!refused) {
            EXPECT_TRUE(fails_with(refused, std::errc::too_many_files_open));
            expect_accepted(mounts);
        }
    }));
}
