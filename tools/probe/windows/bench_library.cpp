#include "std.hpp"

#include "workloads/chain.hpp"
#include "workloads/churn.hpp"
#include "workloads/echo_connection.hpp"
#include "workloads/server.hpp"
#include "workloads/timeout.hpp"
#include "workloads/wake.hpp"

#include "contestants/mio.hpp"

#include "bench_rounds.hpp"
#include "echo_client.hpp"
#include "os.hpp"

namespace bench {

void fail(const char* call, int error) {
    throw probe::Refused{call, std::error_code(error, mio::os_category()), {}};
}

namespace {

// Windows has no socketpair: pairs are TCP connections.
struct MioOverTcp : BasicMio<mio::Trigger::level> {
    class LocalStream : public BasicStream<mio::net::TcpStream> {
      public:
        static LocalStream from_raw(int handle) {
            return LocalStream(TcpStream::from_raw(static_cast<mio::RawHandle>(handle)));
        }
        static std::pair<LocalStream, LocalStream> pair() {
            const auto listener =
                must(mio::net::TcpListener::bind({mio::net::IpAddress::loopback_v4(), 0}), "bind");
            auto client = must(TcpStream::connect(must(listener.local_address(), "getsockname")), "connect");
            probe::must(probe::os::await(client.raw(), probe::os::State::writable), "connect");
            must(client.finish_connect(), "connect");
            probe::must(probe::os::await(listener.raw(), probe::os::State::readable), "accept");
            auto accepted = must(listener.accept(), "accept");
            must(client.set_nodelay(true), "setsockopt");
            must(accepted.first.set_nodelay(true), "setsockopt");
            return {LocalStream(std::move(client)), LocalStream(std::move(accepted.first))};
        }

      private:
        using BasicStream::BasicStream;
    };
};

} // namespace
} // namespace bench

namespace probe::bench {

Rounds library_rounds() {
    return {.wake = wake_round<::bench::MioOverTcp>,
            .pingpong = pingpong_round<::bench::MioOverTcp>,
            .chain = chain_round<::bench::MioOverTcp>,
            .churn = churn_round<::bench::MioOverTcp>,
            .echo =
                [](std::uint64_t operations) {
                    return measured([&](Latencies latencies) {
                        ::bench::Server<::bench::MioOverTcp, ::bench::EchoConnection, Latencies> server(
                            latencies);
                        return server.run(operations, 1,
                                          [&](std::uint16_t port) { return EchoClient(port, operations); });
                    });
                },
            .timeout = timeout_round<::bench::MioOverTcp>};
}

Round alarm_round() { return nullptr; } // there is no alarm

} // namespace probe::bench
