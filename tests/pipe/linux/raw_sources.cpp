#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include <cstdint>
#include <expected>
#include <filesystem>
#include <fstream>

#include "../pipe.hpp"

using namespace test;
using mio::RawSource;

namespace {

constexpr Token id{7};

/// Reads a record within `try_io` and returns its size.
template <class Record> mio::Result<std::size_t> read_record(const RawSource& source, Record& record) {
    return source.try_io(Interest::readable, [&]() -> mio::Result<std::size_t> {
        const auto count = ::read(source.raw(), &record, sizeof record);
        if (count == -1) return std::unexpected(std::error_code(errno, std::system_category()));
        return static_cast<std::size_t>(count);
    });
}

/// A temporary directory, removed at the end.
class Folder {
  public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "mio-pipe-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) ADD_FAILURE() << std::strerror(errno);
        path_ = name;
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

} // namespace

TEST(RawSource, WatchesASignalfd) {
    EXPECT_TRUE(in_child([] {
        ::sigset_t set;
        ::sigemptyset(&set);
        ::sigaddset(&set, SIGUSR1);
        ASSERT_EQ(::sigprocmask(SIG_BLOCK, &set, nullptr), 0);
        const plain::Socket signals(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));

        Loop loop;
        RawSource source(signals.fd());
        must(loop.registry().add(source, id, Interest::readable));
        loop.expect_none();
        for (int round = 0; round < 2; ++round) {
            ASSERT_EQ(::kill(::getpid(), SIGUSR1), 0);
            loop.expect({{id, Interest::readable}});
            ::signalfd_siginfo info{};
            EXPECT_EQ(must(read_record(source, info)), sizeof info);
            EXPECT_EQ(info.ssi_signo, static_cast<std::uint32_t>(SIGUSR1));
            EXPECT_TRUE(blocks(read_record(source, info)));
        }
        must(loop.registry().remove(source));
        ASSERT_EQ(::kill(::getpid(), SIGUSR1), 0);
        loop.expect_none();
    }));
}

TEST(RawSource, WatchesATimerfd) {
    const plain::Socket timer(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    Loop loop;
    RawSource source(timer.fd());
    must(loop.registry().add(source, id, Interest::readable));
    loop.expect_none();
    for (int round = 0; round < 2; ++round) {
        const auto start = std::chrono::steady_clock::now();
        ::itimerspec in{};
        in.it_value.tv_nsec = 20'000'000;
        ASSERT_EQ(::timerfd_settime(timer.fd(), 0, &in, nullptr), 0);
        loop.expect({{id, Interest::readable}});
        EXPECT_GE(std::chrono::steady_clock::now() - start, 20ms);
        std::uint64_t expirations = 0;
        EXPECT_EQ(must(read_record(source, expirations)), sizeof expirations);
        EXPECT_EQ(expirations, 1u);
        EXPECT_TRUE(blocks(read_record(source, expirations)));
    }
    must(loop.registry().remove(source));
    ::itimerspec in{};
    in.it_value.tv_nsec = 1;
    ASSERT_EQ(::timerfd_settime(timer.fd(), 0, &in, nullptr), 0);
    loop.expect_none();
}

TEST(RawSource, WatchesInotify) {
    const Folder folder;
    const plain::Socket changes(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    ASSERT_GE(::inotify_add_watch(changes.fd(), folder.path().c_str(), IN_CREATE), 0);

    Loop loop;
    RawSource source(changes.fd());
    must(loop.registry().add(source, id, Interest::readable));
    loop.expect_none();
    for (const char* name : {"one", "two"}) {
        {
            const std::ofstream file(folder.path() / name);
        }
        loop.expect({{id, Interest::readable}});
        alignas(::inotify_event) std::array<char, 512> record{};
        ASSERT_GE(must(read_record(source, record)), sizeof(::inotify_event));
        EXPECT_STREQ(record.data() + offsetof(::inotify_event, name), name);
        EXPECT_TRUE(blocks(read_record(source, record)));
    }
    must(loop.registry().remove(source));
    {
        const std::ofstream file(folder.path() / "three");
    }
    loop.expect_none();
}

TEST(RawSource, WatchesAPidfd) {
    auto [sender, receiver] = must(make_pipe());
    const auto child = start_child([&, &mine = sender, &from = receiver] {
        ::close(mine.release());
        await(from.raw(), POLLIN); // end of the pipe
    });
    const plain::Socket process(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
    ASSERT_GE(process.fd(), 0) << std::strerror(errno);

    Loop loop;
    RawSource source(process.fd());
    must(loop.registry().add(source, id, Interest::readable));
    loop.expect_none();
    {
        const auto gone = std::move(sender);
    }
    loop.expect({{id, Interest::readable}});
    EXPECT_TRUE(exits_successfully(child));
    must(loop.registry().remove(source));
}
