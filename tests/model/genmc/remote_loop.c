// RemoteLoop::post and a loop for GenMC. See inbox.h; with -DENDS the loop is destroyed after its turns, otherwise it continues
// until nothing wakes it.
#include "inbox.h"

static inbox *shared;
static parcel parcels[T];
static atomic_int data[T];
static int count[T]; // how often a parcel was opened
static bool is_posted[T];

static void opened(parcel *p) {
    const int t = (int)(p - parcels);
    assert(atomic_load_explicit(&data[t], memory_order_relaxed) == 1);
    ++count[t];
}

static void *sender(void *p) {
    const int t = (int)(intptr_t)p;
    atomic_store_explicit(&data[t], 1, memory_order_relaxed);
    is_posted[t] = post(shared, &parcels[t]);
    release(shared);
    return 0;
}

static void *loop(void *p) {
    for (int i = 0; i < TURNS; ++i) turn(shared, true);
#ifdef ENDS
    close_inbox(shared);
    release(shared);
#endif
    return p;
}

int main(void) {
    pthread_t threads[T], poll;
    shared = new_inbox(T + 1);
    for (int t = 0; t < T; ++t) pthread_create(&threads[t], 0, sender, (void *)(intptr_t)t);
    pthread_create(&poll, 0, loop, 0);
    for (int t = 0; t < T; ++t) pthread_join(threads[t], 0);
    pthread_join(poll, 0);
#ifndef ENDS
    for (int i = 0; i < T + 1 && turn(shared, false); ++i) {
    }
    for (int t = 0; t < T; ++t) assert(is_posted[t]);
    release(shared);
#endif
    for (int t = 0; t < T; ++t) assert(count[t] == is_posted[t]);
    return 0;
}
