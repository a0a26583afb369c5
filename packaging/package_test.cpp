// The program that tests a package: one wake-up through the poll.
#include <cstdio>
#include <string>

import mio;

int main() {
    auto poll = mio::Poll::create();
    if (!poll) return 1;
    auto waker = mio::Waker::create(poll->registry(), mio::Token{7});
    mio::Events events(4);
    if (!waker || !waker->wake() || !poll->poll(events)) return 2;
    if (events.size() != 1 || events[0].token() != mio::Token{7}) return 3;
    std::printf("mio works with %s\n", std::string(mio::backend()).c_str());
}
