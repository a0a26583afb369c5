// No header: everything that the interface names is usable through the import.
import mio;

int with_no_header() {
    auto poll = mio::Poll::create();
    if (!poll) return 1;
    mio::Events events(4);
    auto waker = mio::Waker::create(poll->registry(), mio::Token{7});
    if (!waker || !waker->wake() || !poll->poll(events)) return 1;
    return events.size() == 1 && events[0].token().value == 7 ? 0 : 1;
}
