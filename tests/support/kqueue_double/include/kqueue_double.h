/* What tests can do with the double besides calling it. */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

/* Where a test can make the double fail, as a kernel does. */
enum kqueue_double_point {
    kqueue_double_create,  /* kqueue: EMFILE, ENFILE, ENOMEM */
    kqueue_double_add,     /* a change with EV_ADD, which is not applied: ENOMEM, EACCES */
    kqueue_double_changes, /* kevent with changes, after they were applied: EINTR */
    kqueue_double_wait     /* kevent that would block: EINTR */
};

/* Null, or a function that returns the error number to fail with, or 0. It must not allocate or call the double. */
extern int (*kqueue_double_fault)(enum kqueue_double_point);

/* Whether this thread executes a function of the double: its system calls and allocations are the double's, which stands for
 * the kernel, and not the program's. */
int kqueue_double_is_inside(void);

#ifdef __cplusplus
}
#endif
