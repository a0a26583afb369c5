// Sockets of any family, as the backend sees them: IP. The folders of the families and kernels have others.
#include "sockets.hpp"

#include <array>
#include <cstddef>
#include <set>
#include <span>

#include "contract.hpp"

using namespace test;
using mio::net::Socket;

namespace {

class ContractFamilies : public Contract {};

} // namespace

TEST_F(ContractFamilies, ReportsAConnectionAndItsData) {
    const auto listener = must(Socket::open(AF_INET, SOCK_STREAM));
    ASSERT_TRUE(ok(listener.bind(local_v4())));
    ASSERT_TRUE(ok(listener.listen(1)));
    add(listener.raw(), id1, Interest::readable, Trigger::level);
    expect_nothing();
    const auto client = must(Socket::open(AF_INET, SOCK_STREAM));
    ASSERT_TRUE(ok(client.connect(must(listener.local_address()))));
    EXPECT_EQ(select(), std::multiset{id1});
    const auto server = must(listener.accept()).first;
    expect_nothing();

    add(server.raw(), id2, Interest::readable, Trigger::level);
    expect_nothing();
    EXPECT_EQ(client.write(bytes_of("x")), 1u);
    EXPECT_EQ(select(), std::multiset{id2});
    std::array<std::byte, 8> buffer;
    EXPECT_EQ(server.read(buffer), 1u);
    expect_nothing();
}

TEST_F(ContractFamilies, ReportsADatagram) {
    const auto socket = must(Socket::open(AF_INET, SOCK_DGRAM));
    ASSERT_TRUE(ok(socket.bind(local_v4())));
    add(socket.raw(), id1, Interest::readable, Trigger::level);
    expect_nothing();
    EXPECT_EQ(socket.send_to(bytes_of("x"), must(socket.local_address())), 1u);
    EXPECT_EQ(select(), std::multiset{id1});
    std::array<std::byte, 8> buffer;
    EXPECT_EQ(must(socket.receive_from(buffer)).first, 1u);
    expect_nothing();
}
