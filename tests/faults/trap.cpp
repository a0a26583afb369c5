#include "trap.hpp"

#include <csignal>
#include <cstddef>
#include <cstdint>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <ucontext.h>

// The only place from which the filter lets every call pass. The address of the next instruction identifies it.
extern "C" {
long faults_pass(long number, const long* arguments) noexcept;
extern const char faults_passed[] __attribute__((visibility("hidden")));
}

#if defined(__x86_64__)

asm(R"(
    .text
    .globl faults_pass
    .hidden faults_pass
    .type faults_pass, @function
faults_pass:
    mov %rdi, %rax
    mov %rsi, %r11
    mov (%r11), %rdi
    mov 8(%r11), %rsi
    mov 16(%r11), %rdx
    mov 24(%r11), %r10
    mov 32(%r11), %r8
    mov 40(%r11), %r9
    syscall
    .globl faults_passed
    .hidden faults_passed
faults_passed:
    ret
    .size faults_pass, . - faults_pass
)");

namespace {

faults::Call call_in(const ::mcontext_t& machine) noexcept {
    const auto& r = machine.gregs;
    return {r[REG_RAX], {r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_R10], r[REG_R8], r[REG_R9]}};
}
void set_result(::mcontext_t& machine, long result) noexcept { machine.gregs[REG_RAX] = result; }

} // namespace

#elif defined(__aarch64__)

asm(R"(
    .text
    .globl faults_pass
    .hidden faults_pass
    .type faults_pass, %function
faults_pass:
    mov x8, x0
    mov x9, x1
    ldp x0, x1, [x9]
    ldp x2, x3, [x9, 16]
    ldp x4, x5, [x9, 32]
    svc 0
    .globl faults_passed
    .hidden faults_passed
faults_passed:
    ret
    .size faults_pass, . - faults_pass
)");

namespace {

faults::Call call_in(const ::mcontext_t& machine) noexcept {
    const auto word = [&](int at) { return static_cast<long>(machine.regs[at]); };
    return {word(8), {word(0), word(1), word(2), word(3), word(4), word(5)}};
}
void set_result(::mcontext_t& machine, long result) noexcept {
    machine.regs[0] = static_cast<unsigned long long>(result);
}

} // namespace

#endif

namespace faults {
namespace {

long (*handle)(const Call&) noexcept;

void on_trap(int, ::siginfo_t* info, void* context) noexcept {
    auto& machine = static_cast<::ucontext_t*>(context)->uc_mcontext;
    auto call = call_in(machine);
    call.number = info->si_syscall;
    set_result(machine, handle(call));
}

} // namespace

long pass(const Call& call) noexcept { return faults_pass(call.number, call.arguments); }

bool trap(std::span<const long> numbers, long (*handler)(const Call&) noexcept) noexcept {
    handle = handler;
    struct ::sigaction action{};
    action.sa_sigaction = &on_trap;
    action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART; // another signal's handler may make calls
    if (::sigaction(SIGSYS, &action, nullptr) != 0) return false;

    constexpr std::size_t most = 120; // jumps have eight bits
    if (numbers.size() > most) return false;
    ::sock_filter program[most + 8];
    std::size_t size = 0;
    const auto add = [&](::sock_filter instruction) { program[size++] = instruction; };
    const auto there = reinterpret_cast<std::uintptr_t>(faults_passed);
    constexpr auto pointer = static_cast<std::uint32_t>(offsetof(::seccomp_data, instruction_pointer));
    add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(::seccomp_data, nr)));
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const auto after = static_cast<std::uint8_t>(numbers.size() - i);
        add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(numbers[i]), after, 0));
    }
    add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, pointer));
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(there), 0, 3));
    add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, pointer + 4));
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(std::uint64_t{there} >> 32), 0, 1));
    add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP));
    const ::sock_fprog filter{.len = static_cast<unsigned short>(size), .filter = program};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
           && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0;
}

} // namespace faults
