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

#include <nlohmann/json.hpp>

module probe.watch.log;

import mio;
import probe.failure;
import probe.output;
import probe.predicates;
import probe.watch.dump;

namespace probe {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t time_width = 12; // "12345.123456", a good three hours

std::int64_t microseconds(Clock::duration time) {
    return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

std::string seconds(std::int64_t us) {
    const auto fraction = std::to_string(us % 1'000'000);
    const auto text = std::to_string(us / 1'000'000) + '.' + std::string(6 - fraction.size(), '0') + fraction;
    return std::string(time_width > text.size() ? time_width - text.size() : 0, ' ') + text;
}

Json json_line(std::int64_t us, std::string_view source, std::string_view kind) {
    return {{"time_us", us}, {"source", source}, {"kind", kind}};
}

std::string dumped(const Json& json) {
    // What was read need not be UTF-8, nor a path.
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

} // namespace

Log::Log(Output& output, LogFormat format) : output_(output), format_(format) {}

void Log::event(Clock::time_point time, std::string_view source, const mio::Event& event) {
    if (format_.json) {
        auto json = json_line(microseconds(time - start_), source, "event");
        json["readiness"] = names(event.readiness());
        json["raw"] = describe(event);
        json["flags"] = event.raw_flags();
        output_.write(dumped(json));
    } else {
        line(time, source,
             output_.styled(in_places(event.readiness()), Style::good) + "  " + describe(event));
    }
}

void Log::remark(std::string_view source, std::string_view kind, std::string_view text,
                 const std::vector<Field>& fields) {
    const auto time = Clock::now();
    if (format_.json) {
        auto json = json_line(microseconds(time - start_), source, kind);
        for (const auto& [name, value] : fields) {
            std::visit([&json, &name](const auto& v) { json[std::string(name)] = v; }, value);
        }
        output_.write(dumped(json));
    } else {
        line(time, source, text);
    }
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
    remark(source, "error", output_.styled(text, Style::bad),
           {{"call", refused.call},
            {"error", text},
            {"code", static_cast<std::uint64_t>(refused.error.value())}});
}

void Log::line(Clock::time_point time, std::string_view source, std::string_view text) {
    std::string lines;
    if (std::exchange(is_empty_, false)) {
        lines = output_.styled(std::string(time_width - 7, ' ') + "seconds  "
                                   + padded("source", format_.source_width) + "  "
                                   + std::string(predicate_places) + "  raw record",
                               Style::strong)
                + '\n';
    }
    lines += output_.styled(seconds(microseconds(time - start_)), Style::faint) + "  "
             + output_.styled(padded(source, format_.source_width), Style::accent) + "  " + std::string(text)
             + '\n';
    output_.write(lines);
}

// A further row of what the line above began.
std::string Log::continuation(std::string_view text) const {
    return std::string(time_width + 2 + format_.source_width + 2 + 2, ' ') + std::string(text) + '\n';
}

} // namespace probe
