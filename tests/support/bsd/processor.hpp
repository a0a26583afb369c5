// Processor affinity: these systems share no call for it.
#pragma once

namespace test {

/// Does nothing. The tests that use it pass without it where loopback delivers within the sender's call.
class OneProcessor {
  public:
    OneProcessor() {}
    OneProcessor(const OneProcessor&) = delete;
    ~OneProcessor() {}
};

} // namespace test
