// Tokio, which is written in Rust, behind a C interface that is called once for each measurement.

#include "contestants/tokio/mio_bench_tokio.hpp"

#include "harness/failure.hpp"
#include "harness/suite.hpp"
#include "workloads/async.hpp"

#include <cstdint>
#include <string_view>

namespace bench {
namespace {

class Tokio {
  public:
    static constexpr std::string_view name = "tokio";

    Tokio() {
        if (runtime_ == nullptr) fail("Builder::build");
    }
    Tokio(const Tokio&) = delete;
    Tokio& operator=(const Tokio&) = delete;
    ~Tokio() { ::mio_bench_tokio_free(runtime_); }

    void serve(int listener, std::uint64_t connections) {
        const int result = ::mio_bench_tokio_serve(runtime_, listener, connections);
        if (result < 0) fail("serve", -result);
    }
    void await(std::uint64_t count) {
        check(::mio_bench_tokio_await(runtime_, count), count * (count - 1) / 2, "await");
    }
    void spawn(std::uint64_t count) {
        check(::mio_bench_tokio_spawn(runtime_, count, async_batch), count, "spawn");
    }
    void timeout(std::uint64_t count) {
        check(::mio_bench_tokio_timeout(runtime_, count), count * (count - 1) / 2, "timeout");
    }
    void channel(std::uint64_t count) {
        check(::mio_bench_tokio_channel(runtime_, count, async_channel), count * (count - 1) / 2, "channel");
    }

  private:
    static void check(std::uint64_t result, std::uint64_t expected, const char* what) {
        if (result != expected) fail(what, 0);
    }

    ::mio_bench_tokio* runtime_ = ::mio_bench_tokio_new();
};

} // namespace

void enter_tokio(Suite& suite) { enter_async<Tokio>(suite); }

} // namespace bench
