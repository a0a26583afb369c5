module;

#include <coroutine>
#include <cstddef>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>

module mio.async.loop;

namespace mio::async {
namespace {

void append_place(std::string& text, const std::source_location& place) {
    std::string_view file = place.file_name();
    if (const auto slash = file.find_last_of("/\\"); slash != std::string_view::npos)
        file.remove_prefix(slash + 1);
    text += file;
    text += ':';
    text += std::to_string(place.line());
}

void append(std::string& text, const Scope& scope) {
    scope.for_each_hook([&](const Hook& hook) {
        if (hook.kind != Hook::Kind::operation) {
            append(text, Scope::of(hook));
            return;
        }
        if (hook.frame == nullptr) return; // of `within`
        text += hook.name;
        std::string_view separator = " at ";
        for (const Frame* frame = hook.frame; frame != nullptr; frame = frame->parent) {
            text += separator;
            append_place(text, frame->where);
            separator = " in ";
        }
        text += '\n';
    });
}

} // namespace

std::string dump(const Loop& loop) {
    std::string text;
    append(text, loop.core().root());
    return text;
}

} // namespace mio::async
