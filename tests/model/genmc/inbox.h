// The Inbox of mio.async.loop for GenMC, with its faults: -DPUSH_RELAXED, -DTAKE_RELAXED, -DTAKE_STORE, -DWAKE_FIRST,
// -DNO_WAKE, -DCLOSE_RELAXED, -DCLOSE_STORE, -DRELEASE_RELAXED, -DNO_REFERENCE. The waker is the contract of mio::Waker.
//
// Sizes: -DT= senders, -DTURNS= turns of the loop beside them.
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#ifndef T
#define T 2
#endif
#ifndef TURNS
#define TURNS 1
#endif
#ifdef PUSH_RELAXED
#define PUSH memory_order_relaxed
#else
#define PUSH memory_order_release
#endif
#ifdef TAKE_RELAXED
#define TAKE memory_order_relaxed
#else
#define TAKE memory_order_acquire
#endif
#ifdef CLOSE_RELAXED
#define CLOSE memory_order_relaxed
#else
#define CLOSE memory_order_acq_rel
#endif
#ifdef RELEASE_RELAXED
#define RELEASE memory_order_relaxed
#else
#define RELEASE memory_order_acq_rel
#endif

extern void __VERIFIER_assume(int);

typedef struct parcel {
    struct parcel *next; // not atomic: GenMC reports races
} parcel;

typedef struct {
    _Atomic(parcel *) first;
    atomic_int references;
    atomic_int woken; // whether the waker's event is pending; the kernel orders its calls
} inbox;

static parcel closed_mark;

static void wake(inbox *i) { atomic_exchange_explicit(&i->woken, 1, memory_order_acq_rel); }

static inline void retain(inbox *i) { atomic_fetch_add_explicit(&i->references, 1, memory_order_relaxed); }

static void release(inbox *i) {
    if (atomic_fetch_sub_explicit(&i->references, 1, RELEASE) == 1) free(i);
}

static bool post(inbox *i, parcel *p) {
    parcel *first = atomic_load_explicit(&i->first, memory_order_acquire);
    for (int tries = 0; tries < T + TURNS + 1; ++tries) {
        if (first == &closed_mark) return false;
        p->next = first;
#ifdef WAKE_FIRST
        if (first == 0) wake(i);
#endif
        if (atomic_compare_exchange_strong_explicit(&i->first, &first, p, PUSH, memory_order_acquire)) {
#if !defined(WAKE_FIRST) && !defined(NO_WAKE)
            if (first == 0) wake(i);
#endif
            return true;
        }
    }
    __VERIFIER_assume(0);
    return false;
}

static void opened(parcel *p);

static void open_all(parcel *p) {
    while (p != 0 && p != &closed_mark) {
        parcel *const next = p->next;
        opened(p);
        p = next;
    }
}

static void take(inbox *i) {
#ifdef TAKE_STORE
    parcel *const all = atomic_load_explicit(&i->first, memory_order_acquire);
    atomic_store_explicit(&i->first, 0, memory_order_release);
#else
    parcel *const all = atomic_exchange_explicit(&i->first, 0, TAKE);
#endif
    open_all(all);
}

static inline void close_inbox(inbox *i) {
#ifdef CLOSE_STORE
    parcel *const all = atomic_load_explicit(&i->first, memory_order_acquire);
    atomic_store_explicit(&i->first, &closed_mark, memory_order_release);
#else
    parcel *const all = atomic_exchange_explicit(&i->first, &closed_mark, CLOSE);
#endif
    open_all(all);
}

// A turn: after the event of the waker or, if `is_other`, of another source. False: there is none.
static bool turn(inbox *i, bool is_other) {
    const bool is_woken = atomic_exchange_explicit(&i->woken, 0, memory_order_acq_rel);
    if (!is_woken && !is_other) return false;
    if (is_woken) take(i);
    if (atomic_load_explicit(&i->first, memory_order_relaxed) != 0) take(i);
    return true;
}

static inbox *new_inbox(int references) {
    inbox *const i = malloc(sizeof *i);
    atomic_init(&i->first, 0);
    atomic_init(&i->references, references);
    atomic_init(&i->woken, 0);
    return i;
}
