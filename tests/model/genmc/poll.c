// The poll(2) backend's wake and wait, for GenMC. See coalescer.h; and of this protocol the faults -DNOT_SEQ_CST,
// -DTAKE_BEFORE_DRAIN, -DWOKEN_CLEAR_STORE, and -DWOKEN_STORE with -DLOOKS_FIRST.
#include "coalescer.h"
#include "waiting.h"

#ifdef NOT_SEQ_CST
#define LOAD memory_order_acquire
#define STORE memory_order_release
#define UPDATE memory_order_acq_rel
#else
#define LOAD memory_order_seq_cst
#define STORE memory_order_seq_cst
#define UPDATE memory_order_seq_cst
#endif

static coalescer pending[W], interruption;
static atomic_int woken, is_waiting;
static atomic_int receiver; // readable; the kernel orders its calls

static bool interrupt(int who) {
    if (!atomic_load_explicit(&is_waiting, LOAD)) return true;
    const unsigned ticket = begin(&interruption);
    if (ticket == 0) return true;
    if (REFUSES(who)) {
        call_failed(&interruption, ticket);
        return false;
    }
    atomic_exchange_explicit(&receiver, 1, memory_order_acq_rel);
    sent(&interruption, ticket);
    return true;
}

static void wake(int w, int who) {
    const unsigned ticket = begin(&pending[w]);
    if (ticket == 0) return;
#ifdef WOKEN_STORE
    atomic_store_explicit(&woken, 1, STORE);
#else
    atomic_exchange_explicit(&woken, 1, UPDATE);
#endif
    if (interrupt(who)) {
        sent(&pending[w], ticket);
    } else {
        call_failed(&pending[w], ticket);
    }
}

static void collect(void) {
#ifdef WOKEN_CLEAR_STORE
    const bool is_woken = atomic_load_explicit(&woken, LOAD);
    atomic_store_explicit(&woken, 0, STORE);
#else
    const bool is_woken = atomic_exchange_explicit(&woken, 0, UPDATE);
#endif
    if (!is_woken) return;
    for (int w = 0; w < W; ++w) {
#ifdef LOOKS_FIRST
        if (!is_pending(&pending[w])) continue;
#endif
        if (take(&pending[w])) report(w);
    }
}

static bool select_once(void) {
    atomic_store_explicit(&is_waiting, 1, STORE);
    const bool is_woken = atomic_load_explicit(&woken, LOAD);
    const bool is_awake = wait_for(&receiver, is_woken);
    const bool readable = is_awake && atomic_load_explicit(&receiver, memory_order_acquire);
    atomic_store_explicit(&is_waiting, 0, memory_order_relaxed);
    if (!is_awake) return false;
    if (readable) {
#ifdef TAKE_BEFORE_DRAIN
        take(&interruption);
#endif
        atomic_exchange_explicit(&receiver, 0, memory_order_acq_rel);
#ifndef TAKE_BEFORE_DRAIN
        take(&interruption);
#endif
    }
    collect();
    return true;
}
