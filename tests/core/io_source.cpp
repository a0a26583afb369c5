#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>

#include "support.hpp"

using namespace test;
using mio::invalid_handle;
using mio::OwnedHandle;

namespace {

/// Minimal source that owns a handle.
class Owner : public mio::IoSource {
  public:
    explicit Owner(mio::RawHandle handle) noexcept : IoSource(handle) {}
};

template <class T>
constexpr bool moves_only =
    std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T>
    && !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T> && std::is_nothrow_destructible_v<T>;

/// An owned handle and a witness: reading from the witness returns end of stream once the handle is closed.
struct Witnessed {
    Witnessed() {
        auto [owned, witness] = plain::socket_pair();
        handle = owned.release();
        witness_ = std::move(witness);
        witness_.set_non_blocking();
    }
    [[nodiscard]] bool is_open() const { return !read(); }
    [[nodiscard]] bool is_closed() const {
        plain::await_readable(witness_);
        return read().value_or(1) == 0;
    }

    mio::RawHandle handle;

  private:
    [[nodiscard]] mio::Result<std::size_t> read() const {
        char byte;
        return plain::receive(witness_.fd(), &byte, 1);
    }

    plain::Socket witness_;
};

mio::RawHandle handle_of(const OwnedHandle& owner) { return owner.get(); }
mio::RawHandle handle_of(const Owner& owner) { return owner.raw(); }
mio::RawHandle handle_of(const mio::net::TcpStream& owner) { return owner.raw(); }

template <class T> T make(mio::RawHandle handle) {
    if constexpr (requires { T::from_raw(handle); }) {
        return T::from_raw(handle);
    } else {
        return T(handle);
    }
}

template <class T> mio::RawHandle give_up(T& owner) {
    if constexpr (requires { owner.take(); }) {
        return owner.take();
    } else {
        return owner.release();
    }
}

// Properties of every type that owns a handle.
template <class T> class Ownership : public testing::Test {};
using Owners = testing::Types<OwnedHandle, Owner, mio::net::TcpStream>;
TYPED_TEST_SUITE(Ownership, Owners);

} // namespace

static_assert(moves_only<OwnedHandle> && moves_only<Owner> && moves_only<mio::net::TcpStream>
              && moves_only<mio::net::TcpListener> && moves_only<mio::net::TcpSocket>);
static_assert(moves_only<mio::Registration>);
static_assert(!std::is_constructible_v<mio::IoSource, mio::RawHandle>, "only as a base");
static_assert(!std::is_convertible_v<mio::RawHandle, OwnedHandle>,
              "a number does not become an owner by accident");
static_assert(!std::is_convertible_v<Owner*, mio::RawSource*>,
              "an owner cannot be moved from as a RawSource");

TYPED_TEST(Ownership, ClosesOnDestruction) {
    const Witnessed it;
    {
        const auto owner = make<TypeParam>(it.handle);
        EXPECT_EQ(handle_of(owner), it.handle);
        EXPECT_TRUE(it.is_open());
    }
    EXPECT_TRUE(it.is_closed());
    EXPECT_FALSE(test::is_open(it.handle));
}

TYPED_TEST(Ownership, MoveTransfersTheHandle) {
    const Witnessed it;
    {
        auto old = make<TypeParam>(it.handle);
        {
            const TypeParam owner(std::move(old));
            EXPECT_EQ(handle_of(old), invalid_handle); // NOLINT(bugprone-use-after-move)
            EXPECT_EQ(handle_of(owner), it.handle);
            EXPECT_TRUE(it.is_open());
        }
        EXPECT_TRUE(it.is_closed());
    }
}

TYPED_TEST(Ownership, MoveAssignmentClosesTheOldHandleAtOnce) {
    const Witnessed one;
    const Witnessed other;
    {
        auto owner = make<TypeParam>(one.handle);
        auto source = make<TypeParam>(other.handle);
        owner = std::move(source);
        EXPECT_TRUE(one.is_closed()) << "closed at once, not when the source is destroyed";
        EXPECT_TRUE(other.is_open());
        EXPECT_EQ(handle_of(owner), other.handle);
        EXPECT_EQ(handle_of(source), invalid_handle); // NOLINT(bugprone-use-after-move)
        // A moved-from object can be assigned to.
        const Witnessed third;
        source = make<TypeParam>(third.handle);
        EXPECT_EQ(handle_of(source), third.handle);
        EXPECT_TRUE(third.is_open());
        source = std::move(owner);
        EXPECT_TRUE(third.is_closed());
        EXPECT_TRUE(other.is_open());
    }
    EXPECT_TRUE(other.is_closed());
}

TYPED_TEST(Ownership, SelfAssignmentKeepsTheHandle) {
    const Witnessed it;
    {
        auto owner = make<TypeParam>(it.handle);
        auto& same = owner;
        owner = std::move(same);
        EXPECT_EQ(handle_of(owner), it.handle);
        EXPECT_TRUE(it.is_open());
    }
    EXPECT_TRUE(it.is_closed());
}

TYPED_TEST(Ownership, ReleaseGivesUpTheHandle) {
    const Witnessed it;
    {
        auto owner = make<TypeParam>(it.handle);
        EXPECT_EQ(give_up(owner), it.handle);
        EXPECT_EQ(handle_of(owner), invalid_handle);
        EXPECT_EQ(give_up(owner), invalid_handle) << "the second release returns no handle";
    }
    EXPECT_TRUE(it.is_open());
    plain::Socket(it.handle).close();
    EXPECT_TRUE(it.is_closed());
}

TYPED_TEST(Ownership, EmptyOwnerClosesNothing) {
    DescriptorGuard guard;
    const auto before = open_handles();
    {
        const auto nothing = make<TypeParam>(invalid_handle);
    }
    EXPECT_EQ(open_handles(), before);
}

TEST(OwnedHandle, OwnsNothingByDefault) {
    const OwnedHandle nothing;
    EXPECT_EQ(nothing.get(), invalid_handle);
}

TEST(IoSource, IsRegisteredAndDoesIo) {
    Loop loop;
    auto [here, there] = plain::socket_pair();
    here.set_non_blocking();
    Owner owner(here.release());
    ASSERT_TRUE(ok(loop.registry().add(owner, Token{1}, Interest::readable)));
    std::string text(8, '\0');
    const auto read = [&] { return plain::receive(owner.raw(), text.data(), text.size()); };
    EXPECT_TRUE(blocks(owner.try_io(read)));
    EXPECT_TRUE(blocks(owner.try_io(Interest::readable, read)));
    plain::write_all(there, "hello");
    loop.expect({{Token{1}, Interest::readable}});
    EXPECT_EQ(must(owner.try_io(Interest::readable, read)), 5u);
    ASSERT_TRUE(ok(loop.registry().modify(owner, Token{2}, Interest::writable)));
    loop.expect({{Token{2}, Interest::writable}});
    ASSERT_TRUE(ok(loop.registry().remove(owner)));
}

TEST(IoSource, ReleaseEndsItsRegistration) {
    Loop loop;
    Loop other;
    auto [here, there] = plain::socket_pair();
    Owner owner(here.release());
    ASSERT_TRUE(ok(loop.registry().add(owner, Token{1}, Interest::readable)));
    ASSERT_TRUE(ok(loop.registry().remove(owner)));
    Owner taken(owner.release());
    ASSERT_TRUE(ok(other.registry().add(taken, Token{2}, Interest::writable)));
    other.expect({{Token{2}, Interest::writable}});
    EXPECT_TRUE(fails_with(loop.registry().remove(owner), mio::Errc::not_registered));
}

TEST(IoSource, MovedFromIsNotRegistered) {
    Loop loop;
    auto [here, there] = plain::socket_pair();
    Owner owner(here.release());
    ASSERT_TRUE(ok(loop.registry().add(owner, Token{1}, Interest::readable)));
    Owner moved(std::move(owner));
    EXPECT_TRUE(fails_with(loop.registry().remove(owner), // NOLINT(bugprone-use-after-move)
                           mio::Errc::not_registered));
    EXPECT_TRUE(fails_with(loop.registry().add(owner, Token{2}, Interest::readable), no_such_handle));
    EXPECT_TRUE(ok(loop.registry().remove(moved)));
}

TEST(IoSource, OutlivesItsPoll) {
    DescriptorGuard guard;
    auto [here, there] = plain::socket_pair();
    Owner owner(here.release());
    {
        Loop loop;
        ASSERT_TRUE(ok(loop.registry().add(owner, Token{1}, Interest::readable)));
    }
    plain::write_all(there, "x");
    std::string text(1, '\0');
    EXPECT_EQ(must(plain::receive(owner.raw(), text.data(), 1)), 1u);
}
