/// @file
/// Conversion of the flags of an OS record to text. Internal.

module;

export module mio.sys.flag_names;

import mio.std;

namespace mio::sys {

export struct FlagName {
    std::uint32_t flag;
    const char* name;
};

/// Appends `name` after a '|'.
export void append_name(std::string& text, const std::string& name) {
    if (!text.empty()) text += '|';
    text += name;
}

/// The names in `names` whose flags are set in `flags`, for example "EPOLLIN|EPOLLRDHUP"; empty if none.
export std::string join_names(std::span<const FlagName> names, std::uint32_t flags) {
    std::string text;
    for (const auto& [flag, name] : names) {
        if ((flags & flag) != 0) append_name(text, name);
    }
    return text;
}

/// Text for a record without flags.
export inline constexpr const char* no_flags = "(empty)";

/// The same as `join_names`, but `no_flags` if there are none.
export std::string describe_flags(std::span<const FlagName> names, std::uint32_t flags) {
    auto text = join_names(names, flags);
    if (text.empty()) text = no_flags;
    return text;
}

} // namespace mio::sys
