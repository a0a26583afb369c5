/// @file
/// Watching a TCP listener, which brings forth connections.

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

/// A TCP listener. See `probe.watch.source` for its members.
export class Listener {
  public:
    Listener(Context& context, std::string name, mio::net::SocketAddress address);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] mio::Token token() const noexcept { return token_; }
    [[nodiscard]] Outcome start();
    [[nodiscard]] mio::Result<> rearm();
    [[nodiscard]] Outcome handle(const mio::Event& event);
    [[nodiscard]] Outcome resume();

    /// The connections accepted since the last call, not started yet.
    [[nodiscard]] std::vector<Connection> take_accepted() { return std::exchange(accepted_, {}); }

  private:
    void welcome(mio::net::TcpStream stream, const mio::net::SocketAddress& peer);
    [[nodiscard]] Outcome retry_later(const std::error_code& error);

    Context* context_;
    std::string name_;
    mio::Token token_;
    mio::net::SocketAddress address_;
    mio::net::TcpListener listener_;
    std::vector<Connection> accepted_;
    std::error_code reported_; // why accepting fails at present, if it does
};

} // namespace probe
