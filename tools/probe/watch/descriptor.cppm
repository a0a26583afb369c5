/// @file
/// Watching a descriptor that whoever started the program left open.

module;

#include <string>

export module probe.watch.descriptor;

import mio;
import probe.watch.source;

namespace probe {

/// A descriptor that belongs to somebody else: it is left open, and in the mode in which it was. See
/// `probe.watch.source` for its members.
export class Descriptor {
  public:
    Descriptor(Context& context, std::string name, mio::RawHandle handle);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] mio::Token token() const noexcept { return token_; }
    [[nodiscard]] Outcome start();
    [[nodiscard]] mio::Result<> rearm();
    [[nodiscard]] Outcome handle(const mio::Event& event);
    [[nodiscard]] Outcome resume();

  private:
    [[nodiscard]] mio::Interest interest() const;
    // Stops watching, which closing does for other sources.
    [[nodiscard]] Outcome finish();

    Context* context_;
    std::string name_;
    mio::Token token_;
    mio::RawSource source_;
};

} // namespace probe
