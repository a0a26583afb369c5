// Writing to a closed peer in a sandbox that rejects the system calls used to suppress SIGPIPE: the call fails
// before it writes, and the process survives.
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "../pipe.hpp"
#include "nosignal.hpp"
#include "sandbox.hpp"

using namespace test;
using mio::net::Shutdown;

namespace {

using Attempt = std::function<mio::Result<std::size_t>()>;

struct Refused {
    std::string call;
    long number;
    int error;
};

const Refused refused[] = {
    {"rt_sigtimedwait", SYS_rt_sigtimedwait, EPERM}, {"rt_sigtimedwait", SYS_rt_sigtimedwait, ENOSYS},
    {"rt_sigtimedwait", SYS_rt_sigtimedwait, EINTR}, {"rt_sigprocmask", SYS_rt_sigprocmask, EPERM},
    {"rt_sigprocmask", SYS_rt_sigprocmask, ENOSYS},  {"rt_sigpending", SYS_rt_sigpending, EPERM},
};

// Makes an attempt in a sandboxed process. If the peer is open, nothing may have been written to it.
template <class Make> void expect_refused(Make make) {
    for (const auto& refusal : refused) {
        EXPECT_TRUE(in_child([&] {
            ::signal(SIGPIPE, SIG_DFL);
            ::alarm(20); // ends the child if the call never returns
            const Attempt attempt = make();
            ASSERT_TRUE(forbid_system_call(refusal.number, refusal.error));
            const auto result = attempt();
            ASSERT_FALSE(result) << refusal.call;
            EXPECT_EQ(result.error(), std::error_code(refusal.error, mio::os_category()))
                << refusal.call << ": " << result.error().message();
        })) << refusal.call
            << ", " << std::strerror(refusal.error);
    }
}

auto splice_to(std::shared_ptr<UnixStream> stream) {
    auto ends = std::make_shared<std::pair<PipeSender, PipeReceiver>>(must(make_pipe()));
    EXPECT_EQ(must(ends->first.write(bytes_of(data))), data.size());
    return [ends, stream] { return mio::net::splice(ends->second, *stream, data.size()); };
}

auto send_file_to(std::shared_ptr<UnixStream> stream) {
    auto file = std::make_shared<plain::Socket>(file_with(data));
    return [file, stream] { return mio::net::send_file(*stream, file->fd(), 0, data.size()); };
}

} // namespace

TEST(SigpipeInASandbox, SpliceToAClosedPeerFailsAndTheProcessSurvives) {
    expect_refused([] { return splice_to(std::make_shared<UnixStream>(must(UnixStream::pair()).first)); });
}

TEST(SigpipeInASandbox, SendFileToAClosedPeerFailsAndTheProcessSurvives) {
    expect_refused([] { return send_file_to(std::make_shared<UnixStream>(must(UnixStream::pair()).first)); });
}

// With RWF_NOSIGNAL (Linux 6.18) no signal has to be suppressed.
TEST(SigpipeInASandbox, WriteToAClosedPipeFailsAndTheProcessSurvives) {
    if (kernel_has_nosignal()) GTEST_SKIP() << "this kernel has RWF_NOSIGNAL";
    expect_refused([] {
        auto sender = std::make_shared<PipeSender>(must(make_pipe()).first);
        return [sender] { return sender->write(bytes_of(data)); };
    });
}

TEST(SigpipeInASandbox, NothingIsWrittenToAnOpenPeer) {
    for (const bool by_splice : {true, false}) {
        std::shared_ptr<UnixStream> peer;
        expect_refused([&]() -> Attempt {
            auto [stream, other] = must(UnixStream::pair());
            peer = std::make_shared<UnixStream>(std::move(other));
            auto shared = std::make_shared<UnixStream>(std::move(stream));
            const Attempt attempt = by_splice ? Attempt(splice_to(shared)) : Attempt(send_file_to(shared));
            return [&peer, attempt] {
                auto result = attempt();
                std::array<std::byte, 64> buffer;
                EXPECT_TRUE(blocks(peer->read(buffer))) << "data was written";
                return result;
            };
        });
    }
}
