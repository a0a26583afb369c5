// The snippets of docs/backends.md do what the page says.

#include "backends_snippets.cpp"

namespace {

using namespace docs;
using test::must;
using Words = std::vector<std::string>;

} // namespace

TEST(DocsBackends, TraitsSayWhetherToReadUntilItWouldBlock) {
    Assumed page;
    EXPECT_EQ(backends::differences(page), std::error_code());
    EXPECT_EQ(page.reached, mio::backend() == "epoll" ? Words{} : Words{"read until it would block"});
}

TEST(DocsBackends, ExclusiveListenerIsReportedAndNotModified) {
    if (mio::backend() != "epoll") GTEST_SKIP() << "EPOLLEXCLUSIVE";
    Assumed page;
    EXPECT_EQ(backends::registrations_that_several_epoll_instances_share(page), std::error_code());
    const auto client = test::plain::connect(must(page.listener.local_address()));
    page.loop.expect({{page.token, mio::Interest::readable}});
    EXPECT_TRUE(test::fails_with(page.registry.modify(page.listener, page.token, mio::Interest::readable),
                                 std::errc::invalid_argument));
    EXPECT_TRUE(test::fails_with(page.registry.renew(page.listener), std::errc::invalid_argument));
}
