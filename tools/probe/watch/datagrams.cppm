/// @file
/// Watching a socket for datagrams.

module;

#include <string>

export module probe.watch.datagrams;

import mio;
import probe.watch.source;

namespace probe {

/// A UDP socket that is bound and not connected. See `probe.watch.source` for its members.
export class Datagrams {
  public:
    Datagrams(Context& context, std::string name, mio::net::SocketAddress address);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] mio::Token token() const noexcept { return token_; }
    [[nodiscard]] Outcome start();
    [[nodiscard]] mio::Result<> rearm();
    [[nodiscard]] Outcome handle(const mio::Event& event);
    [[nodiscard]] Outcome resume();

  private:
    [[nodiscard]] mio::Interest interest() const;

    Context* context_;
    std::string name_;
    mio::Token token_;
    mio::net::SocketAddress address_;
    mio::net::UdpSocket socket_;
};

} // namespace probe
