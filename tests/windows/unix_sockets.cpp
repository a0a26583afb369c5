// Unix stream sockets: available on Windows since 10, version 1803; not on Wine.
#include <array>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>

#include "support.hpp"

using namespace test;
using mio::net::UnixDatagram;
using mio::net::UnixListener;
using mio::net::UnixStream;

namespace {

class UnixSockets : public testing::Test {
  protected:
    UnixSockets() { std::filesystem::remove(path_); }
    ~UnixSockets() override { std::filesystem::remove(path_); }

    const std::filesystem::path path_ =
        std::filesystem::temp_directory_path()
        / ("mio-" + std::to_string(std::chrono::steady_clock::now().time_since_epoch().count()));
    const std::string path = path_.string();
};

TEST_F(UnixSockets, AreUnsupportedOrCarryBytes) {
    const DescriptorGuard guard;
    const auto listener = UnixListener::bind(path);
    if (!listener) {
        EXPECT_TRUE(fails_with(listener, mio::Errc::unsupported));
        EXPECT_TRUE(fails_with(UnixStream::connect(path), mio::Errc::unsupported));
        EXPECT_FALSE(std::filesystem::exists(path_));
        return;
    }
    const auto here = must(UnixStream::connect(path));
    const auto there = must(listener->accept()).first;
    EXPECT_EQ(must(here.write(bytes_of("hello"))), 5u);
    std::array<std::byte, 8> buffer;
    EXPECT_EQ(must(there.read(buffer)), 5u);
}

TEST_F(UnixSockets, PairsAndDatagramsAreUnsupported) {
    const DescriptorGuard guard;
    EXPECT_TRUE(fails_with(UnixStream::pair(), mio::Errc::unsupported));
    EXPECT_TRUE(fails_with(UnixDatagram::pair(), mio::Errc::unsupported));
    EXPECT_TRUE(fails_with(UnixDatagram::unbound(), mio::Errc::unsupported));
    EXPECT_TRUE(fails_with(UnixDatagram::bind(path), mio::Errc::unsupported));
}

} // namespace
