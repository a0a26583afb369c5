// A coroutine that waits for a Channel, for GenMC. See inbox.h; the coroutine is resumed, or with -DCANCELS cancelled by its
// loop, or with -DDESTROYS destroyed, and then its loop ends. Faults: -DPOST_UNLOCKED, -DSTORE_LATE, -DCANCEL_UNLOCKED,
// -DCANCEL_ALWAYS, -DWITHDRAW_UNLOCKED, -DLEAVE_PARCEL, -DLEAVE_LISTED.
#include "inbox.h"

typedef struct {
    parcel sent; // the first member
    bool is_listed;
    bool is_opened;
    int value;
} waiter;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static inbox *home;
static waiter *listed; // the channel's list of receivers
static int ring;       // values in the channel, which has room for one
static int sent, received;

static void opened(parcel *p) { ((waiter *)p)->is_opened = true; }

static void complete(waiter *w) {
    inbox *const i = home;
#ifndef NO_REFERENCE
    retain(i);
#endif
#ifdef STORE_LATE
    post(i, &w->sent);
    w->value = 1;
#else
    w->value = 1;
    post(i, &w->sent);
#endif
#ifndef NO_REFERENCE
    release(i);
#endif
}

static void *sender(void *p) {
    pthread_mutex_lock(&mutex);
    waiter *const w = listed;
    listed = 0;
    if (w != 0) {
        ++sent;
        w->is_listed = false;
#ifndef POST_UNLOCKED
        complete(w);
#endif
    } else if (ring == 0) {
        ring = 1;
        ++sent;
    }
    pthread_mutex_unlock(&mutex);
#ifdef POST_UNLOCKED
    if (w != 0) complete(w);
#endif
    return p;
}

static void __attribute__((unused)) receive_value(waiter *w) {
    for (int i = 0; i < 3 && !w->is_opened; ++i) turn(home, false);
    __VERIFIER_assume(w->is_opened); // otherwise it waits
    assert(w->value == 1);
    ++received;
}

// Leaves the list. Whether the waiter was posted.
static bool __attribute__((unused)) leave(waiter *w, bool has_lock, bool stays) {
    if (has_lock) pthread_mutex_lock(&mutex);
    const bool is_posted = !w->is_listed;
    w->is_listed = false;
    if (!stays) listed = 0;
    if (has_lock) pthread_mutex_unlock(&mutex);
    return is_posted;
}

static void *loop(void *p) {
    waiter *const w = malloc(sizeof *w);
    w->is_opened = w->is_listed = false;
    w->value = 0;
    pthread_mutex_lock(&mutex);
    const bool is_waiting = ring == 0;
    if (is_waiting) {
        w->is_listed = true;
        listed = w;
    } else {
        ring = 0;
        ++received;
    }
    pthread_mutex_unlock(&mutex);
    if (is_waiting) {
#if defined(CANCELS)
#ifdef CANCEL_UNLOCKED
        bool is_posted = leave(w, false, false);
#else
        bool is_posted = leave(w, true, false);
#endif
#ifdef CANCEL_ALWAYS
        is_posted = false;
#endif
        if (is_posted) receive_value(w);
#elif defined(DESTROYS)
#ifdef WITHDRAW_UNLOCKED
        const bool is_posted = leave(w, false, false);
#elif defined(LEAVE_LISTED)
        const bool is_posted = leave(w, true, true);
#else
        const bool is_posted = leave(w, true, false);
#endif
#ifdef LEAVE_PARCEL
        (void)is_posted;
#else
        if (is_posted) {
            take(home);
            assert(w->is_opened);
            ++received;
        }
#endif
#else
        receive_value(w);
#endif
    }
    free(w);
    close_inbox(home);
    release(home);
    return p;
}

int main(void) {
    pthread_t threads[T], receiver;
    home = new_inbox(1);
    pthread_create(&receiver, 0, loop, 0);
    for (int t = 0; t < T; ++t) pthread_create(&threads[t], 0, sender, 0);
    for (int t = 0; t < T; ++t) pthread_join(threads[t], 0);
    pthread_join(receiver, 0);
    assert(received + ring == sent);
    return 0;
}
