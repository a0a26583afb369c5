// The IOCP backend's wake and wait, for GenMC. See coalescer.h; and of this protocol the faults -DNOT_SEQ_CST, -DANY_STORE,
// -DANY_FIRST, -DANY_CLEAR_STORE, -DANY_CLEAR_LAST.
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
static atomic_int is_any_woken;
static atomic_int is_waiting;
static atomic_int packets; // whether there are any; the kernel orders its calls

static bool interrupt(int who) {
    if (!atomic_load_explicit(&is_waiting, LOAD)) return true;
    const unsigned ticket = begin(&interruption);
    if (ticket == 0) return true;
    if (REFUSES(who)) {
        call_failed(&interruption, ticket);
        return false;
    }
    atomic_exchange_explicit(&packets, 1, memory_order_acq_rel);
    sent(&interruption, ticket);
    return true;
}

static void set_any_woken(void) {
#ifdef ANY_STORE
    atomic_store_explicit(&is_any_woken, 1, STORE);
#else
    atomic_exchange_explicit(&is_any_woken, 1, UPDATE);
#endif
}

static void wake(int w, int who) {
#ifdef ANY_FIRST
    set_any_woken();
#endif
    const unsigned ticket = begin(&pending[w]);
    if (ticket == 0) return;
#ifndef ANY_FIRST
    set_any_woken();
#endif
    if (interrupt(who)) {
        sent(&pending[w], ticket);
    } else {
        call_failed(&pending[w], ticket);
    }
}

static bool is_linked[W]; // in the ring

static void clear_any_woken(void) {
#ifdef ANY_CLEAR_STORE
    atomic_store_explicit(&is_any_woken, 0, STORE);
#else
    atomic_exchange_explicit(&is_any_woken, 0, UPDATE);
#endif
}

static void link_woken(void) {
    if (!atomic_load_explicit(&is_any_woken, memory_order_relaxed)) return;
#ifndef ANY_CLEAR_LAST
    clear_any_woken();
#endif
    for (int w = 0; w < W; ++w) {
        if (is_pending(&pending[w])) is_linked[w] = true;
    }
#ifdef ANY_CLEAR_LAST
    clear_any_woken();
#endif
}

static void collect(void) {
    for (int w = 0; w < W; ++w) {
        if (!is_linked[w]) continue;
        is_linked[w] = false;
        take(&pending[w]);
        report(w);
    }
}

static bool select_once(void) {
    link_woken();
    bool has_news = false;
    for (int w = 0; w < W; ++w) has_news |= is_linked[w];
    atomic_store_explicit(&is_waiting, 1, STORE);
    has_news = has_news || atomic_load_explicit(&is_any_woken, LOAD);
    const bool is_awake = wait_for(&packets, has_news);
    if (is_awake && atomic_exchange_explicit(&packets, 0, memory_order_acq_rel)) take(&interruption);
    atomic_store_explicit(&is_waiting, 0, memory_order_relaxed);
    if (!is_awake) return false;
    link_woken();
    collect();
    return true;
}
