#include "watch.hpp"

namespace probe {

namespace {

// ASCII only: a dump shows bytes.
bool is_printable(char c) { return c >= ' ' && c <= '~'; }

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

// Lines of the text; unprintable characters are escaped.
std::string escaped(std::string_view text) {
    std::string safe;
    for (const char c : text) {
        switch (c) {
        case '\n': safe += "\\n"; break;
        case '\r': safe += "\\r"; break;
        case '\t': safe += "\\t"; break;
        case '\\': safe += "\\\\"; break;
        default: safe += c;
        }
    }
    return visible(safe);
}

std::vector<std::string> text_rows(std::string_view text, std::size_t width) {
    std::vector<std::string> rows;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size() - 1) + 1;
        std::ranges::move(chunks(escaped(text.substr(0, end)), width), std::back_inserter(rows));
        text.remove_prefix(end);
    }
    return rows;
}

std::vector<std::string> hex_rows(std::string_view text, std::size_t room) {
    std::size_t width = 16;
    while (width > 4 && hex_row(0, "", width).size() + width > room) width /= 2;
    std::vector<std::string> rows;
    for (std::size_t offset = 0; offset < text.size(); offset += width)
        rows.push_back(hex_row(offset, text.substr(offset, width), width));
    return rows;
}

std::string hex_digits(std::span<const std::byte> bytes) {
    std::string digits;
    for (const auto byte : bytes) digits += hex(std::to_integer<std::uint64_t>(byte), 2);
    return digits;
}

std::int64_t microseconds(Clock::duration time) {
    return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

std::string six_digits(std::int64_t number) {
    const auto text = std::to_string(number);
    return std::string(6 - text.size(), '0') + text;
}

// "12345.123456", a good three hours
constexpr std::size_t seconds_width = 12;
// "23:59:59.123456"
constexpr std::size_t day_width = 15;

std::string seconds(std::int64_t us) {
    const auto text = std::to_string(us / 1'000'000) + '.' + six_digits(us % 1'000'000);
    return std::string(seconds_width > text.size() ? seconds_width - text.size() : 0, ' ') + text;
}

using Day = std::chrono::system_clock;

std::string formatted(const char* format, const std::tm* parts, Day::time_point time) {
    if (parts == nullptr) return {};
    char text[64];
    const auto size = std::strftime(text, sizeof text, format, parts);
    const auto us =
        std::chrono::floor<std::chrono::microseconds>(time.time_since_epoch()).count() % 1'000'000;
    return std::string(text, size) + '.' + six_digits(us);
}

std::string local_time(Day::time_point time) {
    const auto whole = Day::to_time_t(time);
    return formatted("%H:%M:%S", std::localtime(&whole), time);
}

std::string utc_time(Day::time_point time) {
    const auto whole = Day::to_time_t(time);
    return formatted("%Y-%m-%dT%H:%M:%S", std::gmtime(&whole), time) + 'Z';
}

// Below this many columns, a text is printed under its source.
constexpr std::size_t least_text = 32;
constexpr std::size_t narrow_indent = 4;
constexpr std::uint64_t shown_by_default = 1024;

} // namespace

Log::Log(Output& output, LogFormat format) : output_(output), format_(format) {}

void Log::write(Clock::time_point time, std::string_view source, std::string_view kind, const Text& text,
                const std::vector<Field>& fields) {
    if (format_.json) {
        const auto day = start_of_day_ + std::chrono::duration_cast<Day::duration>(time - start_);
        output_.write(json_line(microseconds(time - start_), utc_time(day), source, kind, fields));
    } else {
        line(time, source, text);
    }
}

void Log::event(Clock::time_point time, std::string_view source, const mio::Event& event) {
    const auto raw = describe(event);
    write(time, source, "event", {raw, Style::plain, letter_columns(event.readiness())},
          {{"readiness", names(event.readiness())}, {"raw", raw}, {"flags", event.raw_flags()}});
}

void Log::remark(std::string_view source, std::string_view kind, std::string_view text,
                 const std::vector<Field>& fields) {
    write(Clock::now(), source, kind, {std::string(text)}, fields);
}

void Log::data(std::string_view source, std::span<const std::byte> bytes,
               const std::optional<std::string>& sender) {
    const auto most = format_.shown.value_or(format_.json ? bytes.size() : shown_by_default);
    const auto shown = bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), most)));
    const auto amount = "read " + std::to_string(bytes.size()) + (bytes.size() == 1 ? " byte" : " bytes")
                        + (sender ? " from " + *sender : "");
    if (format_.json) {
        std::vector<Field> fields{{"bytes", std::uint64_t{bytes.size()}}};
        if (shown.size() < bytes.size()) fields.emplace_back("shown", std::uint64_t{shown.size()});
        if (sender) fields.emplace_back("from", *sender);
        fields.push_back(format_.hex ? Field{"hex", hex_digits(shown)} : Field{"text", plain_text(shown)});
        remark(source, "read", amount, fields);
        return;
    }
    remark(source, "read", amount);
    const auto indent = data_indent();
    const auto room = output_.width() > indent ? output_.width() - indent : 1;
    const auto text = plain_text(shown);
    for (const auto& row : format_.hex ? hex_rows(text, room) : text_rows(text, room))
        output_.write(std::string(indent, ' ') + row + '\n');
    if (shown.size() < bytes.size()) {
        const auto rest = bytes.size() - shown.size();
        output_.write(
            std::string(indent, ' ')
            + output_.styled("... " + std::to_string(rest) + (rest == 1 ? " more byte" : " more bytes"),
                             Style::faint)
            + '\n');
    }
}

void Log::failure(std::string_view source, const Refused& refused) {
    const auto text = message_of(refused);
    write(Clock::now(), source, "error", {text, Style::bad},
          {{"call", refused.call},
           {"error", text},
           {"code", static_cast<std::uint64_t>(refused.error.value())}});
}

std::size_t Log::time_width() const noexcept {
    return format_.time_style == TimeStyle::absolute ? day_width : seconds_width;
}

// Indented further than the text of the line above.
std::size_t Log::data_indent() const noexcept {
    if (is_narrow(format_.source_width)) return narrow_indent;
    return time_width() + 2 + format_.source_width + 2 + 2;
}

bool Log::is_narrow(std::size_t source_width) const noexcept {
    return time_width() + 2 + source_width + 2 + least_text > output_.width();
}

std::string Log::time_text(Clock::time_point time) {
    const auto before = std::exchange(last_, time);
    switch (format_.time_style) {
    case TimeStyle::elapsed: return seconds(microseconds(time - start_));
    case TimeStyle::delta: return seconds(microseconds(std::max(time - before, Clock::duration::zero())));
    case TimeStyle::absolute:
        return local_time(start_of_day_ + std::chrono::duration_cast<Day::duration>(time - start_));
    }
    std::unreachable();
}

std::string Log::head() const {
    const std::string_view name = format_.time_style == TimeStyle::elapsed ? "seconds"
                                  : format_.time_style == TimeStyle::delta ? "delta"
                                                                           : "time";
    const auto time = std::string(time_width() - name.size(), ' ') + std::string(name) + "  ";
    const auto columns = std::string(predicate_columns) + "  raw record";
    if (!is_narrow(format_.source_width))
        return output_.styled(time + padded("source", format_.source_width) + "  " + columns, Style::strong)
               + '\n';
    return output_.styled(time + "source", Style::strong) + '\n'
           + output_.styled(std::string(narrow_indent, ' ') + columns, Style::strong) + '\n';
}

void Log::line(Clock::time_point time, std::string_view source, const Text& text) {
    std::string lines;
    if (std::exchange(is_empty_, false)) lines = head();
    const auto name = visible(source);
    const auto width = std::max(format_.source_width, width_of(name));
    const auto moment = output_.styled(time_text(time), Style::faint);
    auto indent = time_width() + 2 + width + 2;
    if (is_narrow(width)) {
        indent = narrow_indent;
        lines += moment + "  " + output_.styled(name, Style::accent) + '\n' + std::string(indent, ' ');
    } else {
        lines += moment + "  " + output_.styled(padded(name, format_.source_width), Style::accent) + "  ";
    }
    if (!text.predicates.empty()) {
        lines += output_.styled(text.predicates, Style::good) + "  ";
        indent += text.predicates.size() + 2;
    }
    const auto room = output_.width() > indent ? output_.width() - indent : 1;
    bool is_first = true;
    for (const auto& part : wrapped(visible(text.text), room)) {
        if (!std::exchange(is_first, false)) lines += std::string(indent, ' ');
        lines += output_.styled(part, text.style) + '\n';
    }
    output_.write(lines);
}

} // namespace probe
