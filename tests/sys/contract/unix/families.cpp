// Sockets of any family, as the backend sees them: Unix sockets of every type.
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "posix.hpp"

#include "contract.hpp"

using namespace test;
using mio::net::Socket;

namespace {

class ContractUnixFamilies : public Contract {
  protected:
    void reports_each_message(int type) {
        auto pair = Socket::pair(AF_UNIX, type);
        if (!pair) GTEST_SKIP() << "this system has no such socket: " << pair.error().message();
        const auto& [here, there] = *pair;
        add(here.raw(), id1, Interest::readable, Trigger::level);
        add(there.raw(), id2, read_write, Trigger::oneshot);
        EXPECT_EQ(select(), std::multiset{id2}) << "it has room";
        EXPECT_TRUE(events[0].is_writable());
        expect_nothing();

        std::array<std::byte, 8> buffer;
        for (const auto* text : {"one", "three"}) {
            EXPECT_TRUE(ok(there.write(bytes_of(text))));
            EXPECT_EQ(select(), std::multiset{id1});
            EXPECT_TRUE(events[0].is_readable());
            const auto size = must(here.read(buffer));
            EXPECT_EQ(text_of(std::span(buffer).first(size)), text);
            expect_nothing();
        }
    }
};

} // namespace

TEST_F(ContractUnixFamilies, ReportsDataOfAStream) { reports_each_message(SOCK_STREAM); }
TEST_F(ContractUnixFamilies, ReportsDatagrams) { reports_each_message(SOCK_DGRAM); }
TEST_F(ContractUnixFamilies, ReportsSequencedPackets) { reports_each_message(SOCK_SEQPACKET); }

TEST_F(ContractUnixFamilies, ReportsTheEndOfSequencedPackets) {
    auto pair = Socket::pair(AF_UNIX, SOCK_SEQPACKET);
    if (!pair) GTEST_SKIP() << "this system has no SOCK_SEQPACKET: " << pair.error().message();
    const auto here = std::move(pair->first);
    std::optional<Socket> there(std::move(pair->second));
    add(here.raw(), id1, Interest::readable);
    expect_nothing();
    there.reset();
    EXPECT_EQ(select(), std::multiset{id1});
    EXPECT_TRUE(events[0].is_readable());
    std::array<std::byte, 8> buffer;
    EXPECT_EQ(here.read(buffer), 0u);
}
