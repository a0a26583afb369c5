module;

#include <span>
#include <utility>

module probe.events.scenario;

import mio;
import probe.events.sources;
import probe.events.stage;
import probe.failure;

namespace probe {
namespace {

using mio::Interest;
using mio::net::PipeReceiver;
using mio::net::PipeSender;

using WatchedSender = WatchedPair<PipeSender, PipeReceiver>;
using WatchedReceiver = WatchedPair<PipeReceiver, PipeSender>;

WatchedSender watched_sender(Stage& stage) {
    auto [sender, receiver] = must(mio::net::make_pipe(), "pipe");
    return watch(stage, Pair<PipeSender, PipeReceiver>{std::move(sender), std::move(receiver)},
                 {.interest = Interest::writable});
}

WatchedReceiver watched_receiver(Stage& stage) {
    auto [sender, receiver] = must(mio::net::make_pipe(), "pipe");
    return watch(stage, Pair<PipeReceiver, PipeSender>{std::move(receiver), std::move(sender)},
                 {.interest = Interest::readable});
}

void sender_fresh(Stage& stage) {
    const auto pipe = watched_sender(stage);
    stage.observe("registered");
}

void sender_full(Stage& stage) {
    const auto pipe = watched_sender(stage);
    stage.settle();
    fill(pipe.local);
    stage.settle();
    stage.observe_silence("full");
    make_room(pipe);
    stage.observe("emptied");
}

void receiver_closed(Stage& stage) {
    auto pipe = watched_sender(stage);
    stage.settle();
    close(std::move(pipe.peer));
    stage.observe("receiver closed");
}

void receiver_closed_full(Stage& stage) {
    auto pipe = watched_sender(stage);
    fill(pipe.local);
    stage.settle();
    close(std::move(pipe.peer));
    stage.observe("receiver closed");
}

void receiver_fresh(Stage& stage) {
    const auto pipe = watched_receiver(stage);
    stage.observe_silence("registered");
}

void data(Stage& stage) {
    const auto pipe = watched_receiver(stage);
    send(pipe.peer, "data");
    stage.observe("data arrived");
    stage.observe_silence("left unread");
}

void sender_closed(Stage& stage) {
    auto pipe = watched_receiver(stage);
    close(std::move(pipe.peer));
    stage.observe("sender closed");
    stage.observe_silence("reported already");
}

void sender_closed_data_left(Stage& stage) {
    auto pipe = watched_receiver(stage);
    send(pipe.peer, "data");
    stage.observe("data arrived");
    close(std::move(pipe.peer));
    stage.observe("sender closed");
}

constexpr Scenario list[] = {
    {"pipe-sender-fresh", "the writing end of an empty pipe", sender_fresh},
    {"pipe-sender-full", "a pipe is filled, then emptied", sender_full},
    {"pipe-receiver-closed", "the reading end closes, room is left", receiver_closed},
    {"pipe-receiver-closed-full", "the reading end of a full pipe closes", receiver_closed_full},
    {"pipe-receiver-fresh", "the reading end of an empty pipe", receiver_fresh},
    {"pipe-data", "data arrives", data},
    {"pipe-sender-closed", "the writing end closes, nothing left unread", sender_closed},
    {"pipe-sender-closed-data-left", "the writing end closes, data left unread", sender_closed_data_left},
};

} // namespace

std::span<const Scenario> pipe_scenarios() { return list; }

} // namespace probe
