// Addresses of Unix sockets: their contents and conversion to and from the kernel's form.
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <unordered_set>
#include <vector>

#include "local.hpp"

using namespace test;
using mio::Errc;
using namespace std::string_literals;
using namespace std::string_view_literals;

namespace {

/// The address that a socket reports for this `sun_path`.
UnixAddress from_kernel(std::string_view sun_path) {
    return mio::sys::BackendAccess::from_kernel<UnixAddress>(sun_path);
}

} // namespace

static_assert(std::is_nothrow_move_constructible_v<UnixAddress> && std::is_trivially_copyable_v<UnixAddress>);
static_assert(!std::is_default_constructible_v<UnixAddress>, "there is `unnamed`");
static_assert(UnixAddress::unnamed().is_unnamed() && UnixAddress::unnamed() == UnixAddress::unnamed());
constexpr UnixAddress unnamed = UnixAddress::unnamed();
static_assert(!unnamed.path() && !unnamed.abstract_name());

TEST(UnixAddress, HoldsAPath) {
    const auto address = path_address("/tmp/a socket");
    EXPECT_EQ(address.path(), "/tmp/a socket");
    EXPECT_EQ(address.abstract_name(), std::nullopt);
    EXPECT_FALSE(address.is_unnamed());
}

TEST(UnixAddress, HoldsAnAbstractName) {
    const auto address = abstract("name");
    EXPECT_EQ(address.abstract_name(), "name");
    EXPECT_EQ(address.path(), std::nullopt);
    EXPECT_FALSE(address.is_unnamed());
}

TEST(UnixAddress, InvalidPathsFail) {
    EXPECT_TRUE(fails_with(UnixAddress::from_path(""), Errc::invalid_address));
    EXPECT_TRUE(fails_with(UnixAddress::from_path("a\0b"sv), Errc::interior_nul));
    EXPECT_TRUE(fails_with(UnixAddress::from_path("\0a"sv), Errc::interior_nul));
    EXPECT_TRUE(fails_with(UnixAddress::from_path("a\0"sv), Errc::interior_nul));
    EXPECT_TRUE(fails_with(UnixAddress::from_path("\0"sv), Errc::interior_nul));
}

TEST(UnixAddress, HoldsUpTo107Bytes) {
    for (const std::size_t size : {1u, 106u, 107u}) {
        const std::string text(size, 'x');
        EXPECT_EQ(path_of(path_address(text)), text);
        EXPECT_EQ(abstract_name_of(abstract(text)), text);
    }
    for (const std::size_t size : {108u, 109u, 110u, 255u, 256u, 257u, 300u, 70'000u}) {
        const std::string text(size, 'x');
        EXPECT_TRUE(fails_with(UnixAddress::from_path(text), Errc::path_too_long)) << size;
        EXPECT_TRUE(fails_with(UnixAddress::from_path(text), std::errc::filename_too_long)) << size;
        EXPECT_TRUE(fails_with(UnixAddress::from_abstract(text), Errc::path_too_long)) << size;
    }
}

TEST(UnixAddress, KeepsTrailingNulsOfAbstractNames) {
    for (const auto name : {"\0"sv, "\0first"sv, "in\0side"sv, "last\0"sv, "\0\0\0"sv, ""sv}) {
        EXPECT_EQ(abstract_name_of(abstract(name)), name);
    }
}

TEST(UnixAddress, ReachesTheKernelUnchanged) {
    const Folder folder;
    const std::string unique = unique_name("kernel");
    struct Case {
        UnixAddress address;
        std::string sun_path;
    };
    std::vector<Case> cases;
    for (const auto& path : {folder / "p", folder.path_of_size(106), folder.path_of_size(107)})
        cases.push_back({path_address(path), path + '\0'});
    for (const auto& name : {unique, unique + "\0in"s, "\0"s + unique, unique + "\0"s, "\0"s,
                             unique + std::string(107 - unique.size(), '\0'), std::string(107, 'a')})
        cases.push_back({abstract(name), "\0"s + name});

    for (const auto& [address, sun_path] : cases) {
        SCOPED_TRACE(address.to_string());
        {
            const auto datagram = must(UnixDatagram::bind(address));
            EXPECT_EQ(plain::sun_path_of(datagram.raw()), sun_path);
            EXPECT_EQ(datagram.local_address(), address);
            // A plain socket reaches it under this name.
            const auto sender = plain::unix_connect(plain::UnixName(sun_path), SOCK_DGRAM);
            plain::write_all(sender, data1);
            EXPECT_EQ(receive_text(datagram), data1);
        }
        if (address.path()) {
            ASSERT_EQ(::unlink(std::string(*address.path()).c_str()), 0);
        }
        const auto listener = must(UnixListener::bind(address));
        EXPECT_EQ(plain::sun_path_of(listener.raw()), sun_path);
        EXPECT_EQ(listener.local_address(), address);
        const auto stream = must(UnixStream::connect(address));
        EXPECT_EQ(stream.peer_address(), address);
        EXPECT_TRUE(must(stream.local_address()).is_unnamed());
    }
}

TEST(UnixAddress, EmptyAbstractNameIsNotUnnamed) {
    EXPECT_FALSE(abstract("").is_unnamed());
    EXPECT_NE(abstract(""), UnixAddress::unnamed());
    EXPECT_EQ(from_kernel("\0"sv), abstract(""));
}

TEST(UnixAddress, AddressFromTheKernelHasNoTrailingNul) {
    EXPECT_EQ(from_kernel(""), UnixAddress::unnamed());
    EXPECT_EQ(from_kernel("/x"), path_address("/x"));
    EXPECT_EQ(from_kernel("/x\0"sv), path_address("/x"));
    EXPECT_EQ(from_kernel("/x\0rubbish"sv), path_address("/x"));
    EXPECT_EQ(from_kernel("\0x"sv), abstract("x"));
    EXPECT_EQ(from_kernel("\0x\0"sv), abstract("x\0"sv));
}

class UnixAddressOf108Bytes : public testing::Test {
  protected:
    // Only a plain call can bind to it: it fills sun_path without a NUL.
    const Folder folder_;
    const std::string path_ = folder_.path_of_size(108);
    const plain::UnixName name_{path_};
};

TEST_F(UnixAddressOf108Bytes, WorksAsLocalAddress) {
    const auto socket = UnixDatagram::from_raw(plain::unix_bound(SOCK_DGRAM, name_).release());
    ASSERT_TRUE(path_of(must(socket.local_address())).has_value());
    EXPECT_EQ(path_of(must(socket.local_address())), path_);
}

TEST_F(UnixAddressOf108Bytes, WorksAsSenderAddress) {
    const auto receiver = must(UnixDatagram::bind(folder_ / "receiver"));
    const auto to = plain::unix_path(folder_ / "receiver");
    const auto sender = plain::unix_bound(SOCK_DGRAM, name_);
    ASSERT_EQ(::sendto(sender.fd(), "x", 1, 0, to.get(), to.length), 1);
    std::array<std::byte, 8> buffer;
    EXPECT_EQ(path_of(must(receiver.peek_from(buffer)).second), path_);
    EXPECT_EQ(path_of(must(receiver.receive_from(buffer)).second), path_);
}

TEST_F(UnixAddressOf108Bytes, WorksAsClientAndPeerAddress) {
    const auto listener = must(UnixListener::bind(folder_ / "listener"));
    const auto client = plain::unix_bound(SOCK_STREAM, name_);
    const auto to = plain::unix_path(folder_ / "listener");
    ASSERT_EQ(::connect(client.fd(), to.get(), to.length), 0);
    const auto [stream, address] = must(listener.accept());
    EXPECT_EQ(address.path(), path_);
    EXPECT_EQ(stream.peer_address(), address);
}

TEST_F(UnixAddressOf108Bytes, CanBeSentToAndConnectedTo) {
    auto plain_socket = plain::unix_bound(SOCK_DGRAM, name_);
    plain_socket.set_non_blocking();
    const auto foreign = UnixDatagram::from_raw(plain_socket.release());
    const auto sender = must(UnixDatagram::unbound());
    EXPECT_EQ(sender.send_to(bytes_of(data1), must(foreign.local_address())), data1.size());
    EXPECT_EQ(receive_text(foreign), data1);
    EXPECT_TRUE(ok(sender.connect(must(foreign.local_address()))));
}

// Mio issue 1403: the kernel reports such a sender with an address of length 0.
TEST(UnixAddress, UnboundSenderIsUnnamed) {
    const Folder folder;
    const auto receiver = must(UnixDatagram::bind(folder / "receiver"));
    const auto sender = must(UnixDatagram::unbound());
    ASSERT_TRUE(ok(sender.send_to(bytes_of(data1), folder / "receiver")));
    std::array<std::byte, 64> buffer;
    EXPECT_EQ(must(receiver.peek_from(buffer)), std::pair(data1.size(), UnixAddress::unnamed()));
    EXPECT_EQ(must(receiver.receive_from(buffer)), std::pair(data1.size(), UnixAddress::unnamed()));
    EXPECT_TRUE(must(sender.local_address()).is_unnamed());
    // The ends of a pair are unnamed, too.
    const auto [one, other] = must(UnixDatagram::pair());
    ASSERT_TRUE(ok(one.send(bytes_of(data1))));
    EXPECT_TRUE(must(other.receive_from(buffer)).second.is_unnamed());
    EXPECT_TRUE(must(one.local_address()).is_unnamed());
    EXPECT_TRUE(must(one.peer_address()).is_unnamed());
}

TEST(UnixAddress, ConvertsToReadableText) {
    EXPECT_EQ(path_address("/run/a.sock").to_string(), "/run/a.sock");
    EXPECT_EQ(path_address("/run/\n\x7f").to_string(), "/run/\\x0a\\x7f");
    EXPECT_EQ(abstract("name").to_string(), "@name");
    EXPECT_EQ(abstract("\0a\x1f\0"sv).to_string(), "@\\x00a\\x1f\\x00");
    EXPECT_EQ(abstract("").to_string(), "@");
    EXPECT_EQ(UnixAddress::unnamed().to_string(), "(unnamed)");
    EXPECT_EQ(path_address("/tmp/\xc3\xa4").to_string(), "/tmp/\xc3\xa4");
    EXPECT_EQ(abstract(std::string(107, '\1')).to_string().size(), 1u + 107u * 4u);
}

TEST(UnixAddress, EqualsOnlyTheSameKindAndBytes) {
    EXPECT_EQ(path_address("a"), path_address("a"));
    EXPECT_NE(path_address("a"), path_address("b"));
    EXPECT_NE(path_address("a"), path_address("aa"));
    EXPECT_NE(path_address("a"), abstract("a"));
    EXPECT_NE(abstract("a"), abstract("a\0"sv));
    EXPECT_NE(abstract("a"), abstract("\0a"sv));
    EXPECT_NE(path_address("a"), UnixAddress::unnamed());
}

TEST(UnixAddress, IsOrdered) {
    const std::vector all = {UnixAddress::unnamed(), path_address("a"), path_address("b"),
                             abstract(""),           abstract("a"),     abstract("a\0"sv)};
    for (std::size_t i = 0; i < all.size(); ++i) {
        for (std::size_t k = 0; k < all.size(); ++k) EXPECT_EQ(all[i] <=> all[k], i <=> k) << i << " " << k;
    }
}

TEST(UnixAddress, WorksAsAHashTableKey) {
    std::unordered_set<UnixAddress> set{UnixAddress::unnamed()};
    std::unordered_set<std::size_t> digests;
    for (int i = 0; i < 1'000; ++i) {
        const auto address = path_address("socket" + std::to_string(i));
        set.insert(address);
        digests.insert(std::hash<UnixAddress>{}(address));
    }
    EXPECT_EQ(set.size(), 1'001u);
    EXPECT_GT(digests.size(), 990u) << "too many hash collisions";
    EXPECT_TRUE(set.contains(path_address("socket7")));
    EXPECT_TRUE(set.contains(UnixAddress::unnamed()));
    EXPECT_FALSE(set.contains(path_address("socket")));
    const auto abstract = UnixAddress::from_abstract("socket7");
    if (!abstract) return; // no abstract names on this system
    EXPECT_FALSE(set.contains(*abstract));
    EXPECT_NE(std::hash<UnixAddress>{}(*abstract), std::hash<UnixAddress>{}(path_address("socket7")));
}

TEST(UnixAddress, CopiesAllBytes) {
    auto address = abstract("longer than the other");
    const auto other = path_address("short");
    const auto copy = address;
    EXPECT_EQ(copy, address);
    address = other;
    EXPECT_EQ(address, other);
    EXPECT_EQ(address.path(), "short");
}
