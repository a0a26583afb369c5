#include <winsock2.h>

#include <windows.h>

#include "shared.hpp"

namespace probe {

namespace {

std::atomic<bool> signal_came = false;
// A socket connected to itself: sending makes it readable.
std::atomic<mio::RawHandle> signal_handle = mio::invalid_handle;

// Runs in a separate thread. The system handles the second Ctrl-C, which ends the program.
::BOOL WINAPI on_control(::DWORD kind) {
    if (kind != CTRL_C_EVENT && kind != CTRL_BREAK_EVENT) return FALSE;
    if (signal_came.exchange(true)) return FALSE;
    const char byte = 0;
    ::send(signal_handle, &byte, 1, 0);
    return TRUE;
}

mio::OwnedHandle make_socket() {
    auto socket = must(mio::net::UdpSocket::bind({mio::net::IpAddress::loopback_v4(), 0}), "bind");
    must(socket.connect(must(socket.local_address(), "getsockname")), "connect");
    return mio::OwnedHandle(socket.release());
}

} // namespace

Interrupt::Interrupt() : reading_end_(make_socket()), source_(reading_end_.get()) {
    signal_handle = reading_end_.get();
    ::SetConsoleCtrlHandler(on_control, TRUE);
}

Interrupt::~Interrupt() { ::SetConsoleCtrlHandler(on_control, FALSE); }

bool Interrupt::requested() const noexcept { return signal_came; }

void Interrupt::wait(std::chrono::milliseconds limit) const noexcept {
    ::WSAPOLLFD entry{.fd = reading_end_.get(), .events = POLLRDNORM, .revents = 0};
    ::WSAPoll(&entry, 1, static_cast<int>(std::clamp<long long>(limit.count(), 0, 0x7fff'ffff)));
}

} // namespace probe
