/// @file
/// Watching a listener, which brings forth connections.

module;

#include <string>
#include <system_error>
#include <utility>
#include <vector>

export module probe.watch.listener;

import mio;
import probe.watch.connection;
import probe.watch.source;

namespace probe {

/// A listener of `Protocol`. See `probe.watch.source` for its members.
export template <class Protocol> class Listener {
  public:
    using Address = Protocol::Address;
    using Stream = Protocol::Stream;

    Listener(Context& context, std::string name, Address address);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] mio::Token token() const noexcept { return token_; }
    [[nodiscard]] Outcome start();
    [[nodiscard]] mio::Result<> rearm();
    [[nodiscard]] Outcome handle(const mio::Event& event);
    [[nodiscard]] Outcome resume();

    /// The connections accepted since the last call, not started yet.
    [[nodiscard]] std::vector<Connection<Protocol>> take_accepted() { return std::exchange(accepted_, {}); }

  private:
    void welcome(Stream stream, const Address& peer);
    [[nodiscard]] Outcome retry_later(const std::error_code& error);

    Context* context_;
    std::string name_;
    mio::Token token_;
    Address address_;
    Protocol::Listener listener_;
    Protocol::Residue residue_; // after the listener: it goes first
    std::vector<Connection<Protocol>> accepted_;
    std::error_code reported_; // why accepting fails at present, if it does
};

} // namespace probe
