module probe.events.selector;

namespace probe {

Waker::~Waker() = default;

Selector::~Selector() = default;

} // namespace probe
