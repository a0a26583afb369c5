// Tokio's coroutines in C; what src/lib.rs gives.

#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

struct mio_bench_tokio;

mio_bench_tokio* mio_bench_tokio_new();
void mio_bench_tokio_free(mio_bench_tokio* runtime);

int mio_bench_tokio_serve(const mio_bench_tokio* runtime, int listener, std::uint64_t connections);
std::uint64_t mio_bench_tokio_await(const mio_bench_tokio* runtime, std::uint64_t count);
std::uint64_t mio_bench_tokio_spawn(const mio_bench_tokio* runtime, std::uint64_t count, std::uint64_t batch);
std::uint64_t mio_bench_tokio_timeout(const mio_bench_tokio* runtime, std::uint64_t count);
std::uint64_t mio_bench_tokio_channel(const mio_bench_tokio* runtime, std::uint64_t count,
                                      std::size_t capacity);
}
