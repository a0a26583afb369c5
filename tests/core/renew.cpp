// Registry::renew, objects with a member `source()`, and AnySource.
#include "sockets.hpp"

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "differences.hpp"
#include "support.hpp"

using namespace test;
using mio::AnySource;
using mio::Errc;
using mio::Registry;
using mio::Result;
using mio::Trigger;
using mio::net::TcpStream;

namespace {

constexpr Token id1{1}, id2{2};

/// A registered stream and its peer.
struct Ends {
    explicit Ends(std::pair<plain::Socket, plain::Socket> ends = plain::socket_pair())
        : here(TcpStream::from_raw(nonblocking(ends.first).release())), there(std::move(ends.second)) {}

    void speak(std::string_view text = "x") const {
        plain::write_all(there, text);
        ASSERT_NE(plain::await(here.raw(), POLLIN), 0);
    }
    std::string hear(std::size_t size) const {
        std::string text(size, '\0');
        text.resize(must(here.read(std::as_writable_bytes(std::span(text)))));
        return text;
    }

    TcpStream here;
    plain::Socket there;

  private:
    static plain::Socket& nonblocking(plain::Socket& socket) {
        socket.set_non_blocking();
        return socket;
    }
};

/// A class of a program's own: one line makes it a source.
class Session {
  public:
    explicit Session(Ends& ends) : stream_(ends.here) {}
    TcpStream& source() { return stream_; }

  private:
    TcpStream& stream_;
};

/// The same, usable through a constant reference.
struct Watcher {
    mio::RawSource& source() const { return *raw; }
    mio::RawSource* raw;
};

/// A source of a program's own, which cannot be renewed.
struct Plain {
    Result<> add_to(const Registry& registry, Token token, Interest interest, Trigger trigger) {
        return registry.add(inner, token, interest, trigger);
    }
    Result<> modify_in(const Registry& registry, Token token, Interest interest, Trigger trigger) {
        return registry.modify(inner, token, interest, trigger);
    }
    Result<> remove_from(const Registry& registry) { return registry.remove(inner); }

    mio::RawSource inner;
};

/// A source that also has a member `source()`.
struct Both : Plain {
    mio::RawSource& source() { return other; }
    mio::RawSource other;
};

struct ByValue {
    mio::RawSource source();
};
struct OfNothing {
    int& source();
};

template <class S>
concept Addable = requires(const Registry& r, S& s) { r.add(s, Token{}, Interest::readable); };
template <class S>
concept CanBeRenewed = requires(const Registry& r, S& s) { r.renew(s); };

static_assert(mio::RenewableSource<TcpStream> && mio::RenewableSource<mio::RawSource>
              && mio::RenewableSource<AnySource>);
static_assert(mio::Source<Plain> && !mio::RenewableSource<Plain> && Addable<Plain> && !CanBeRenewed<Plain>);
static_assert(mio::Registrable<Session> && !mio::Source<Session> && CanBeRenewed<Session>);
static_assert(Addable<const Watcher>);
static_assert(!Addable<ByValue> && !Addable<OfNothing> && !Addable<const Session>);

bool is_reported(Loop& loop, Token token) {
    bool is_reported = false;
    EXPECT_TRUE(ok(loop.poll.poll(loop.events, 500ms)));
    for (const auto& event : loop.events) is_reported |= event.token() == token;
    return is_reported;
}

} // namespace

TEST(Renew, LetsAProgramStopBeforeAnOperationWouldBlock) {
    Loop loop;
    Ends ends;
    ASSERT_TRUE(ok(loop.registry().add(ends.here, id1, Interest::readable)));
    ends.speak("abcdef");
    // Two bytes a turn.
    std::string heard;
    for (int turn = 0; turn < 3; ++turn) {
        ASSERT_TRUE(is_reported(loop, id1)) << turn;
        loop.expect_none();
        heard += ends.hear(2);
        ASSERT_TRUE(ok(loop.registry().renew(ends.here)));
    }
    EXPECT_EQ(heard, "abcdef");
    loop.expect_none();
    // And on as if it had read to the end.
    ends.speak("g");
    EXPECT_TRUE(is_reported(loop, id1));
}

TEST(Renew, ArmsAOneshotAgain) {
    Loop loop;
    Ends ends;
    ASSERT_TRUE(ok(loop.registry().add(ends.here, id1, Interest::writable, Trigger::oneshot)));
    for (int turn = 0; turn < 3; ++turn) {
        EXPECT_TRUE(is_reported(loop, id1));
        loop.expect_none();
        ASSERT_TRUE(ok(loop.registry().renew(ends.here)));
    }
}

TEST(Renew, WorksThroughAClone) {
    Loop loop;
    Ends ends;
    ASSERT_TRUE(ok(loop.registry().add(ends.here, id1, Interest::writable)));
    EXPECT_TRUE(is_reported(loop, id1));
    const auto clone = must(loop.registry().try_clone());
    ASSERT_TRUE(ok(clone.renew(ends.here)));
    EXPECT_TRUE(is_reported(loop, id1));
}

TEST(Renew, FollowsAMovedSource) {
    Loop loop;
    Ends ends;
    ASSERT_TRUE(ok(loop.registry().add(ends.here, id1, Interest::writable)));
    EXPECT_TRUE(is_reported(loop, id1));
    auto moved = std::move(ends.here);
    ASSERT_TRUE(ok(loop.registry().renew(moved)));
    EXPECT_TRUE(is_reported(loop, id1));
    EXPECT_TRUE(fails_with(loop.registry().renew(ends.here),
                           Errc::not_registered)); // NOLINT(bugprone-use-after-move)
}

TEST(RenewError, ReportsOwnershipAsModifyDoes) {
    Loop loop, other;
    Ends ends;
    EXPECT_TRUE(fails_with(loop.registry().renew(ends.here), Errc::not_registered));
    ASSERT_TRUE(ok(loop.registry().add(ends.here, id1, Interest::writable)));
    EXPECT_TRUE(fails_with(other.registry().renew(ends.here), Errc::other_registry));
    ASSERT_TRUE(ok(loop.registry().remove(ends.here)));
    EXPECT_TRUE(fails_with(loop.registry().renew(ends.here), Errc::not_registered));
    // A source whose Poll is gone counts as not registered.
    {
        Loop brief;
        ASSERT_TRUE(ok(brief.registry().add(ends.here, id1, Interest::writable)));
    }
    EXPECT_TRUE(fails_with(loop.registry().renew(ends.here), Errc::not_registered));
    ASSERT_TRUE(ok(loop.registry().add(ends.here, id2, Interest::writable)));
    EXPECT_TRUE(is_reported(loop, id2));
}

TEST(SourceMember, MakesAClassRegistrable) {
    Loop loop;
    Ends ends;
    Session session(ends);
    ASSERT_TRUE(ok(loop.registry().add(session, id1, Interest::writable)));
    EXPECT_TRUE(is_reported(loop, id1));
    ASSERT_TRUE(ok(loop.registry().modify(session, id2, Interest::writable)));
    EXPECT_TRUE(is_reported(loop, id2));
    ASSERT_TRUE(ok(loop.registry().renew(session)));
    EXPECT_TRUE(is_reported(loop, id2));
    EXPECT_TRUE(fails_with(loop.registry().add(session, id1, Interest::writable), Errc::already_registered));
    ASSERT_TRUE(ok(loop.registry().remove(session)));
    EXPECT_TRUE(fails_with(loop.registry().remove(session), Errc::not_registered));
}

TEST(SourceMember, MayBeConstant) {
    Loop loop;
    Ends ends;
    mio::RawSource raw(ends.here.raw());
    const Watcher watcher{&raw};
    ASSERT_TRUE(ok(loop.registry().add(watcher, id1, Interest::writable)));
    EXPECT_TRUE(is_reported(loop, id1));
    ASSERT_TRUE(ok(loop.registry().renew(watcher)));
    EXPECT_TRUE(is_reported(loop, id1));
    ASSERT_TRUE(ok(loop.registry().remove(watcher)));
}

TEST(SourceMember, IsNotUsedByASource) {
    Loop loop;
    Ends first, second;
    Both both{{mio::RawSource(first.here.raw())}, mio::RawSource(second.here.raw())};
    ASSERT_TRUE(ok(loop.registry().add(both, id1, Interest::writable)));
    EXPECT_TRUE(ok(loop.registry().remove(both.inner)));
    EXPECT_TRUE(fails_with(loop.registry().remove(both.other), Errc::not_registered));
}

static_assert(sizeof(AnySource) == 2 * sizeof(void*) && std::is_trivially_copyable_v<AnySource>);
static_assert(std::is_convertible_v<TcpStream&, AnySource> && std::is_convertible_v<Session&, AnySource>
              && std::is_convertible_v<const Watcher&, AnySource>);
static_assert(!std::is_convertible_v<int&, AnySource> && !std::is_constructible_v<AnySource, TcpStream>,
              "it would dangle");

namespace {

Result<> watch(const Registry& registry, AnySource source, Token token) {
    return registry.add(source, token, Interest::writable, Trigger::oneshot);
}

} // namespace

TEST(AnySource, RegistersSourcesOfSeveralTypes) {
    Loop loop;
    Ends a, b, c;
    Session session(b);
    Plain plain_source{mio::RawSource(c.here.raw())};
    std::vector<AnySource> sources{a.here, session, plain_source};
    for (std::size_t i = 0; i < sources.size(); ++i) {
        const Token token{i}, changed{i + 10};
        auto& source = sources[i];
        ASSERT_TRUE(ok(watch(loop.registry(), source, token)));
        EXPECT_TRUE(is_reported(loop, token));
        ASSERT_TRUE(ok(loop.registry().modify(source, changed, Interest::writable, Trigger::oneshot)));
        EXPECT_TRUE(is_reported(loop, changed));
        if (i == 2) {
            EXPECT_TRUE(fails_with(loop.registry().renew(source), Errc::unsupported));
        } else {
            ASSERT_TRUE(ok(loop.registry().renew(source)));
            EXPECT_TRUE(is_reported(loop, changed));
        }
        // A copy refers to the same source.
        AnySource copy = source;
        ASSERT_TRUE(ok(loop.registry().remove(copy)));
        EXPECT_TRUE(fails_with(loop.registry().remove(source), Errc::not_registered));
    }
    loop.expect_none();
}
