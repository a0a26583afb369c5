#include <cstdio>
#include <memory>
#include <system_error>

#include "posix.hpp"
#include "support.hpp"

using namespace test;

namespace {

using Traits = mio::backend_traits;

constexpr Token id1{1};

TEST(BackendTraits, FilesAreRefused) {
    const std::unique_ptr<std::FILE, decltype([](std::FILE* file) { std::fclose(file); })> file(
        std::tmpfile());
    ASSERT_TRUE(file);
    Loop loop;
    mio::RawSource source(::fileno(file.get()));
    const auto added = loop.registry().add(source, id1, Interest::readable);
    if (Traits::refuses_files) {
        EXPECT_TRUE(fails_with(added, std::errc::operation_not_permitted));
    } else {
        EXPECT_TRUE(ok(added));
    }
}

TEST(BackendTraits, ABrokenPipeIsRefused) {
    auto [receiver, sender] = plain::pipe();
    receiver.close();
    Loop loop;
    mio::RawSource source(sender.fd());
    const auto added = loop.registry().add(source, id1, Interest::writable);
    if (Traits::refuses_a_broken_pipe) {
        EXPECT_TRUE(fails_with(added, std::errc::broken_pipe));
    } else {
        ASSERT_TRUE(ok(added));
        loop.expect({{id1, Interest::writable}});
    }
}

} // namespace
