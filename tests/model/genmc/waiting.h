// Common part of poll.c and iocp.c: a receiver that sleeps unless it finds a wake or is interrupted, and the property. The
// includer defines `wake` and `select_once`, which returns false if it would sleep for ever.
static atomic_int done; // all wakes are sent

static void wake(int w, int who);
static bool select_once(void);

static void *waker(void *p) {
    const int t = (int)(intptr_t)p;
    for (int i = 1; i <= WAKES; ++i) {
        atomic_store_explicit(&data[t], i, memory_order_relaxed);
        wake(t % W, t);
    }
    return 0;
}

// Waits for the notification. An execution in which it would come only later is left to another one in which the
// receiver comes later.
static bool wait_for(atomic_int *notified, bool has_news) {
    if (has_news || atomic_load_explicit(notified, memory_order_acquire)) return true;
    const bool is_done = atomic_load_explicit(&done, memory_order_acquire);
    const bool is_notified = atomic_load_explicit(notified, memory_order_acquire);
    __VERIFIER_assume(is_done || is_notified);
    return is_notified;
}

static void *poller(void *p) {
    for (int i = 0; i < POLLS; ++i) {
        if (!select_once()) {
            check_all(WAKES);
            break;
        }
    }
    return p;
}

int main(void) {
    pthread_t threads[T], poll;
    pthread_create(&poll, 0, poller, 0);
    for (int t = 0; t < T; ++t) pthread_create(&threads[t], 0, waker, (void *)(intptr_t)t);
    for (int t = 0; t < T; ++t) pthread_join(threads[t], 0);
    atomic_store_explicit(&done, 1, memory_order_release);
    pthread_join(poll, 0);
    for (int i = 0; i < 2 * T * WAKES + 2; ++i) {
        if (!select_once()) break;
    }
    check_all(WAKES);
    return 0;
}
