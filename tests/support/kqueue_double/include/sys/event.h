/* A test double of FreeBSD's <sys/event.h>, for Linux: the same names, types and numbers, so that code written
 * for kqueue(2) can be compiled here. README.md, beside `include`, describes it.
 */
#pragma once
/* As a system's header: GCC warns that the function hides the structure's constructor. */
#pragma GCC system_header

#include <stdint.h>
#include <time.h>

struct kevent {
    uintptr_t ident;       /* a descriptor, or for EVFILT_USER any number */
    short filter;          /* EVFILT_* */
    unsigned short flags;  /* EV_* */
    unsigned int fflags;   /* NOTE_*, or the socket's error */
    int64_t data;          /* bytes, connections, or an errno */
    void* udata;           /* handed back unchanged */
    uint64_t ext[4];       /* handed back unchanged */
};

#define EV_SET(event, ident_, filter_, flags_, fflags_, data_, udata_)                                       \
    do {                                                                                                     \
        struct kevent* ev_set_event = (event);                                                               \
        ev_set_event->ident = (uintptr_t)(ident_);                                                           \
        ev_set_event->filter = (short)(filter_);                                                             \
        ev_set_event->flags = (unsigned short)(flags_);                                                      \
        ev_set_event->fflags = (unsigned int)(fflags_);                                                      \
        ev_set_event->data = (int64_t)(data_);                                                               \
        ev_set_event->udata = (udata_);                                                                      \
        ev_set_event->ext[0] = ev_set_event->ext[1] = ev_set_event->ext[2] = ev_set_event->ext[3] = 0;       \
    } while (0)

/* Filters. The double has READ, WRITE, USER, SIGNAL and PROC; the others are EINVAL. */
#define EVFILT_READ (-1)
#define EVFILT_WRITE (-2)
#define EVFILT_AIO (-3)
#define EVFILT_VNODE (-4)
#define EVFILT_PROC (-5)
#define EVFILT_SIGNAL (-6)
#define EVFILT_TIMER (-7)
#define EVFILT_PROCDESC (-8)
#define EVFILT_FS (-9)
#define EVFILT_LIO (-10)
#define EVFILT_USER (-11)
#define EVFILT_SENDFILE (-12)
#define EVFILT_EMPTY (-13)
#define EVFILT_SYSCOUNT 13

/* What to do. */
#define EV_ADD 0x0001
#define EV_DELETE 0x0002
#define EV_ENABLE 0x0004
#define EV_DISABLE 0x0008
#define EV_FORCEONESHOT 0x0100
#define EV_KEEPUDATA 0x0200

/* How to report. */
#define EV_ONESHOT 0x0010
#define EV_CLEAR 0x0020
#define EV_RECEIPT 0x0040
#define EV_DISPATCH 0x0080

/* The system's calls and their results. */
#define EV_SYSFLAGS 0xF000
#define EV_DROP 0x1000
#define EV_FLAG1 0x2000
#define EV_FLAG2 0x4000
#define EV_ERROR 0x4000
#define EV_EOF 0x8000

/* EVFILT_USER */
#define NOTE_FFNOP 0x00000000
#define NOTE_FFAND 0x40000000
#define NOTE_FFOR 0x80000000
#define NOTE_FFCOPY 0xc0000000
#define NOTE_FFCTRLMASK 0xc0000000
#define NOTE_FFLAGSMASK 0x00ffffff
#define NOTE_TRIGGER 0x01000000

/* EVFILT_READ, EVFILT_WRITE */
#define NOTE_LOWAT 0x0001
#define NOTE_FILE_POLL 0x0002

/* EVFILT_VNODE */
#define NOTE_DELETE 0x0001
#define NOTE_WRITE 0x0002
#define NOTE_EXTEND 0x0004
#define NOTE_ATTRIB 0x0008
#define NOTE_LINK 0x0010
#define NOTE_RENAME 0x0020
#define NOTE_REVOKE 0x0040
#define NOTE_OPEN 0x0080
#define NOTE_CLOSE 0x0100
#define NOTE_CLOSE_WRITE 0x0200
#define NOTE_READ 0x0400

/* EVFILT_PROC, EVFILT_PROCDESC */
#define NOTE_EXIT 0x80000000
#define NOTE_FORK 0x40000000
#define NOTE_EXEC 0x20000000
#define NOTE_PCTRLMASK 0xf0000000
#define NOTE_PDATAMASK 0x000fffff
#define NOTE_TRACK 0x00000001
#define NOTE_TRACKERR 0x00000002
#define NOTE_CHILD 0x00000004

/* EVFILT_TIMER */
#define NOTE_SECONDS 0x00000001
#define NOTE_MSECONDS 0x00000002
#define NOTE_USECONDS 0x00000004
#define NOTE_NSECONDS 0x00000008
#define NOTE_ABSTIME 0x00000010

#ifdef __cplusplus
extern "C" {
#endif

int kqueue(void);
int kevent(int kq, const struct kevent* changelist, int nchanges, struct kevent* eventlist, int nevents,
           const struct timespec* timeout);

#ifdef __cplusplus
}
#endif
