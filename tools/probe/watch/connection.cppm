/// @file
/// Watching a stream socket: one that is to be made, or one that was accepted.

module;

#include <optional>
#include <string>
#include <system_error>
#include <vector>

export module probe.watch.connection;

import mio;
import probe.watch.options;
import probe.watch.source;

namespace probe {

/// A connection of `Protocol`. See `probe.watch.source` for its members.
export template <class Protocol> class Connection {
  public:
    using Address = Protocol::Address;
    using Stream = Protocol::Stream;

    /// One to be made to the first of `addresses` that accepts it; there is at least one.
    Connection(Context& context, std::string name, std::vector<Address> addresses);
    /// One that is established.
    Connection(Context& context, std::string name, Stream stream);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] mio::Token token() const noexcept { return token_; }
    [[nodiscard]] Outcome start();
    [[nodiscard]] mio::Result<> rearm();
    [[nodiscard]] Outcome handle(const mio::Event& event);
    [[nodiscard]] Outcome resume();

  private:
    [[nodiscard]] Outcome connect_to_next();
    [[nodiscard]] Outcome connect();
    [[nodiscard]] mio::Result<> try_connect();
    [[nodiscard]] Outcome connect_failed(const std::error_code& error);
    [[nodiscard]] Outcome retry_later(const std::error_code& error);
    [[nodiscard]] mio::Interest interest() const;
    [[nodiscard]] mio::Result<> add();
    void set_connected();
    void take_urgent_byte();

    Context* context_;
    std::string name_;
    mio::Token token_;
    std::vector<Address> addresses_; // to be tried yet, the next one last
    std::optional<Address> peer_;    // none if it was accepted
    Stream stream_;
    bool is_connecting_;
    bool has_to_retry_ = false;
};

} // namespace probe
