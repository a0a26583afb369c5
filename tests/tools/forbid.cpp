// Runs a program that is refused a system call, as a sandbox does it: forbid CALL ERROR PROGRAM [ARGUMENT...], with the
// number of an error. Exit status: that of the program; 77 if the kernel has no such filters.
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "sandbox.hpp"

namespace {

struct Call {
    std::string_view name;
    long number;
};

constexpr Call calls[] = {
    {"accept4", SYS_accept4},  {"epoll_create1", SYS_epoll_create1}, {"epoll_pwait2", SYS_epoll_pwait2},
    {"eventfd", SYS_eventfd2}, {"io_uring", SYS_io_uring_setup},     {"socket", SYS_socket},
};

} // namespace

int main(int count, char** arguments) {
    if (count < 4) return 2;
    for (const auto& call : calls) {
        if (call.name != arguments[1]) continue;
        if (!test::forbid_system_call(call.number, std::atoi(arguments[2]))) return 77;
        ::execv(arguments[3], arguments + 3);
        std::perror(arguments[3]);
        return 127;
    }
    return 2;
}
