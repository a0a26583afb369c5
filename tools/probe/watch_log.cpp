#include "watch.hpp"

namespace probe {

namespace {

// ASCII alone: other bytes may mean something to a terminal.
bool is_printable(char c) { return c >= ' ' && c <= '~'; }

std::string escaped(char c) {
    switch (c) {
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    case '\\': return "\\\\";
    default: return is_printable(c) ? std::string(1, c) : "\\x" + hex(static_cast<unsigned char>(c), 2);
    }
}

std::string hex_row(std::size_t offset, std::string_view bytes, std::size_t width) {
    std::string row = hex(offset, 8);
    for (std::size_t i = 0; i < width; ++i) {
        row += i % 8 == 0 ? "  " : " ";
        row += i < bytes.size() ? hex(static_cast<unsigned char>(bytes[i]), 2) : "  ";
    }
    row += "  |";
    for (const char c : bytes) row += is_printable(c) ? c : '.';
    return row + '|';
}

std::string plain_text(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::vector<std::string> text_rows(std::span<const std::byte> bytes) {
    std::vector<std::string> rows;
    bool starts_row = true;
    for (const char c : plain_text(bytes)) {
        if (starts_row) rows.emplace_back();
        rows.back() += escaped(c);
        starts_row = c == '\n';
    }
    return rows;
}

std::vector<std::string> hex_rows(std::span<const std::byte> bytes) {
    constexpr std::size_t width = 16;
    const auto text = plain_text(bytes);
    std::vector<std::string> rows;
    for (std::size_t offset = 0; offset < text.size(); offset += width) {
        rows.push_back(hex_row(offset, std::string_view(text).substr(offset, width), width));
    }
    return rows;
}

std::string hex_digits(std::span<const std::byte> bytes) {
    std::string digits;
    for (const auto byte : bytes) digits += hex(std::to_integer<std::uint64_t>(byte), 2);
    return digits;
}

constexpr std::size_t time_width = 12; // "12345.123456", a good three hours

std::int64_t microseconds(Clock::duration time) {
    return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

std::string seconds(std::int64_t us) {
    const auto fraction = std::to_string(us % 1'000'000);
    const auto text = std::to_string(us / 1'000'000) + '.' + std::string(6 - fraction.size(), '0') + fraction;
    return std::string(time_width > text.size() ? time_width - text.size() : 0, ' ') + text;
}

} // namespace

Log::Log(Output& output, LogFormat format) : output_(output), format_(format) {}

void Log::write(Clock::time_point time, std::string_view source, std::string_view kind,
                const std::string& text, const std::vector<Field>& fields) {
    if (format_.json) {
        output_.write(json_line(microseconds(time - start_), source, kind, fields));
    } else {
        line(time, source, text);
    }
}

void Log::event(Clock::time_point time, std::string_view source, const mio::Event& event) {
    const auto raw = describe(event);
    write(time, source, "event", output_.styled(letter_columns(event.readiness()), Style::good) + "  " + raw,
          {{"readiness", names(event.readiness())}, {"raw", raw}, {"flags", event.raw_flags()}});
}

void Log::remark(std::string_view source, std::string_view kind, std::string_view text,
                 const std::vector<Field>& fields) {
    write(Clock::now(), source, kind, visible(text), fields);
}

void Log::data(std::string_view source, std::span<const std::byte> bytes,
               const std::optional<std::string>& sender) {
    const auto amount = "read " + std::to_string(bytes.size()) + (bytes.size() == 1 ? " byte" : " bytes")
                        + (sender ? " from " + *sender : "");
    if (format_.json) {
        std::vector<Field> fields{{"bytes", std::uint64_t{bytes.size()}}};
        if (sender) fields.emplace_back("from", *sender);
        fields.push_back(format_.hex ? Field{"hex", hex_digits(bytes)} : Field{"text", plain_text(bytes)});
        remark(source, "read", amount, fields);
        return;
    }
    remark(source, "read", amount);
    for (const auto& row : format_.hex ? hex_rows(bytes) : text_rows(bytes)) output_.write(continuation(row));
}

void Log::failure(std::string_view source, const Refused& refused) {
    const auto text = message_of(refused);
    write(Clock::now(), source, "error", output_.styled(visible(text), Style::bad),
          {{"call", refused.call},
           {"error", text},
           {"code", static_cast<std::uint64_t>(refused.error.value())}});
}

void Log::line(Clock::time_point time, std::string_view source, std::string_view text) {
    std::string lines;
    if (std::exchange(is_empty_, false)) {
        lines = output_.styled(std::string(time_width - 7, ' ') + "seconds  "
                                   + padded("source", format_.source_width) + "  "
                                   + std::string(predicate_columns) + "  raw record",
                               Style::strong)
                + '\n';
    }
    lines += output_.styled(seconds(microseconds(time - start_)), Style::faint) + "  "
             + output_.styled(padded(visible(source), format_.source_width), Style::accent) + "  "
             + std::string(text) + '\n';
    output_.write(lines);
}

// A further row of what the line above began.
std::string Log::continuation(std::string_view text) const {
    return std::string(time_width + 2 + format_.source_width + 2 + 2, ' ') + std::string(text) + '\n';
}

} // namespace probe
