// mio::sys::Coalescer for GenMC, with its faults: -DBEGIN_RELAXED, -DREADS_SENT, -DTRUSTS_SENDING, -DNO_GENERATION,
// -DRESETS_ON_FAILURE, -DTAKE_ACQUIRE, -DTAKE_RELEASE, -DTAKE_STORE. They concern the coalescers of wakers.
//
// Sizes: -DW= wakers, -DT= threads (thread t wakes waker t % W, WAKES times), -DPOLLS= polls beside them, -DFAIL if the
// system calls of the first thread fail.
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#ifndef W
#define W 1
#endif
#ifndef T
#define T 2
#endif
#ifndef WAKES
#define WAKES 1
#endif
#ifndef POLLS
#define POLLS 1
#endif
#ifdef FAIL
#define REFUSES(who) ((who) == 0)
#else
#define REFUSES(who) ((who) < -1)
#endif

extern void __VERIFIER_assume(int);

enum { idle = 0, sending = 1, is_sent = 2, phases = 3, generation = 4 };

typedef struct {
    atomic_uint state;
} coalescer;

#ifdef BEGIN_RELAXED
#define BEGIN_ORDER memory_order_relaxed
#else
#define BEGIN_ORDER memory_order_acq_rel
#endif
#if defined(TAKE_ACQUIRE)
#define TAKE_ORDER memory_order_acquire
#elif defined(TAKE_RELEASE)
#define TAKE_ORDER memory_order_release
#else
#define TAKE_ORDER memory_order_acq_rel
#endif

// 0, or a ticket. The library loops on compare_exchange_weak; more than a few failures add nothing here.
static unsigned begin(coalescer *c) {
#ifdef READS_SENT
    if ((atomic_load_explicit(&c->state, memory_order_acquire) & phases) == is_sent) return 0;
#endif
    unsigned seen = atomic_load_explicit(&c->state, memory_order_relaxed);
    for (int i = 0; i < 4; ++i) {
        const unsigned phase = seen & phases;
#ifdef NO_GENERATION
        const unsigned next = phase == idle ? seen + sending : seen;
#else
        const unsigned next = phase == idle ? seen + generation + sending : seen;
#endif
        if (atomic_compare_exchange_strong_explicit(&c->state, &seen, next, BEGIN_ORDER, memory_order_relaxed)) {
#ifdef TRUSTS_SENDING
            if (phase == sending) return 0;
#endif
            return phase == is_sent ? 0 : next;
        }
    }
    __VERIFIER_assume(0);
    return 0;
}

static void sent(coalescer *c, unsigned ticket) {
    atomic_compare_exchange_strong_explicit(&c->state, &ticket, ticket - sending + is_sent, memory_order_acq_rel,
                                            memory_order_relaxed);
}

static void call_failed(coalescer *c, unsigned ticket) {
#ifdef RESETS_ON_FAILURE
    atomic_store_explicit(&c->state, ticket & ~(unsigned)phases, memory_order_release);
#else
    (void)c;
    (void)ticket;
#endif
}

static inline bool is_pending(coalescer *c) {
    return (atomic_load_explicit(&c->state, memory_order_relaxed) & phases) != idle;
}

static bool take(coalescer *c) {
#ifdef TAKE_STORE
    const unsigned seen = atomic_load_explicit(&c->state, memory_order_acquire);
    atomic_store_explicit(&c->state, seen & ~(unsigned)phases, memory_order_release);
    return (seen & phases) != idle;
#else
    return (atomic_fetch_and_explicit(&c->state, ~(unsigned)phases, TAKE_ORDER) & phases) != idle;
#endif
}

// The data that a thread writes before it wakes, and the data that the receiver read with the last event of its waker.
static atomic_int data[T];
static int seen_data[T];

static void report(int w) {
    for (int t = 0; t < T; ++t) {
        if (t % W == w) seen_data[t] = atomic_load_explicit(&data[t], memory_order_relaxed);
    }
}

// The first thread knows that its wakes failed.
static void check_all(int value) {
    for (int t = REFUSES(0) ? 1 : 0; t < T; ++t) assert(seen_data[t] == value);
}
