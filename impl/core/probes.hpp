// USDT probes of the provider "mio", where <sys/sdt.h> exists and was included: a no-op instruction each, which perf
// and bpftrace replace with a breakpoint. Include it after the imports.
// @see perf-probe(1)
#pragma once

namespace mio {

#ifdef DTRACE_PROBE
inline void probe_poll_begin() noexcept { DTRACE_PROBE(mio, poll_begin); }
inline void probe_poll_end(std::size_t events, int error) noexcept {
    DTRACE_PROBE2(mio, poll_end, events, error);
}
inline void probe_wake_sent() noexcept { DTRACE_PROBE(mio, wake_sent); }
inline void probe_wake_coalesced() noexcept { DTRACE_PROBE(mio, wake_coalesced); }
#else
inline void probe_poll_begin() noexcept {}
inline void probe_poll_end(std::size_t, int) noexcept {}
inline void probe_wake_sent() noexcept {}
inline void probe_wake_coalesced() noexcept {}
#endif

} // namespace mio
