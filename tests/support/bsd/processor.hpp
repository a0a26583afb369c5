// One processor for a thread: these systems have no call for it that all of them share.
#pragma once

namespace test {

/// Does nothing here. The tests that use it pass without it where loopback delivers in the sender's call.
class OneProcessor {
  public:
    OneProcessor() {}
    OneProcessor(const OneProcessor&) = delete;
    ~OneProcessor() {}
};

} // namespace test
