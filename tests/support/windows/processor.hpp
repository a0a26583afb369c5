// Processor affinity.
#pragma once

#include <windows.h>
#include <winsock2.h>

namespace test {

/// Pins the thread to its current processor.
class OneProcessor {
  public:
    OneProcessor() {
        const auto one = ::DWORD_PTR{1} << ::GetCurrentProcessorNumber();
        before_ = ::SetThreadAffinityMask(::GetCurrentThread(), one);
    }
    OneProcessor(const OneProcessor&) = delete;
    ~OneProcessor() {
        if (before_ != 0) ::SetThreadAffinityMask(::GetCurrentThread(), before_);
    }

  private:
    ::DWORD_PTR before_;
};

} // namespace test
