import std;
import mio;

int main() {
    auto poll = mio::Poll::create();
    if (!poll) return 1;
    mio::Events events(4);
    auto waker = mio::Waker::create(poll->registry(), mio::Token{7});
    if (!waker) return 2;
    std::thread ringer([&waker] { (void)waker->wake(); });
    const auto polled = poll->poll(events, std::chrono::seconds(10));
    ringer.join();
    if (!polled || events.size() != 1) return 3;
    std::string text = mio::to_string(mio::Interest::readable);
    return text == "READABLE" ? 0 : 4;
}
