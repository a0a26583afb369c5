/// @file
/// Watching the reading end of a FIFO.

module;

#include <string>

export module probe.watch.fifo;

import mio;
import probe.watch.source;

namespace probe {

/// The reading end of a FIFO. It outlives its writers: when the last one left, it is opened anew for the next. (An
/// end that was opened for reading and writing would keep the FIFO open itself, and never be told that they left.)
/// See `probe.watch.source` for its members.
export class Fifo {
  public:
    Fifo(Context& context, std::string name, std::string path);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] mio::Token token() const noexcept { return token_; }
    [[nodiscard]] Outcome start();
    [[nodiscard]] mio::Result<> rearm();
    [[nodiscard]] Outcome handle(const mio::Event& event);
    [[nodiscard]] Outcome resume();

  private:
    void open();
    [[nodiscard]] Outcome reopen();

    Context* context_;
    std::string name_;
    mio::Token token_;
    std::string path_;
    mio::OwnedHandle handle_;
    mio::RawSource source_; // after the handle: it goes first
};

} // namespace probe
