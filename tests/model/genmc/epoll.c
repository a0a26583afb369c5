// PendingWake, Wakers::settle and the epoll backend's waker, for GenMC. See coalescer.h; and of this protocol the faults
// -DANY_STORE, -DANY_AFTER_CALL, -DANY_CLEAR_STORE, -DANY_RESTORE_STORE.
#include "coalescer.h"

static coalescer pending[W];
static atomic_int any_pending;

// The kernel: an eventfd per waker in one epoll instance, edge-triggered. A lock orders its calls.
static pthread_mutex_t kernel = PTHREAD_MUTEX_INITIALIZER;
static bool ready[W];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void set_any(void) {
#ifdef ANY_STORE
    atomic_store_explicit(&any_pending, 1, memory_order_release);
#else
    atomic_exchange_explicit(&any_pending, 1, memory_order_acq_rel);
#endif
}

static void wake(int w, int who) {
    const unsigned ticket = begin(&pending[w]);
    if (ticket == 0) return;
#ifndef ANY_AFTER_CALL
    set_any();
#endif
    if (REFUSES(who)) {
        call_failed(&pending[w], ticket);
        return;
    }
    pthread_mutex_lock(&kernel);
    ready[w] = true;
    pthread_mutex_unlock(&kernel);
#ifdef ANY_AFTER_CALL
    set_any();
#endif
    sent(&pending[w], ticket);
}

// Without waiting: a wait that would sleep reports nothing, and main polls once more when all is sent.
static void select_now(void) {
    bool got[W];
    bool has_any = false;
    pthread_mutex_lock(&kernel);
    for (int w = 0; w < W; ++w) {
        got[w] = ready[w];
        has_any |= got[w];
        ready[w] = false;
    }
    pthread_mutex_unlock(&kernel);
    if (!has_any) return;
    if (atomic_load_explicit(&any_pending, memory_order_relaxed)) {
        pthread_mutex_lock(&mutex);
#ifdef ANY_CLEAR_STORE
        atomic_store_explicit(&any_pending, 0, memory_order_release);
#else
        atomic_exchange_explicit(&any_pending, 0, memory_order_acq_rel);
#endif
        for (int w = 0; w < W; ++w) {
            if (!is_pending(&pending[w])) continue;
            if (got[w]) {
                take(&pending[w]);
            } else {
#ifdef ANY_RESTORE_STORE
                atomic_store_explicit(&any_pending, 1, memory_order_relaxed);
#else
                atomic_exchange_explicit(&any_pending, 1, memory_order_relaxed);
#endif
            }
        }
        pthread_mutex_unlock(&mutex);
    }
    for (int w = 0; w < W; ++w) {
        if (got[w]) report(w);
    }
}

static void *waker(void *p) {
    const int t = (int)(intptr_t)p;
    for (int i = 1; i <= WAKES; ++i) {
        atomic_store_explicit(&data[t], i, memory_order_relaxed);
        wake(t % W, t);
    }
    return 0;
}

static void *poller(void *p) {
    for (int i = 0; i < POLLS; ++i) select_now();
    return p;
}

int main(void) {
    pthread_t threads[T], poll;
    pthread_create(&poll, 0, poller, 0);
    for (int t = 0; t < T; ++t) pthread_create(&threads[t], 0, waker, (void *)(intptr_t)t);
    for (int t = 0; t < T; ++t) pthread_join(threads[t], 0);
    pthread_join(poll, 0);
    // All wakes are sent: what this poll does not report is lost.
    select_now();
    check_all(WAKES);
    // One wake more for each waker, by a thread that knows of all that: none is swallowed.
    for (int w = 0; w < W; ++w) {
        for (int t = w; t < T; t += W) atomic_store_explicit(&data[t], 99, memory_order_relaxed);
        wake(w, -1);
        select_now();
        assert(seen_data[w] == 99);
    }
    return 0;
}
