#include "sockets.hpp"

#include <array>
#include <cstddef>
#include <expected>
#include <memory>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "differences.hpp"
#include "pair.hpp"
#include "support.hpp"

using namespace test;
using mio::Errc;
using mio::Registry;
using mio::Result;
using mio::Trigger;

namespace {

constexpr Token id1{1}, id2{2}, id3{3};

/// Records its calls and does nothing else.
struct Recorder {
    struct Call {
        const Registry* registry;
        Token token;
        Interest interest;
        Trigger trigger;
    };

    Result<> add_to(const Registry& registry, Token token, Interest interest, Trigger trigger) {
        added.push_back({&registry, token, interest, trigger});
        return {};
    }
    Result<> modify_in(const Registry& registry, Token token, Interest interest, Trigger trigger) {
        modified.push_back({&registry, token, interest, trigger});
        return {};
    }
    Result<> remove_from(const Registry& registry) {
        removed.push_back(&registry);
        return {};
    }

    std::vector<Call> added, modified;
    std::vector<const Registry*> removed;
};

/// Fails every call, each with its own error.
struct Refuser {
    Result<> add_to(const Registry&, Token, Interest, Trigger) {
        return std::unexpected(std::error_code(1001, std::generic_category()));
    }
    Result<> modify_in(const Registry&, Token, Interest, Trigger) {
        return std::unexpected(std::error_code(1002, std::generic_category()));
    }
    Result<> remove_from(const Registry&) {
        return std::unexpected(std::error_code(1003, std::generic_category()));
    }
};

/// A source whose type is known only at run time.
struct AnySource {
    virtual ~AnySource() = default;
    virtual Result<> add_to(const Registry&, Token, Interest, Trigger) = 0;
    virtual Result<> modify_in(const Registry&, Token, Interest, Trigger) = 0;
    virtual Result<> remove_from(const Registry&) = 0;
};

template <mio::Source S> struct Dynamic final : AnySource {
    explicit Dynamic(S s) : inner(std::move(s)) {}
    Result<> add_to(const Registry& r, Token t, Interest i, Trigger g) override {
        return r.add(inner, t, i, g);
    }
    Result<> modify_in(const Registry& r, Token t, Interest i, Trigger g) override {
        return r.modify(inner, t, i, g);
    }
    Result<> remove_from(const Registry& r) override { return r.remove(inner); }

    S inner;
};

struct WithoutRemove {
    Result<> add_to(const Registry&, Token, Interest, Trigger);
    Result<> modify_in(const Registry&, Token, Interest, Trigger);
};
struct WithWrongResultType : WithoutRemove {
    bool remove_from(const Registry&);
};
struct WithoutTrigger {
    Result<> add_to(const Registry&, Token, Interest);
    Result<> modify_in(const Registry&, Token, Interest);
    Result<> remove_from(const Registry&);
};

template <class S>
concept Addable = requires(const Registry& r, S& s) { r.add(s, Token{}, Interest::readable); };

} // namespace

static_assert(mio::Source<mio::RawSource> && mio::Source<mio::IoSource>);
static_assert(mio::Source<mio::net::TcpListener> && mio::Source<mio::net::TcpStream>
              && mio::Source<mio::net::TcpSocket>);
static_assert(mio::Source<Recorder> && mio::Source<Refuser> && mio::Source<AnySource>);
static_assert(mio::Source<Dynamic<mio::net::TcpStream>> && mio::Source<Dynamic<mio::RawSource>>);
static_assert(!mio::Source<int> && !mio::Source<mio::Waker> && !mio::Source<mio::Poll>);
static_assert(!mio::Source<WithoutRemove> && !mio::Source<WithWrongResultType>
              && !mio::Source<WithoutTrigger>);
static_assert(!mio::Source<const mio::RawSource>, "registering changes what a source remembers");
static_assert(!mio::Source<std::unique_ptr<Recorder>>, "hand over what it points to");
static_assert(Addable<Recorder> && !Addable<WithoutRemove>);
static_assert(!std::is_copy_constructible_v<Registry> && !std::is_copy_assignable_v<Registry>,
              "another owner is made by try_clone");

// Effects of a registration.

TEST(Registry, ServesAConnectionFromAcceptToClose) {
    Loop loop;
    auto listener = must(mio::net::TcpListener::bind(local_v4()));
    auto client = must(mio::net::TcpStream::connect(must(listener.local_address())));
    ASSERT_TRUE(ok(loop.registry().add(listener, Token{0}, Interest::readable)));
    ASSERT_TRUE(ok(loop.registry().add(client, id1, Interest::readable)));

    // The server accepts, writes and closes.
    loop.expect({{Token{0}, Interest::readable}});
    {
        auto [connection, peer] = must(listener.accept());
        EXPECT_EQ(must(connection.write(bytes_of("foobar"))), 6u);
    }
    // The client is readable, and is then modified to watch for writing.
    loop.expect({{id1, Interest::readable}});
    ASSERT_TRUE(ok(loop.registry().modify(client, id1, Interest::writable)));
    loop.expect({{id1, Interest::writable}});

    ASSERT_TRUE(ok(loop.registry().remove(client)));
    ASSERT_TRUE(ok(loop.registry().remove(listener)));
    loop.expect_none();
}

TEST(Registry, AddReportsConditionsThatAlreadyHold) {
    Loop loop;
    Pair pair;
    pair.speak();
    ASSERT_TRUE(ok(loop.registry().add(pair.source, id1, Interest::readable)));
    loop.expect({{id1, Interest::readable}});
}

TEST(Registry, ReportsOnlyRequestedInterests) {
    Loop loop;
    Pair reader;
    Pair writer;
    ASSERT_TRUE(ok(loop.registry().add(reader.source, id1, Interest::readable)));
    ASSERT_TRUE(ok(loop.registry().add(writer.source, id2, Interest::writable)));
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 500ms)));
    ASSERT_EQ(loop.events.size(), 1u);
    EXPECT_EQ(loop.events[0].token(), id2);
    EXPECT_FALSE(loop.events[0].is_readable());
    writer.speak();
    loop.expect_none();
    reader.speak();
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 500ms)));
    ASSERT_EQ(loop.events.size(), 1u);
    EXPECT_EQ(loop.events[0].token(), id1);
    EXPECT_FALSE(loop.events[0].is_writable());
}

TEST(Registry, ModifyDropsPendingEventsOfRemovedInterests) {
    Loop loop;
    const auto listener = plain::listen(local_v4());
    mio::RawSource source(listener.fd());
    ASSERT_TRUE(ok(loop.registry().add(source, id1, Interest::readable)));
    const auto client = plain::connect(plain::address_of(listener));
    plain::await_readable(listener);
    // The source became readable before readable was dropped from its interest.
    ASSERT_TRUE(ok(loop.registry().modify(source, id1, Interest::writable)));
    loop.expect_none();
}

TEST(Registry, ModifyReportsConditionsThatStillHold) {
    Loop loop;
    Pair pair;
    pair.speak();
    ASSERT_TRUE(ok(loop.registry().add(pair.source, id1, Interest::readable)));
    loop.expect({{id1, Interest::readable}});
    loop.expect_none();
    // Same arguments, another token, another interest.
    ASSERT_TRUE(ok(loop.registry().modify(pair.source, id1, Interest::readable)));
    loop.expect({{id1, Interest::readable}});
    ASSERT_TRUE(ok(loop.registry().modify(pair.source, id2, Interest::readable)));
    loop.expect({{id2, Interest::readable}});
    ASSERT_TRUE(ok(loop.registry().modify(pair.source, id3, read_write)));
    loop.expect({{id3, read_write}});
}

TEST(Registry, ModifyReplacesTheInterest) {
    Loop loop;
    Pair pair;
    ASSERT_TRUE(ok(loop.registry().add(pair.source, id1, Interest::writable)));
    loop.expect({{id1, Interest::writable}});
    ASSERT_TRUE(ok(loop.registry().modify(pair.source, id1, Interest::readable)));
    loop.expect_none();
    pair.speak();
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 500ms)));
    ASSERT_EQ(loop.events.size(), 1u);
    EXPECT_FALSE(loop.events[0].is_writable());
}

TEST(Registry, ReportsPeerShutdownAsReadClosed) {
    // Reported for readable interest.
    Loop loop;
    Pair pair;
    ASSERT_TRUE(ok(loop.registry().add(pair.source, id1, read_write)));
    loop.expect({{id1, Interest::writable}});
    plain::end_writing(pair.there);
    loop.expect({{id1, Readiness::readable | Readiness::read_closed}});
    EXPECT_FALSE(loop.events[0].is_write_closed()) << to_string(loop.events[0]);
}

TEST(Registry, ReportsPriorityDataOnlyForPriorityInterest) {
    if (!differences.has_priority) GTEST_SKIP() << "no priority interest on this backend";
    Loop loop;
    const auto listener = plain::listen(local_v4());
    const auto peer = plain::connect(plain::address_of(listener));
    const auto accepted = plain::accept(listener);
    mio::RawSource source(accepted.fd());
    ASSERT_TRUE(ok(loop.registry().add(source, id1, Interest::readable)));
    ASSERT_EQ(must(plain::send(peer.fd(), "!", 1, MSG_OOB)), 1u);
    loop.expect_none();
    ASSERT_TRUE(ok(loop.registry().modify(source, id2, Interest::priority)));
    loop.expect({{id2, Readiness::readable | Readiness::priority}});
}

// Removing.

TEST(Registry, RemovedReadySourceIsNotReported) {
    // Mio issue 1205.
    Loop loop;
    const auto waker = must(mio::Waker::create(loop.registry(), Token{10}));
    const auto listener = plain::listen(local_v4());
    mio::RawSource source(listener.fd());
    ASSERT_TRUE(ok(loop.registry().add(source, id1, Interest::readable)));
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 0ns)));
    ASSERT_TRUE(loop.events.empty());

    // The source becomes ready in the kernel before it is removed.
    const auto client = plain::connect(plain::address_of(listener));
    plain::await_readable(listener);
    ASSERT_TRUE(ok(loop.registry().remove(source)));

    ASSERT_TRUE(ok(waker.wake()));
    ASSERT_TRUE(ok(loop.poll.poll(loop.events)));
    ASSERT_EQ(loop.events.size(), 1u);
    EXPECT_EQ(loop.events[0].token(), Token{10});
    EXPECT_TRUE(loop.events[0].is_readable());
}

TEST(Registry, RemovedSourceCanBeAddedAgain) {
    Loop loop;
    Pair pair;
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(ok(loop.registry().add(pair.source, id1, Interest::readable)));
        ASSERT_TRUE(ok(loop.registry().remove(pair.source)));
    }
    ASSERT_TRUE(ok(loop.registry().add(pair.source, id2, Interest::readable)));
    loop.expect_none();
    pair.speak();
    loop.expect({{id2, Interest::readable}});
}

TEST(Registry, RemovedSourceCanBeAddedToAnotherPoll) {
    Loop one;
    Loop other;
    Pair pair;
    auto listener = must(mio::net::TcpListener::bind(local_v4()));
    ASSERT_TRUE(ok(one.registry().add(pair.source, id1, Interest::readable)));
    ASSERT_TRUE(ok(one.registry().add(listener, id2, Interest::readable)));
    ASSERT_TRUE(ok(one.registry().remove(pair.source)));
    ASSERT_TRUE(ok(one.registry().remove(listener)));
    ASSERT_TRUE(ok(other.registry().add(pair.source, id1, Interest::readable)));
    ASSERT_TRUE(ok(other.registry().add(listener, id2, Interest::readable)));
    pair.speak();
    const auto client = plain::connect(must(listener.local_address()));
    other.expect({{id1, Interest::readable}, {id2, Interest::readable}});
    one.expect_none();
}

TEST(Registry, DestroyingASourceRemovesItsRegistration) {
    Loop loop;
    auto [here, there] = plain::socket_pair();
    {
        auto stream = mio::net::TcpStream::from_raw(here.release());
        plain::write_all(there, "x");
        ASSERT_TRUE(ok(loop.registry().add(stream, id1, read_write)));
    }
    loop.expect_none();
}

TEST(Registry, AssigningToASourceRemovesItsRegistration) {
    Loop loop;
    auto [a, a_peer] = plain::socket_pair();
    auto [b, b_peer] = plain::socket_pair();
    auto stream = mio::net::TcpStream::from_raw(a.release());
    ASSERT_TRUE(ok(loop.registry().add(stream, id1, read_write)));
    stream = mio::net::TcpStream::from_raw(b.release());
    loop.expect_none();
    // The new source is not registered, and can be.
    EXPECT_TRUE(fails_with(loop.registry().modify(stream, id2, read_write), Errc::not_registered));
    ASSERT_TRUE(ok(loop.registry().add(stream, id2, read_write)));
    loop.expect({{id2, Interest::writable}});
}

TEST(Registry, RegistrationsMoveWithTheirSource) {
    Loop loop;
    auto [here, there] = plain::socket_pair();
    auto stream = mio::net::TcpStream::from_raw(here.release());
    ASSERT_TRUE(ok(loop.registry().add(stream, id1, Interest::readable)));
    auto moved = std::move(stream);
    EXPECT_TRUE(fails_with(loop.registry().add(moved, id2, Interest::readable), Errc::already_registered));
    plain::write_all(there, "x");
    loop.expect({{id1, Interest::readable}});
    ASSERT_TRUE(ok(loop.registry().remove(moved)));

    // A raw source keeps its handle open and removes only the registration.
    Pair pair;
    ASSERT_TRUE(ok(loop.registry().add(pair.source, id2, Interest::readable)));
    mio::RawSource raw(std::move(pair.source));
    EXPECT_EQ(raw.raw(), pair.here.fd());
    EXPECT_TRUE(fails_with(loop.registry().remove(pair.source), Errc::not_registered));
    EXPECT_TRUE(ok(loop.registry().remove(raw)));
}

// Misuse is reported and changes nothing.

TEST(RegistryError, AddingASourceTwiceFails) {
    Loop loop;
    Loop other;
    Pair pair;
    ASSERT_TRUE(ok(loop.registry().add(pair.source, id1, Interest::readable)));
    for (auto* where : {&loop, &other}) {
        const auto again = where->registry().add(pair.source, id2, read_write, Trigger::level);
        EXPECT_TRUE(fails_with(again, Errc::already_registered));
        EXPECT_TRUE(fails_with(again, std::errc::file_exists));
    }
    // Token, interest and trigger are unchanged; it still belongs to the first poll.
    pair.speak();
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 500ms)));
    ASSERT_EQ(loop.events.size(), 1u);
    EXPECT_EQ(loop.events[0].token(), id1);
    EXPECT_FALSE(loop.events[0].is_writable());
    loop.expect_none();
    other.expect_none();
    EXPECT_TRUE(ok(loop.registry().modify(pair.source, id3, Interest::readable)));
    loop.expect({{id3, Interest::readable}});
    EXPECT_TRUE(ok(loop.registry().remove(pair.source)));
}

TEST(RegistryError, AddingASocketToASecondPollFails) {
    Loop loop;
    Loop other;
    auto listener = must(mio::net::TcpListener::bind(local_v4()));
    auto stream = must(mio::net::TcpStream::connect(must(listener.local_address())));
    ASSERT_TRUE(ok(loop.registry().add(listener, id1, read_write)));
    ASSERT_TRUE(ok(loop.registry().add(stream, id2, read_write)));
    EXPECT_TRUE(fails_with(other.registry().add(listener, id1, read_write), Errc::already_registered));
    EXPECT_TRUE(fails_with(other.registry().add(stream, id2, read_write), Errc::already_registered));
    loop.expect({{id1, Interest::readable}, {id2, Interest::writable}});
    EXPECT_TRUE(ok(loop.registry().remove(listener)));
    EXPECT_TRUE(ok(loop.registry().remove(stream)));
}

TEST(RegistryError, ModifyingOrRemovingAnUnregisteredSourceFails) {
    Loop loop;
    auto listener = must(mio::net::TcpListener::bind(local_v4()));
    Pair pair;
    const auto expect_refused = [&](auto& source) {
        EXPECT_TRUE(
            fails_with(loop.registry().modify(source, id1, Interest::readable), Errc::not_registered));
        EXPECT_TRUE(fails_with(loop.registry().remove(source), Errc::not_registered));
        EXPECT_TRUE(fails_with(loop.registry().remove(source), std::errc::no_such_file_or_directory));
    };
    expect_refused(listener);
    expect_refused(pair.source);
    // Removed sources behave like sources that were never added.
    ASSERT_TRUE(ok(loop.registry().add(pair.source, id1, Interest::readable)));
    ASSERT_TRUE(ok(loop.registry().remove(pair.source)));
    expect_refused(pair.source);
    pair.speak();
    loop.expect_none();
    ASSERT_TRUE(ok(loop.registry().add(pair.source, id2, Interest::readable)));
    loop.expect({{id2, Interest::readable}});
}

TEST(RegistryError, ChangingASourceOfAnotherPollFails) {
    Loop loop;
    Loop other;
    Pair pair;
    ASSERT_TRUE(ok(loop.registry().add(pair.source, id1, Interest::readable)));
    const auto modified = other.registry().modify(pair.source, id2, read_write);
    EXPECT_TRUE(fails_with(modified, Errc::other_registry));
    EXPECT_TRUE(fails_with(modified, std::errc::file_exists));
    EXPECT_TRUE(fails_with(other.registry().remove(pair.source), Errc::other_registry));
    // The existing registration is unchanged.
    pair.speak();
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 500ms)));
    ASSERT_EQ(loop.events.size(), 1u);
    EXPECT_EQ(loop.events[0].token(), id1);
    EXPECT_FALSE(loop.events[0].is_writable());
    other.expect_none();
    EXPECT_TRUE(ok(loop.registry().modify(pair.source, id3, Interest::readable)));
    loop.expect({{id3, Interest::readable}});
    EXPECT_TRUE(ok(loop.registry().remove(pair.source)));
}

// Sources that outlive their `Poll`.

TEST(RegistryLifetime, SourceIsUnregisteredAfterItsPollIsDestroyed) {
    Pair pair;
    auto listener = must(mio::net::TcpListener::bind(local_v4()));
    auto first = std::optional(must(mio::Poll::create()));
    ASSERT_TRUE(ok(first->registry().add(pair.source, id1, Interest::readable)));
    ASSERT_TRUE(ok(first->registry().add(listener, id2, Interest::readable)));
    first.reset();
    // The new poll most likely has the same address and descriptor.
    Loop second;
    const auto expect_not_registered = [&](auto& source) {
        EXPECT_TRUE(
            fails_with(second.registry().modify(source, id1, Interest::readable), Errc::not_registered));
        EXPECT_TRUE(fails_with(second.registry().remove(source), Errc::not_registered));
        ASSERT_TRUE(ok(second.registry().add(source, id3, Interest::readable)));
    };
    expect_not_registered(pair.source);
    expect_not_registered(listener);
    pair.speak();
    const auto client = plain::connect(must(listener.local_address()));
    second.expect({{id3, Interest::readable}, {id3, Interest::readable}});
    EXPECT_TRUE(ok(second.registry().remove(pair.source)));
    EXPECT_TRUE(ok(second.registry().remove(listener)));
}

TEST(RegistryLifetime, RemainingRegistryOrWakerDoesNotKeepSourcesRegistered) {
    Loop other;
    Pair pair;
    auto first = std::optional(must(mio::Poll::create()));
    const auto clone = must(first->registry().try_clone());
    const auto waker = must(mio::Waker::create(clone, id2));
    ASSERT_TRUE(ok(clone.add(pair.source, id1, Interest::readable)));
    first.reset();
    EXPECT_TRUE(fails_with(other.registry().remove(pair.source), Errc::not_registered));
    EXPECT_TRUE(ok(waker.wake()));
    pair.speak();
    ASSERT_TRUE(ok(other.registry().add(pair.source, id3, Interest::readable)));
    other.expect({{id3, Interest::readable}});
}

TEST(RegistryLifetime, CloneFindsNoSourceRegisteredAfterThePollIsDestroyed) {
    Pair before, after;
    auto listener = must(mio::net::TcpListener::bind(local_v4()));
    auto poll = std::optional(must(mio::Poll::create()));
    const auto clone = must(poll->registry().try_clone());
    ASSERT_TRUE(ok(clone.add(before.source, id1, Interest::readable)));
    ASSERT_TRUE(ok(clone.add(listener, id2, Interest::readable)));
    poll.reset();
    ASSERT_TRUE(ok(clone.add(after.source, id3, Interest::readable)));
    const auto expect_not_registered = [&](auto& source) {
        EXPECT_TRUE(fails_with(clone.modify(source, id1, Interest::readable), Errc::not_registered));
        EXPECT_TRUE(fails_with(clone.renew(source), Errc::not_registered));
        EXPECT_TRUE(fails_with(clone.remove(source), Errc::not_registered));
        for (int i = 0; i < 2; ++i) EXPECT_TRUE(ok(clone.add(source, id2, Interest::readable)));
    };
    expect_not_registered(before.source);
    expect_not_registered(listener);
    expect_not_registered(after.source);
}

TEST(RegistryLifetime, PollAssignmentEndsOldRegistrationsAndKeepsNewOnes) {
    Pair of_old;
    Pair of_new;
    auto poll = must(mio::Poll::create());
    auto next = must(mio::Poll::create());
    ASSERT_TRUE(ok(poll.registry().add(of_old.source, id1, Interest::readable)));
    ASSERT_TRUE(ok(next.registry().add(of_new.source, id2, Interest::readable)));
    poll = std::move(next);
    EXPECT_TRUE(fails_with(poll.registry().remove(of_old.source), Errc::not_registered));
    EXPECT_TRUE(ok(poll.registry().modify(of_new.source, id3, Interest::readable)));
    EXPECT_TRUE(ok(poll.registry().add(of_old.source, id1, Interest::readable)));
    of_old.speak();
    of_new.speak();
    mio::Events events(8);
    expect_events(poll, events, {{id1, Interest::readable}, {id3, Interest::readable}});
}

TEST(RegistryLifetime, SourcesThatOutliveTheirPollLeakNothing) {
    const DescriptorGuard guard;
    Pair pair;
    auto stream = must(mio::net::TcpListener::bind(local_v4()));
    for (int i = 0; i < 3; ++i) {
        Loop loop;
        ASSERT_TRUE(ok(loop.registry().add(pair.source, id1, Interest::readable)));
        ASSERT_TRUE(ok(loop.registry().add(stream, id1, Interest::readable)));
    }
}

TEST(Registry, ReleasingASourceRemovesItsRegistration) {
    Loop loop;
    auto [here, there] = plain::socket_pair();
    auto stream = mio::net::TcpStream::from_raw(here.release());
    ASSERT_TRUE(ok(loop.registry().add(stream, id1, Interest::readable, Trigger::level)));
    const plain::Socket released(stream.release());
    plain::write_all(there, "x");
    loop.expect_none();
    mio::RawSource source(released.fd());
    ASSERT_TRUE(ok(loop.registry().add(source, id2, Interest::readable)));
    loop.expect({{id2, Interest::readable}});
}

TEST(Registry, DestroyingOrReplacingARawSourceRemovesItsRegistration) {
    Loop loop;
    for (const bool is_replaced : {false, true}) {
        Pair pair;
        {
            mio::RawSource source(pair.here.fd());
            ASSERT_TRUE(ok(loop.registry().add(source, id1, Interest::readable, Trigger::level)));
            pair.speak();
            if (is_replaced) {
                source = mio::RawSource(pair.there.fd());
                loop.expect_none();
            }
        }
        loop.expect_none();
        ASSERT_TRUE(ok(loop.registry().add(pair.source, id2, Interest::readable)));
        loop.expect({{id2, Interest::readable}});
    }
}

// Errors of the OS.

TEST(RegistryError, AddingAHandleWatchedByAnotherSourceFails) {
    if (!differences.refuses_a_second_source) GTEST_SKIP() << "a second source replaces the first";
    Loop loop;
    Loop elsewhere;
    Pair pair;
    mio::RawSource twin(pair.here.fd());
    ASSERT_TRUE(ok(loop.registry().add(pair.source, id1, Interest::readable)));
    const auto added = loop.registry().add(twin, id2, read_write);
    ASSERT_TRUE(fails_with(added, std::errc::file_exists));
    EXPECT_EQ(added.error().category(), mio::os_category()) << "the error comes from the OS";
    EXPECT_TRUE(fails_with(loop.registry().modify(twin, id2, read_write), Errc::not_registered));
    // The first source is unaffected.
    pair.speak();
    loop.expect({{id1, Interest::readable}});
    // Another selector may watch the same handle, and so may this one after the first source is removed.
    EXPECT_TRUE(ok(elsewhere.registry().add(twin, id3, Interest::readable)));
    elsewhere.expect({{id3, Interest::readable}});
    EXPECT_TRUE(ok(elsewhere.registry().remove(twin)));
    EXPECT_TRUE(ok(loop.registry().remove(pair.source)));
    EXPECT_TRUE(ok(loop.registry().add(twin, id2, Interest::readable)));
    loop.expect({{id2, Interest::readable}});
}

TEST(RegistryError, InterestUnsupportedByTheBackendFails) {
    if (differences.has_aio) GTEST_SKIP() << "aio and lio are supported";
    Loop loop;
    Pair pair;
    for (const auto interest :
         {Interest::aio, Interest::lio, Interest::readable | Interest::aio, read_write | Interest::lio}) {
        const auto added = loop.registry().add(pair.source, id1, interest);
        EXPECT_TRUE(fails_with(added, Errc::unsupported)) << to_string(interest);
        EXPECT_TRUE(fails_with(added, std::errc::operation_not_supported));
        EXPECT_TRUE(fails_with(loop.registry().remove(pair.source), Errc::not_registered));
    }
    // modify fails too, and changes nothing.
    ASSERT_TRUE(ok(loop.registry().add(pair.source, id1, Interest::readable)));
    EXPECT_TRUE(
        fails_with(loop.registry().modify(pair.source, id2, read_write | Interest::aio), Errc::unsupported));
    pair.speak();
    ASSERT_TRUE(ok(loop.poll.poll(loop.events, 500ms)));
    ASSERT_EQ(loop.events.size(), 1u);
    EXPECT_EQ(loop.events[0].token(), id1);
    EXPECT_FALSE(loop.events[0].is_writable());
    EXPECT_TRUE(ok(loop.registry().remove(pair.source)));
}

// Custom sources.

TEST(CustomSource, ReceivesTheArgumentsOfTheRegistryCall) {
    const Loop loop;
    Recorder source;
    ASSERT_TRUE(ok(loop.registry().add(source, id1, Interest::readable)));
    ASSERT_EQ(source.added.size(), 1u);
    EXPECT_EQ(source.added[0].registry, &loop.registry());
    EXPECT_EQ(source.added[0].token, id1);
    EXPECT_EQ(source.added[0].interest, Interest::readable);
    EXPECT_EQ(source.added[0].trigger, Trigger::edge) << "default trigger";
    EXPECT_TRUE(source.modified.empty() && source.removed.empty());

    ASSERT_TRUE(ok(loop.registry().modify(source, id2, read_write)));
    ASSERT_EQ(source.modified.size(), 1u);
    EXPECT_EQ(source.modified[0].registry, &loop.registry());
    EXPECT_EQ(source.modified[0].token, id2);
    EXPECT_EQ(source.modified[0].interest, read_write);
    EXPECT_EQ(source.modified[0].trigger, Trigger::edge);

    ASSERT_TRUE(ok(loop.registry().remove(source)));
    ASSERT_EQ(source.removed.size(), 1u);
    EXPECT_EQ(source.removed[0], &loop.registry());
    EXPECT_EQ(source.added.size(), 1u);
    EXPECT_EQ(source.modified.size(), 1u);

    for (const auto trigger : {Trigger::edge, Trigger::level, Trigger::oneshot}) {
        ASSERT_TRUE(ok(loop.registry().add(source, id1, Interest::readable, trigger)));
        EXPECT_EQ(source.added.back().trigger, trigger);
        ASSERT_TRUE(ok(loop.registry().modify(source, id1, Interest::readable, trigger)));
        EXPECT_EQ(source.modified.back().trigger, trigger);
    }
}

TEST(CustomSource, ErrorsReachTheCaller) {
    const Loop loop;
    Refuser source;
    EXPECT_TRUE(fails_with(loop.registry().add(source, id1, Interest::readable),
                           std::error_code(1001, std::generic_category())));
    EXPECT_TRUE(fails_with(loop.registry().modify(source, id1, Interest::readable),
                           std::error_code(1002, std::generic_category())));
    EXPECT_TRUE(fails_with(loop.registry().remove(source), std::error_code(1003, std::generic_category())));
}

TEST(CustomSource, WorksThroughABaseClassReference) {
    Loop loop;
    auto listener = must(mio::net::TcpListener::bind(local_v4()));
    const auto address = must(listener.local_address());
    Pair pair;
    std::vector<std::unique_ptr<AnySource>> sources;
    sources.push_back(std::make_unique<Dynamic<mio::net::TcpListener>>(std::move(listener)));
    sources.push_back(
        std::make_unique<Dynamic<mio::net::TcpStream>>(must(mio::net::TcpStream::connect(address))));
    sources.push_back(std::make_unique<Dynamic<mio::RawSource>>(mio::RawSource(pair.here.fd())));
    for (std::size_t i = 0; i < sources.size(); ++i) {
        ASSERT_TRUE(ok(loop.registry().add(*sources[i], Token{i}, Interest::readable)));
        ASSERT_TRUE(ok(loop.registry().modify(*sources[i], Token{i + 10}, read_write)));
    }
    loop.expect(
        {{Token{10}, Interest::readable}, {Token{11}, Interest::writable}, {Token{12}, Interest::writable}});
    for (const auto& source : sources) {
        ASSERT_TRUE(ok(loop.registry().remove(*source)));
        EXPECT_TRUE(fails_with(loop.registry().remove(*source), Errc::not_registered));
    }
}
