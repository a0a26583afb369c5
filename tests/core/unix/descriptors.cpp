#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <set>
#include <system_error>
#include <vector>

#include "differences.hpp"
#include "posix.hpp"

using namespace test;

namespace {

/// Child process only: lowers the descriptor limit so that no further descriptor can be opened.
class Exhausted {
  public:
    Exhausted() {
        const int next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
        EXPECT_NE(next, -1);
        ::close(next);
        EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
        const ::rlimit none_left{.rlim_cur = static_cast<::rlim_t>(next), .rlim_max = before_.rlim_max};
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none_left), 0);
        EXPECT_EQ(::open("/dev/null", O_RDONLY | O_CLOEXEC), -1);
        EXPECT_EQ(errno, EMFILE);
    }
    ~Exhausted() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }

  private:
    ::rlimit before_{};
};

} // namespace

// Results are checked after descriptors are available again: UBSan needs one to inspect an object.

TEST(Descriptors, ExhaustionMakesCreatingAPollFail) {
    EXPECT_TRUE(holds_in_child([] {
        const auto before = open_descriptors();
        std::vector<mio::Result<mio::Poll>> polls;
        {
            const Exhausted exhausted;
            for (int i = 0; i < 3; ++i) polls.push_back(mio::Poll::create());
        }
        EXPECT_EQ(open_descriptors(), before);
        for (const auto& poll : polls) {
            ASSERT_TRUE(fails_with(poll, std::errc::too_many_files_open));
            EXPECT_EQ(poll.error().category(), mio::os_category());
        }
        EXPECT_TRUE(ok(mio::Poll::create()));
        EXPECT_EQ(open_descriptors(), before);
    }));
}

TEST(Descriptors, ExhaustionMakesCreatingAWakerFailAndAffectsNothingElse) {
    EXPECT_TRUE(holds_in_child([] {
        Loop loop;
        const auto waker = must(mio::Waker::create(loop.registry(), Token{1}));
        const auto [here, there] = plain::socket_pair();
        mio::RawSource source(here.fd());
        const auto before = open_descriptors();
        std::vector<mio::Result<mio::Waker>> wakers;
        {
            const Exhausted exhausted;
            for (int i = 0; i < 3; ++i) wakers.push_back(mio::Waker::create(loop.registry(), Token{2}));
            // Operations that need no descriptor keep working: registering, waking, polling, cloning a registry.
            const auto clone = must(loop.registry().try_clone());
            ASSERT_TRUE(ok(clone.add(source, Token{3}, Interest::writable)));
            ASSERT_TRUE(ok(waker.wake()));
            loop.expect({{Token{1}, Interest::readable}, {Token{3}, Interest::writable}});
        }
        EXPECT_EQ(open_descriptors(), before);
        for (const auto& refused : wakers) {
            if (!differences.has_descriptors_for_wakers) break;
            EXPECT_TRUE(fails_with(refused, std::errc::too_many_files_open));
        }
        wakers.clear();
        const auto second = must(mio::Waker::create(loop.registry(), Token{2}));
        ASSERT_TRUE(ok(second.wake()));
        loop.expect({{Token{2}, Interest::readable}});
    }));
}

TEST(Descriptors, PollAndWakerUseOneEach) {
    if (mio::backend() != "epoll") GTEST_SKIP() << "other backends use other numbers of descriptors";
    const auto count = [] { return open_descriptors().size(); };
    const auto none = count();
    {
        const Loop loop;
        EXPECT_EQ(count(), none + 1);
        const auto clone = must(loop.registry().try_clone());
        EXPECT_EQ(count(), none + 1) << "a clone shares the descriptor";
        std::vector<mio::Waker> wakers;
        for (std::size_t i = 1; i <= 3; ++i) {
            wakers.push_back(must(mio::Waker::create(loop.registry(), Token{i})));
            EXPECT_EQ(count(), none + 1 + i);
        }
        wakers.pop_back();
        EXPECT_EQ(count(), none + 3);
    }
    EXPECT_EQ(count(), none);
}

TEST(Descriptors, WakerDescriptorIsNotInherited) {
    const Loop loop;
    const auto before = open_descriptors();
    const auto waker = must(mio::Waker::create(loop.registry(), Token{1}));
    for (const int fd : open_descriptors()) {
        if (!before.contains(fd)) {
            EXPECT_TRUE(is_close_on_exec(fd));
        }
    }
}

TEST(Descriptors, AreClosedWhateverTheOrderOfDestruction) {
    DescriptorGuard guard;
    // All six destruction orders of poll, cloned registry and waker.
    constexpr std::array<std::array<int, 3>, 6> orders{
        {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}};
    for (const auto& order : orders) {
        auto poll = std::optional(must(mio::Poll::create()));
        auto clone = std::optional(must(poll->registry().try_clone()));
        auto waker = std::optional(must(mio::Waker::create(*clone, Token{1})));
        EXPECT_TRUE(ok(waker->wake()));
        for (const int owner : order) {
            if (owner == 0) poll.reset();
            if (owner == 1) clone.reset();
            if (owner == 2) waker.reset();
        }
    }
}

TEST(Descriptors, TenThousandPollsLeakNone) {
    const auto pair = plain::socket_pair();
    const auto before = open_descriptors();
    for (std::size_t round = 0; round < 10'000; ++round) {
        Loop loop;
        const auto waker = must(mio::Waker::create(loop.registry(), Token{1}));
        mio::RawSource source(pair.first.fd());
        ASSERT_TRUE(ok(loop.registry().add(source, Token{2}, Interest::writable)));
        ASSERT_TRUE(ok(waker.wake()));
        ASSERT_TRUE(ok(loop.poll.poll(loop.events, 0ns)));
        ASSERT_EQ(loop.events.size(), 2u) << round;
        if (round % 2 == 0) {
            ASSERT_TRUE(ok(loop.registry().remove(source)));
        }
    }
    EXPECT_EQ(open_descriptors(), before);
}
