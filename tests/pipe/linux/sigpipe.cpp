#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <atomic>
#include <ctime>
#include <fstream>
#include <functional>
#include <memory>
#include <ostream>
#include <thread>
#include <tuple>

#include "../pipe.hpp"
#include "nosignal.hpp"
#include "sandbox.hpp"

using namespace test;
using mio::net::IoSlice;
using mio::net::Shutdown;

namespace {

::sigset_t only(int signal) {
    ::sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, signal);
    return set;
}

void block(int signal) {
    const auto set = only(signal);
    ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, &set, nullptr), 0);
}

bool is_pending(int signal) {
    ::sigset_t pending;
    ::sigpending(&pending);
    return ::sigismember(&pending, signal) == 1;
}

/// Consumes one pending SIGPIPE; false if none is pending.
bool take_pending() {
    const auto set = only(SIGPIPE);
    constexpr ::timespec at_once{};
    return ::sigtimedwait(&set, nullptr, &at_once) == SIGPIPE;
}

/// The calling thread's signal mask, as bits.
std::uint64_t mask() {
    ::sigset_t set;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &set);
    std::uint64_t bits = 0;
    for (int signal = 1; signal < 64; ++signal) {
        if (::sigismember(&set, signal) == 1) bits |= std::uint64_t{1} << signal;
    }
    return bits;
}

using Attempt = std::function<mio::Result<std::size_t>()>;

std::shared_ptr<PipeSender> dead_pipe() { return std::make_shared<PipeSender>(must(make_pipe()).first); }

std::shared_ptr<UnixStream> dead_stream() {
    return std::make_shared<UnixStream>(must(UnixStream::pair()).first);
}

/// A stream whose peer has reset the connection, with the reset already received.
std::shared_ptr<TcpStream> dead_tcp() {
    auto [stream, peer] = tcp_pair();
    set_linger_zero(peer.fd());
    peer.close();
    EXPECT_TRUE((await(stream.raw(), POLLIN) & POLLHUP) != 0);
    EXPECT_TRUE(must(stream.take_error()) == std::errc::connection_reset);
    return std::make_shared<TcpStream>(std::move(stream));
}

std::shared_ptr<UnixDatagram> dead_datagram() {
    auto [socket, peer] = must(UnixDatagram::pair());
    must(socket.shutdown(Shutdown::write));
    return std::make_shared<UnixDatagram>(std::move(socket));
}

std::shared_ptr<plain::Socket> some_file() { return std::make_shared<plain::Socket>(file_with(data)); }

/// A pipe that holds data.
std::shared_ptr<PipeReceiver> full_pipe() {
    auto [sender, receiver] = must(make_pipe());
    must(sender.write(bytes_of(data)));
    return std::make_shared<PipeReceiver>(std::move(receiver));
}

template <class S> Attempt write_to(std::shared_ptr<S> to) {
    return [to] { return to->write(bytes_of(data)); };
}
template <class S> Attempt write_vectored_to(std::shared_ptr<S> to) {
    return [to] {
        const std::array slices{IoSlice(bytes_of("Hello")), IoSlice(bytes_of(" world"))};
        return to->write_vectored(slices);
    };
}
template <class S> Attempt send_with_fds_to(std::shared_ptr<S> to) {
    return [to] {
        const mio::RawHandle fd = STDIN_FILENO;
        return to->send_with_fds(bytes_of(data), {&fd, 1});
    };
}
template <class S> Attempt send_file_to(std::shared_ptr<S> to) {
    return [to, file = some_file()] { return mio::net::send_file(*to, file->fd(), 0, data.size()); };
}
template <class S> Attempt splice_to(std::shared_ptr<S> to) {
    return [to, from = full_pipe()] { return mio::net::splice(*from, *to, data.size()); };
}
Attempt send_to_dead_datagram() {
    return [to = dead_datagram()] { return to->send(bytes_of(data)); };
}

/// The streams above as sockets of any family.
template <class S> std::shared_ptr<mio::net::Socket> any(const std::shared_ptr<S>& dead) {
    return std::make_shared<mio::net::Socket>(mio::net::Socket::from_raw(dead->release()));
}
Attempt send_to_any(std::shared_ptr<mio::net::Socket> to) {
    return [to] { return to->send_to(bytes_of(data), mio::net::RawAddress()); };
}

/// A call that writes to a closed peer; for pipe writers, with the kernel's reply to RWF_NOSIGNAL.
struct Call {
    const char* name;
    Attempt (*prepare)();
    int pwritev2_error = 0;
};

constexpr Call calls[] = {
    {"PipeWriteWithTheFlag", [] { return write_to(dead_pipe()); }},
    {"PipeWriteOnAnOldKernel", [] { return write_to(dead_pipe()); }, EOPNOTSUPP},
    {"PipeWriteWithoutTheCall", [] { return write_to(dead_pipe()); }, ENOSYS},
    {"PipeWriteInASandbox", [] { return write_to(dead_pipe()); }, EPERM},
    {"PipeWriteVectoredWithTheFlag", [] { return write_vectored_to(dead_pipe()); }},
    {"PipeWriteVectoredOnAnOldKernel", [] { return write_vectored_to(dead_pipe()); }, EOPNOTSUPP},
    {"PipeWriteVectoredWithoutTheCall", [] { return write_vectored_to(dead_pipe()); }, ENOSYS},
    {"UnixStreamWrite", [] { return write_to(dead_stream()); }},
    {"UnixStreamWriteVectored", [] { return write_vectored_to(dead_stream()); }},
    {"UnixStreamSendWithFds", [] { return send_with_fds_to(dead_stream()); }},
    {"UnixDatagramSend", [] { return send_to_dead_datagram(); }},
    {"UnixDatagramSendWithFds", [] { return send_with_fds_to(dead_datagram()); }},
    {"TcpStreamWrite", [] { return write_to(dead_tcp()); }},
    {"TcpStreamWriteVectored", [] { return write_vectored_to(dead_tcp()); }},
    {"AnySocketWrite", [] { return write_to(any(dead_tcp())); }},
    {"AnySocketWriteVectored", [] { return write_vectored_to(any(dead_stream())); }},
    {"AnySocketSendTo", [] { return send_to_any(any(dead_stream())); }},
    {"SendFileToTcp", [] { return send_file_to(dead_tcp()); }},
    {"SendFileToUnixStream", [] { return send_file_to(dead_stream()); }},
    {"SpliceToTcp", [] { return splice_to(dead_tcp()); }},
    {"SpliceToUnixStream", [] { return splice_to(dead_stream()); }},
    {"SpliceToPipe", [] { return splice_to(dead_pipe()); }},
};

std::string name_of(const testing::TestParamInfo<Call>& info) { return info.param.name; }
void PrintTo(const Call& call, std::ostream* out) { *out << call.name; }

std::atomic<int> handled = 0;
std::atomic<::pid_t> handled_elsewhere_than = 0;
std::atomic<int> handled_here = 0;

extern "C" void on_sigpipe(int) {
    handled.fetch_add(1);
    if (::gettid() == handled_elsewhere_than.load()) handled_here.fetch_add(1);
}

} // namespace

class WriteToClosedPeer : public testing::TestWithParam<Call> {
  protected:
    void SetUp() override {
        if (mio::backend() != "epoll" && mio::backend() != "poll") GTEST_SKIP() << "no SIGPIPE";
        if (std::string_view(GetParam().name).ends_with("WithTheFlag") && !kernel_has_nosignal()) {
            GTEST_SKIP() << "this kernel has no RWF_NOSIGNAL";
        }
    }

    /// Runs `body` in a process with the default action for SIGPIPE, which terminates it.
    template <class Body> void run(Body&& body) {
        EXPECT_TRUE(in_child([&] {
            ::signal(SIGPIPE, SIG_DFL);
            const auto none = only(SIGPIPE);
            ::pthread_sigmask(SIG_UNBLOCK, &none, nullptr);
            const auto attempt = GetParam().prepare();
            if (const int error = GetParam().pwritev2_error; error != 0) {
                ASSERT_TRUE(forbid_system_call(SYS_pwritev2, error));
            }
            body([&] { EXPECT_TRUE(fails_with(attempt(), std::errc::broken_pipe)); });
        }));
    }
};

INSTANTIATE_TEST_SUITE_P(Sigpipe, WriteToClosedPeer, testing::ValuesIn(calls), name_of);

TEST_P(WriteToClosedPeer, IsBrokenPipeAndTheProcessSurvives) {
    run([](const auto& attempt) {
        attempt();
        attempt();
    });
}

TEST_P(WriteToClosedPeer, RunsNoSignalHandler) {
    run([](const auto& attempt) {
        ::signal(SIGPIPE, on_sigpipe);
        attempt();
        EXPECT_EQ(handled.load(), 0);
    });
}

TEST_P(WriteToClosedPeer, IsBrokenPipeWithTheSignalIgnored) {
    run([](const auto& attempt) {
        ::signal(SIGPIPE, SIG_IGN);
        attempt();
    });
}

TEST_P(WriteToClosedPeer, KeepsTheSignalMask) {
    run([](const auto& attempt) {
        const auto before = mask();
        attempt();
        EXPECT_EQ(mask(), before);
        block(SIGUSR1);
        const auto with_another = mask();
        attempt();
        EXPECT_EQ(mask(), with_another);
        block(SIGPIPE);
        const auto with_sigpipe = mask();
        attempt();
        EXPECT_EQ(mask(), with_sigpipe);
    });
}

TEST_P(WriteToClosedPeer, LeavesNoSignalPendingWhenBlocked) {
    run([](const auto& attempt) {
        block(SIGPIPE);
        attempt();
        EXPECT_FALSE(is_pending(SIGPIPE));
    });
}

TEST_P(WriteToClosedPeer, KeepsAPendingThreadSignal) {
    run([](const auto& attempt) {
        block(SIGPIPE);
        ASSERT_EQ(::pthread_kill(::pthread_self(), SIGPIPE), 0);
        ASSERT_TRUE(is_pending(SIGPIPE));
        attempt();
        EXPECT_TRUE(take_pending());
        EXPECT_FALSE(take_pending()) << "a second signal is pending";
    });
}

TEST_P(WriteToClosedPeer, KeepsAPendingProcessSignal) {
    if (under_thread_sanitizer) GTEST_SKIP() << "the sanitizer's own thread would receive the signal";
    run([](const auto& attempt) {
        block(SIGPIPE);
        ASSERT_EQ(::kill(::getpid(), SIGPIPE), 0);
        ASSERT_TRUE(is_pending(SIGPIPE));
        attempt();
        EXPECT_TRUE(take_pending());
    });
}

TEST_P(WriteToClosedPeer, DoesNotConsumeSignalsOfAnotherThread) {
    run([](const auto& attempt) {
        ::signal(SIGPIPE, on_sigpipe);
        handled_elsewhere_than = ::gettid();
        constexpr int rounds = 200;
        std::atomic<int> raised = 0;
        std::atomic<bool> unblocked = true;
        std::thread other([&] {
            // Each of these raises the signal in this thread only.
            const auto dead = dead_pipe();
            for (int i = 0; i < rounds; ++i) {
                if (::write(dead->raw(), "x", 1) == -1 && errno == EPIPE) raised.fetch_add(1);
                while (handled.load() < i + 1) std::this_thread::yield();
                if ((mask() & std::uint64_t{1} << SIGPIPE) != 0) unblocked = false;
            }
        });
        while (handled.load() < rounds) attempt();
        other.join();
        EXPECT_EQ(raised.load(), rounds);
        EXPECT_EQ(handled.load(), rounds);
        EXPECT_EQ(handled_here.load(), 0);
        EXPECT_TRUE(unblocked.load());
    });
}

TEST(PipeWriter, WriteWithTheFlagIsOneSystemCall) {
    if (!kernel_has_nosignal()) GTEST_SKIP() << "this kernel has no RWF_NOSIGNAL";
    EXPECT_TRUE(in_child([] {
        const auto [sender, receiver] = must(make_pipe());
        ASSERT_TRUE(forbid_system_call(SYS_writev, EDOM) && forbid_system_call(SYS_rt_sigpending, EDOM));
        EXPECT_EQ(must(sender.write(bytes_of(data))), data.size());
        EXPECT_EQ(drain(receiver), data);
    }));
}

TEST(PipeWriter, FallbackWithoutTheFlagWritesAndBlocksTheSame) {
    for (const int error : {EOPNOTSUPP, ENOSYS, EPERM}) {
        EXPECT_TRUE(in_child([&] {
            const auto [sender, receiver] = must(make_pipe());
            ASSERT_TRUE(forbid_system_call(SYS_pwritev2, error));
            EXPECT_EQ(must(sender.write(bytes_of(data))), data.size());
            const std::array slices{IoSlice(bytes_of("Hello")), IoSlice(bytes_of(" world"))};
            EXPECT_EQ(must(sender.write_vectored(slices)), data.size());
            EXPECT_EQ(must(sender.write({})), 0u);
            EXPECT_EQ(must(sender.write_vectored({})), 0u);
            EXPECT_EQ(drain(receiver), std::string(data) + std::string(data));
            EXPECT_EQ(fill(sender), pipe_capacity);
        })) << std::strerror(error);
    }
}

TEST(PipeWriter, TriesTheFlagOnce) {
    EXPECT_TRUE(in_child([] {
        const auto [sender, receiver] = must(make_pipe());
        ASSERT_TRUE(forbid_system_call(SYS_pwritev2, EOPNOTSUPP));
        EXPECT_EQ(must(sender.write(bytes_of(data))), data.size());
        // The filter added last decides between errors, so another attempt with the flag would fail with EDOM.
        ASSERT_TRUE(forbid_system_call(SYS_pwritev2, EDOM));
        EXPECT_EQ(must(sender.write(bytes_of(data))), data.size());
    }));
}

TEST(PipeWriter, OtherErrorsAreNotTreatedAsAMissingFlag) {
    EXPECT_TRUE(in_child([] {
        const auto [sender, receiver] = must(make_pipe());
        ASSERT_TRUE(forbid_system_call(SYS_pwritev2, EIO));
        EXPECT_TRUE(fails_with(sender.write(bytes_of(data)), std::errc::io_error));
    }));
}

// A write blocks half-way until the reader closes: the kernel raises the signal and returns the bytes written.
TEST(PipeWriter, LosingTheReaderDuringAWriteReturnsTheBytesWritten) {
    for (const int error : {0, EOPNOTSUPP}) {
        if (error == 0 && !kernel_has_nosignal()) continue;
        auto [sender, receiver] = must(make_pipe());
        must(sender.set_nonblocking(false));
        const auto child = start_child([&, &to = sender, &from = receiver] {
            ::signal(SIGPIPE, SIG_DFL);
            ::close(from.release());
            if (error != 0) {
                ASSERT_TRUE(forbid_system_call(SYS_pwritev2, error));
            }
            EXPECT_EQ(must(to.write(bytes_of(pattern(pipe_capacity + 1'000)))), pipe_capacity);
            EXPECT_TRUE(fails_with(to.write(bytes_of(data)), std::errc::broken_pipe));
        });
        // A full pipe means that the child is inside its call.
        const auto deadline = std::chrono::steady_clock::now() + 20s;
        int filled = 0;
        while (std::cmp_less(filled, pipe_capacity) && std::chrono::steady_clock::now() < deadline) {
            ASSERT_EQ(::ioctl(receiver.raw(), FIONREAD, &filled), 0);
            std::this_thread::yield();
        }
        ASSERT_EQ(filled, static_cast<int>(pipe_capacity));
        {
            const auto gone = std::move(receiver);
        }
        EXPECT_TRUE(exits_successfully(child)) << std::strerror(error);
    }
}

// The same for a file: the connection is closed before the last chunk.
TEST(SendFile, LosingTheConnectionDuringSendFileReturnsTheBytesSent) {
    EXPECT_TRUE(in_child([] {
        ::signal(SIGPIPE, SIG_DFL);
        auto [nonblocking, peer] = tcp_pair();
        const int fd = nonblocking.raw();
        ASSERT_EQ(::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK), 0);
        const auto stream = std::move(nonblocking);
        const std::string text = pattern(32u << 20);
        const auto file = file_with(text);

        std::atomic<::pid_t> thread_id = 0;
        mio::Result<std::size_t> sent;
        std::thread sending([&] {
            thread_id = ::gettid();
            sent = mio::net::send_file(stream, file.fd(), 0, text.size());
        });
        // Wait until the kernel reports that the thread sleeps in sendfile.
        const auto deadline = std::chrono::steady_clock::now() + 20s;
        for (std::string call; call != std::to_string(SYS_sendfile);) {
            ASSERT_LT(std::chrono::steady_clock::now(), deadline);
            std::ifstream("/proc/self/task/" + std::to_string(thread_id.load()) + "/syscall") >> call;
            std::this_thread::yield();
        }
        must(stream.shutdown(Shutdown::write));
        sending.join();
        ASSERT_TRUE(ok(sent));
        EXPECT_GT(*sent, 0u);
        EXPECT_LT(*sent, text.size());
    }));
}
