/// @file
/// What `mio-probe watch` prints: one line, or one JSON object, for each thing that happens.

module;

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

export module probe.watch.log;

import mio;
import probe.failure;
import probe.output;

namespace probe {

using Clock = std::chrono::steady_clock;

/// A detail of a remark, for programs: a name and a value.
export using Field = std::pair<std::string_view, std::variant<std::string, std::uint64_t>>;

/// How the log is written.
export struct LogFormat {
    bool json = false;
    bool hex = false;             ///< data as a hexadecimal dump instead of text
    std::size_t source_width = 0; ///< of the widest name of a source to expect
};

/// Every line has the time since the log was opened and the name of a source, and is out when the call returns.
export class Log {
  public:
    Log(Output& output, LogFormat format);

    [[nodiscard]] Clock::time_point start() const noexcept { return start_; }

    /// An event as it came, at `time`.
    void event(Clock::time_point time, std::string_view source, const mio::Event& event);

    /// Something that the program did or found out: `text` for people, `kind` and `fields` for programs.
    void remark(std::string_view source, std::string_view kind, std::string_view text,
                const std::vector<Field>& fields = {});

    /// Data that was read; `sender` of a datagram.
    void data(std::string_view source, std::span<const std::byte> bytes,
              const std::optional<std::string>& sender = std::nullopt);

    /// A call that failed, or an error that was pending.
    void failure(std::string_view source, const Refused& refused);

  private:
    void line(Clock::time_point time, std::string_view source, std::string_view text);
    [[nodiscard]] std::string continuation(std::string_view text) const;

    Output& output_;
    LogFormat format_;
    bool is_empty_ = true;
    Clock::time_point start_ = Clock::now();
};

} // namespace probe
