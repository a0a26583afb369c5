/// @file
/// How the library reports failure: a value or an error code, never an exception.

export module mio.core.error;

import mio.std;

namespace mio {

/// What a fallible call returns: a `T`, or the reason why there is none.
///
/// The code is the operating system's own, in `os_category()`, unless the library itself refused the call, in
/// which case it is an `Errc`. Compare with `std::errc`, or with the predicates below, and the program is
/// portable.
export template <class T = void> using Result = std::expected<T, std::error_code>;

/// Why the library itself refused a call. Each has a `std::errc` with which it compares equal.
export enum class Errc {
    already_registered = 1, ///< the source is registered already (`std::errc::file_exists`)
    not_registered,         ///< the source is not registered (`no_such_file_or_directory`)
    other_registry,         ///< the source is registered with another `Poll` (`file_exists`)
    no_capacity,            ///< `poll` was given an `Events` of capacity 0 (`invalid_argument`)
    invalid_address,        ///< the text is not an address, or the OS gave one of another family
                            ///< (`invalid_argument`)
    path_too_long,          ///< the path does not fit a Unix socket address (`filename_too_long`)
    interior_nul,           ///< the path or name contains a NUL (`invalid_argument`)
    unsupported,            ///< this backend or system cannot do that (`operation_not_supported`)
};

/// The category of `Errc`, named "mio".
export const std::error_category& error_category() noexcept;

/// The category of the operating system's own codes: `errno` values on Unix (it is `std::system_category()`
/// there), Win32 and Winsock codes on Windows. Each code compares equal to the `std::errc` that means the
/// same.
export const std::error_category& os_category() noexcept;

/// The code in `os_category()` that compares equal to `condition`: for what the library finds out itself, but the
/// operating system would report. Which of several codes of Windows it is, is not specified.
export std::error_code os_error(std::errc condition) noexcept;

/// Lets an `Errc` turn into a `std::error_code` by itself.
export std::error_code make_error_code(Errc) noexcept;

/// True if the call would have had to wait: not a failure, the answer "wait for the next event".
export bool would_block(const std::error_code&) noexcept;

/// True if a signal handler ran during the call; see `Poll::poll`.
export bool interrupted(const std::error_code&) noexcept;

/// True if a connection attempt was started and goes on in the background. (On Windows the same answer as "would
/// block".)
export bool in_progress(const std::error_code&) noexcept;

} // namespace mio

template <> struct std::is_error_code_enum<mio::Errc> : std::true_type {};
