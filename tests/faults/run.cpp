#include "run.hpp"

#include <algorithm>
#include <bitset>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heap.hpp"
#include "trap.hpp"

namespace faults {
namespace {

// Shared by parent and child.
struct Page {
    char text[3800];
    unsigned length;
    bool has_fired;
};
Page& page = *static_cast<Page*>(
    ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));

constexpr int most_descriptors = 256;
using Descriptors = std::bitset<most_descriptors>;

Descriptors open_descriptors() noexcept {
    Descriptors open;
    for (int fd = 0; fd < most_descriptors; ++fd)
        open[static_cast<unsigned>(fd)] = pass(SYS_fcntl, fd, F_GETFD) >= 0;
    return open;
}

// A block that is still in use may be a cache, which is filled once; a leak grows each time.
void expect_nothing_left(const Fault& fault, void (*script)()) {
    const auto descriptors = open_descriptors();
    const auto blocks = blocks_in_use();
    play(fault, script);
    page.has_fired = has_fired();
    after_each_run();
    const auto changed = open_descriptors() ^ descriptors;
    for (unsigned fd = 0; fd < most_descriptors; ++fd)
        if (changed[fd]) report("descriptor %u %s", fd, descriptors[fd] ? "was closed" : "is left open");
    if (blocks_in_use() == blocks) return;
    const auto once = blocks_in_use();
    play(fault, script);
    after_each_run();
    const auto twice = blocks_in_use();
    if (twice.count > once.count || twice.bytes > once.bytes)
        report("%zu blocks with %zd bytes are left", twice.count - once.count,
               static_cast<ssize_t>(twice.bytes - once.bytes));
}

[[noreturn]] void be_child(const Fault& fault, void (*script)()) {
    constexpr unsigned patience_s = 15; // of a machine with many other programs
    ::alarm(patience_s);
    expect_nothing_left(fault, script);
    const bool has_hit = page.has_fired;
    if (page.length == 0) {
        expect_nothing_left({}, script);
        if (page.length != 0) report("in the run after it, without a fault");
    }
    page.has_fired = has_hit;
    ::_exit(0);
}

} // namespace

void report(const char* format, ...) noexcept {
    va_list arguments;
    va_start(arguments, format);
    const auto room = sizeof page.text - page.length;
    const int written = std::vsnprintf(page.text + page.length, room, format, arguments);
    va_end(arguments);
    page.length += static_cast<unsigned>(std::clamp<long>(written, 0, static_cast<long>(room) - 1));
    page.length +=
        static_cast<unsigned>(std::snprintf(page.text + page.length, sizeof page.text - page.length, "; "));
    page.length = std::min<unsigned>(page.length, sizeof page.text - 1);
}

void play(const Fault& fault, void (*script)()) {
    std::thread([&] {
        arm(fault);
        script();
        disarm();
    }).join();
}

void run(const Fault& fault, void (*script)(), const char* label, Totals& totals) {
    page.length = 0;
    page.text[0] = '\0';
    page.has_fired = false;
    std::fflush(nullptr);
    const auto child = ::fork();
    if (child == 0) be_child(fault, script);
    int status = 0;
    while (child == -1 || ::waitpid(child, &status, 0) == -1) {
        if (child == -1) std::abort();
    }
    ++totals.runs;
    if (page.has_fired) ++totals.hits;
    if (WIFSIGNALED(status)) {
        report(WTERMSIG(status) == SIGALRM ? "hangs" : "is killed by signal %d", WTERMSIG(status));
    } else if (WEXITSTATUS(status) != 0) {
        report("exits with %d", WEXITSTATUS(status));
    }
    if (page.length == 0) return;
    ++totals.failures;
    std::printf("%s: %s\n", label, page.text);
}

} // namespace faults
