module mio.async.loop;

import mio.std;

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

void append_operation(std::string& text, const Hook& hook) {
    if (hook.frame == nullptr) return; // of `within`
    text += hook.name;
    std::string_view separator = " at ";
    for (const Frame* frame = hook.frame; frame != nullptr; frame = frame->parent) {
        text += separator;
        append_place(text, frame->where);
        separator = " in ";
    }
    text += '\n';
}

} // namespace

std::string dump(const Loop& loop) {
    std::string text;
    // Without recursion, since scopes may be nested deeply: `pending` is a stack.
    std::vector<const Hook*> pending;
    const auto push = [&pending](const Scope& scope) {
        const auto first = static_cast<std::ptrdiff_t>(pending.size());
        scope.for_each_hook([&pending](const Hook& hook) { pending.push_back(&hook); });
        std::reverse(pending.begin() + first, pending.end());
    };
    push(loop.core().root());
    while (!pending.empty()) {
        const Hook& hook = *pending.back();
        pending.pop_back();
        if (hook.kind == Hook::Kind::operation)
            append_operation(text, hook);
        else
            push(Scope::of(hook));
    }
    return text;
}

} // namespace mio::async
