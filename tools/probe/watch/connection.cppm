/// @file
/// Watching a TCP connection: one that is to be made, or one that was accepted.

module;

#include <string>
#include <system_error>
#include <vector>

export module probe.watch.connection;

import mio;
import probe.watch.options;
import probe.watch.source;

namespace probe {

/// A TCP connection. See `probe.watch.source` for its members.
export class Connection {
  public:
    /// One to be made to the first of `addresses` that accepts it; there is at least one.
    Connection(Context& context, std::string name, std::vector<mio::net::SocketAddress> addresses);
    /// One that is established.
    Connection(Context& context, std::string name, mio::net::TcpStream stream);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] mio::Token token() const noexcept { return token_; }
    [[nodiscard]] Outcome start();
    [[nodiscard]] mio::Result<> rearm();
    [[nodiscard]] Outcome handle(const mio::Event& event);
    [[nodiscard]] Outcome resume();

  private:
    [[nodiscard]] Outcome connect_to_next();
    [[nodiscard]] mio::Result<> connect();
    [[nodiscard]] Outcome connect_failed(const std::error_code& error);
    [[nodiscard]] mio::Interest interest() const;
    [[nodiscard]] mio::Result<> add();
    void log_connected();
    void take_urgent_byte();

    Context* context_;
    std::string name_;
    mio::Token token_;
    std::vector<mio::net::SocketAddress> addresses_; // to be tried yet, the next one last
    mio::net::SocketAddress peer_;
    mio::net::TcpStream stream_;
    bool is_connecting_;
};

} // namespace probe
