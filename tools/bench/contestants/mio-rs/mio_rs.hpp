// Rust's Mio in C; what src/lib.rs gives.

#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

struct mio_rs_loop;
struct mio_rs_waker;

mio_rs_loop* mio_rs_new(std::size_t capacity);
void mio_rs_free(mio_rs_loop* loop);
int mio_rs_add(const mio_rs_loop* loop, int descriptor, std::size_t token);
int mio_rs_remove(const mio_rs_loop* loop, int descriptor);
int mio_rs_poll(mio_rs_loop* loop, std::int64_t limit_ms, std::size_t* tokens);

mio_rs_waker* mio_rs_waker_new(const mio_rs_loop* loop, std::size_t token);
void mio_rs_waker_free(mio_rs_waker* waker);
int mio_rs_wake(const mio_rs_waker* waker);
}
