// The IOCP backend's wake and wait, for GenMC. See coalescer.h; and of this protocol the faults -DNOT_SEQ_CST,
// -DQUEUED_AFTER_TAKE, -DQUEUED_RELAXED, -DPUSH_UNLOCKED with -DFAIL.
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
#ifdef QUEUED_RELAXED
#define QUEUED_ORDER memory_order_relaxed
#else
#define QUEUED_ORDER memory_order_release
#endif

static coalescer pending[W], interruption;
static atomic_int is_queued[W];
static int next_woken[W];  // 0, or 1 + the waker
static atomic_int woken;   // 0, or 1 + the waker that was pushed last
static atomic_int is_waiting;
static atomic_int packets; // whether there are any; the kernel orders its calls
static pthread_mutex_t queueing[W];

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

static void push(int w) {
    int head = atomic_load_explicit(&woken, memory_order_relaxed);
    for (int i = 0; i < 4; ++i) {
        next_woken[w] = head;
        if (atomic_compare_exchange_strong_explicit(&woken, &head, w + 1, UPDATE, memory_order_relaxed)) return;
    }
    __VERIFIER_assume(0);
}

static void wake(int w, int who) {
    const unsigned ticket = begin(&pending[w]);
    if (ticket == 0) return;
#ifndef PUSH_UNLOCKED
    pthread_mutex_lock(&queueing[w]);
#endif
    if (!atomic_exchange_explicit(&is_queued[w], 1, memory_order_acq_rel)) push(w);
#ifndef PUSH_UNLOCKED
    pthread_mutex_unlock(&queueing[w]);
#endif
    if (interrupt(who)) {
        sent(&pending[w], ticket);
    } else {
        call_failed(&pending[w], ticket);
    }
}

static bool is_linked[W]; // in the ring

static void take_woken(void) {
    if (!atomic_load_explicit(&woken, memory_order_relaxed)) return;
    int head = atomic_exchange_explicit(&woken, 0, UPDATE);
    for (int i = 0; i < W && head != 0; ++i) {
        const int w = head - 1;
        head = next_woken[w];
        next_woken[w] = 0;
        is_linked[w] = true;
    }
}

static void collect(void) {
    for (int w = 0; w < W; ++w) {
        if (!is_linked[w]) continue;
        is_linked[w] = false;
#ifndef QUEUED_AFTER_TAKE
        atomic_store_explicit(&is_queued[w], 0, QUEUED_ORDER);
#endif
        take(&pending[w]);
#ifdef QUEUED_AFTER_TAKE
        atomic_store_explicit(&is_queued[w], 0, QUEUED_ORDER);
#endif
        report(w);
    }
}

static bool select_once(void) {
    take_woken();
    bool has_news = false;
    for (int w = 0; w < W; ++w) has_news |= is_linked[w];
    atomic_store_explicit(&is_waiting, 1, STORE);
    has_news = has_news || atomic_load_explicit(&woken, LOAD) != 0;
    const bool is_awake = wait_for(&packets, has_news);
    if (is_awake && atomic_exchange_explicit(&packets, 0, memory_order_acq_rel)) take(&interruption);
    atomic_store_explicit(&is_waiting, 0, memory_order_relaxed);
    if (!is_awake) return false;
    take_woken();
    collect();
    return true;
}
