// Like ../failing_sources.cpp, for Unix-only sources.
#include <array>
#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>

#include "../failing_sources.hpp"

using namespace test;
using mio::net::make_pipe;
using mio::net::UnixStream;

TEST_P(FailingSource, PipeReaderReportsClosedWriter) {
    for (const auto* left : {"", "data"}) {
        auto [sender, receiver] = must(make_pipe());
        PlainProgram program(GetParam());
        program.watch(receiver, Interest::readable);
        if (*left != '\0') must(sender.write(bytes_of(left)));
        {
            const auto gone = std::move(sender);
        }
        program.run(reading(receiver), nullptr);
    }
}

TEST_P(FailingSource, PipeWriterReportsClosedReader) {
    for (const bool is_full : {false, true}) {
        auto [sender, receiver] = must(make_pipe());
        if (is_full) {
            while (writing(sender)()) {
            }
        }
        PlainProgram program(GetParam());
        program.watch(sender, Interest::writable);
        program.poll_once();
        {
            const auto gone = std::move(receiver);
        }
        program.run(nullptr, writing(sender));
    }
}

TEST_P(FailingSource, UnixStreamWithClosedPeerEndsBothDirections) {
    for (const auto interest : {Interest::readable, Interest::writable}) {
        auto [stream, peer] = must(UnixStream::pair());
        PlainProgram program(GetParam());
        program.watch(stream, interest);
        program.poll_once();
        {
            const auto gone = std::move(peer);
        }
        if (interest.is_readable()) {
            program.run(reading(stream), nullptr);
        } else {
            program.run(nullptr, writing(stream));
        }
    }
}
