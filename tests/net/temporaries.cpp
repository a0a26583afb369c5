// Accessors that return views into an object cannot be called on temporaries.
#include <concepts>
#include <ranges>
#include <type_traits>
#include <utility>

#include "support.hpp"

using namespace test;
using mio::net::IpAddress;
using mio::net::SocketAddress;

namespace {

template <class T>
concept GivesBytes = requires(T&& object) { std::forward<T>(object).bytes(); };
template <class T>
concept GivesRegistry = requires(T&& object) { std::forward<T>(object).registry(); };
template <class T>
concept GivesEvents = requires(T&& object) { std::forward<T>(object)[0]; } || requires(T&& object) {
    std::forward<T>(object).begin();
} || requires(T&& object) { std::forward<T>(object).end(); };

static_assert(GivesBytes<IpAddress&> && GivesBytes<const IpAddress&>);
static_assert(!GivesBytes<IpAddress> && !GivesBytes<const IpAddress>);

static_assert(GivesRegistry<mio::Poll&> && GivesRegistry<const mio::Poll&>);
static_assert(!GivesRegistry<mio::Poll> && !GivesRegistry<const mio::Poll>);

static_assert(GivesEvents<mio::Events&> && GivesEvents<const mio::Events&>);
static_assert(!GivesEvents<mio::Events> && !GivesEvents<const mio::Events>);
static_assert(std::ranges::contiguous_range<mio::Events&>
              && std::ranges::contiguous_range<const mio::Events&>);

// A slice refers to memory that it does not own.
static_assert(GivesBytes<mio::net::IoSlice> && GivesBytes<mio::net::IoSliceMut>);

using mio::net::UnixAddress;
template <class T>
concept GivesPath = requires(T&& object) { std::forward<T>(object).path(); };
template <class T>
concept GivesAbstractName = requires(T&& object) { std::forward<T>(object).abstract_name(); };
static_assert(GivesPath<UnixAddress&> && GivesPath<const UnixAddress&>);
static_assert(!GivesPath<UnixAddress> && !GivesPath<const UnixAddress>);
static_assert(GivesAbstractName<UnixAddress&> && GivesAbstractName<const UnixAddress&>);
static_assert(!GivesAbstractName<UnixAddress> && !GivesAbstractName<const UnixAddress>);

} // namespace

TEST(Temporaries, ReturnNoViewsIntoThemselves) {
    // The static assertions above check temporaries; views of an lvalue are available.
    const SocketAddress address(IpAddress::loopback_v4(), 80);
    const auto ip = address.ip();
    EXPECT_EQ(ip.bytes()[0], 127);
}
