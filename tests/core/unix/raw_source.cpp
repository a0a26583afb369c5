#include <unistd.h>

#include "posix.hpp"

using namespace test;

TEST(RawSource, WatchesAPipe) {
    Loop loop;
    const auto [reader, writer] = plain::pipe();
    mio::RawSource in(reader.fd());
    mio::RawSource out(writer.fd());
    EXPECT_EQ(in.raw(), reader.fd());
    ASSERT_TRUE(ok(loop.registry().add(in, Token{1}, Interest::readable)));
    ASSERT_TRUE(ok(loop.registry().add(out, Token{2}, Interest::writable)));
    loop.expect({{Token{2}, Interest::writable}});
    ASSERT_EQ(::write(writer.fd(), "x", 1), 1);
    loop.expect({{Token{1}, Interest::readable}});
    ASSERT_TRUE(ok(loop.registry().remove(in)));
    ASSERT_TRUE(ok(loop.registry().remove(out)));
}
