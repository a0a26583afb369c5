// The snippets of docs/options.md do what the page says.

#include "options_snippets.cpp"

namespace {

using namespace docs;
using test::must;

} // namespace

TEST(SocketOptions, AreSetOnAnAcceptedStream) {
    Assumed page;
    const auto client = test::plain::connect(must(page.listener.local_address()));
    testing::internal::CaptureStderr();
    EXPECT_EQ(options::socket_options(page), std::error_code());
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << "an option could not be set";
}

TEST(SocketOptions, WithoutANameAreSetByNumber) {
    Assumed page;
    page.stream = test::tcp_pair().client;
    EXPECT_EQ(options::options_without_a_name_here(page), std::error_code());
    EXPECT_EQ(must(page.stream.option(IPPROTO_TCP, TCP_NOTSENT_LOWAT)), 16 * 1024);
    std::ifstream algorithms("/proc/sys/net/ipv4/tcp_available_congestion_control");
    const std::set<std::string> available(std::istream_iterator<std::string>(algorithms), {});
    std::array<char, 16> name{};
    must(page.stream.option(IPPROTO_TCP, TCP_CONGESTION, std::as_writable_bytes(std::span(name))));
    EXPECT_EQ(std::string(name.data()) == "bbr", available.contains("bbr")) << name.data();
}
