// Errors of the resolver that are not its own.
#include <netdb.h>

#include <cerrno>
#include <system_error>

#include "support.hpp"

using namespace test;

namespace {
int failure = 0;
} // namespace

// Replaces the function of the C library.
extern "C" int getaddrinfo(const char*, const char*, const ::addrinfo*, ::addrinfo**) {
    errno = EMFILE;
    return failure;
}

namespace {

TEST(ResolverError, IsTheSystemsWhereASystemCallFailed) {
    failure = EAI_SYSTEM;
    EXPECT_TRUE(
        fails_with(mio::net::resolve("localhost", "80"), std::error_code(EMFILE, mio::os_category())));
}

TEST(ResolverError, IsNotEnoughMemoryWithoutMemory) {
    failure = EAI_MEMORY;
    EXPECT_TRUE(fails_with(mio::net::resolve("localhost", "80"), std::errc::not_enough_memory));
}

} // namespace
