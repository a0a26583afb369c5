#include <cstdio>
#include <io.h>
#include <memory>
#include <system_error>

#include "support.hpp"

using namespace test;

namespace {

using Traits = mio::backend_traits;

static_assert(!Traits::refuses_a_broken_pipe, "only sockets can be registered");

TEST(BackendTraits, FilesAreRefused) {
    const std::unique_ptr<std::FILE, decltype([](std::FILE* file) { std::fclose(file); })> file(
        std::tmpfile());
    ASSERT_TRUE(file);
    Loop loop;
    mio::RawSource source(static_cast<mio::RawHandle>(::_get_osfhandle(::_fileno(file.get()))));
    EXPECT_EQ(loop.registry().add(source, Token{1}, Interest::readable).has_value(), !Traits::refuses_files);
}

} // namespace
