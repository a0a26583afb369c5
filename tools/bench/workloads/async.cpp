#include "workloads/async.hpp"

#include "harness/failure.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string_view>

namespace bench {
namespace {

extern "C" void on_child(int) {
    ::siginfo_t ended{};
    if (::waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0) return;
    if (ended.si_code == CLD_EXITED && ended.si_status == 0) return;
    constexpr std::string_view message = "mio-bench: the load process failed\n";
    [[maybe_unused]] const auto ignored = ::write(STDERR_FILENO, message.data(), message.size());
    ::_exit(1);
}

} // namespace

void fail_with_load() {
    struct ::sigaction action{};
    action.sa_handler = &on_child;
    action.sa_flags = SA_RESTART;
    must(::sigaction(SIGCHLD, &action, nullptr), "sigaction");
}

} // namespace bench
