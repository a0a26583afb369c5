/// @file
/// How mio-probe ends, and what it throws on the way there.

module;

#include <expected>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

export module probe.failure;

import mio;

namespace probe {

/// What mio-probe tells the shell.
export enum class ExitStatus : int {
    done = 0,    ///< done, and everything was as expected
    differs = 1, ///< something is not as documented, or not as it should be
    usage = 2,   ///< the command line was wrong
    refused = 3, ///< the OS refused
};

/// Thrown when the command line is wrong; `message` is one line that names the argument.
export struct WrongUsage {
    std::string message;
};

/// A call that the OS refused; thrown where that ends what was to be done.
export struct Refused {
    std::string call;        ///< "bind", and what it was for where that is not plain
    std::error_code error;   ///< none if the call succeeded and gave something of no use
    std::string explanation; ///< what follows, or what to do, if the error does not say it
};

/// The text of an error and its name, for example "Connection refused (ECONNREFUSED)".
export std::string error_text(const std::error_code& error);

/// All of it in one line: "bind: Permission denied (EACCES); the explanation".
export std::string message_of(const Refused& refused);

/// The value of a result; throws `Refused` with the name of the call when there is none.
export template <class T> T must(mio::Result<T> result, std::string_view call) {
    if (!result) throw Refused{std::string(call), result.error(), {}};
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

} // namespace probe
