/// @file
/// Error reporting: `Result`, the library's error codes and their categories.

export module mio.core.error;

import mio.std;

namespace mio {

/// The result of a fallible call: a `T`, or an error code.
///
/// The code is the operating system's own, in `os_category()`. If the library itself refuses the call, the
/// code is an `Errc`. Portable programs compare it with `std::errc`, or use the predicates below.
export template <class T = void> using Result = std::expected<T, std::error_code>;

/// Errors that the library itself reports. Each compares equal to the `std::errc` named beside it.
export enum class Errc {
    already_registered = 1, ///< the source is already registered (`std::errc::file_exists`)
    not_registered,         ///< the source is not registered (`no_such_file_or_directory`)
    other_registry,         ///< the source is registered with another `Poll` (`file_exists`)
    no_capacity,            ///< the `Events` passed to `poll` has capacity 0 (`invalid_argument`)
    invalid_address,        ///< the text is not an address, or the OS returned one of another family
                            ///< (`invalid_argument`)
    path_too_long,          ///< the path does not fit a Unix socket address (`filename_too_long`)
    interior_nul,           ///< the path or name contains a NUL (`invalid_argument`)
    unsupported,            ///< not supported by this backend or system (`operation_not_supported`)
    end_of_stream,          ///< the stream or channel ended before the operation was complete
                            ///< (`no_message`)
};

/// The category of `Errc`, named "mio".
export const std::error_category& error_category() noexcept;

/// The category of the operating system's own codes. On POSIX systems it is `std::system_category()`, whose
/// codes are `errno` values. On Windows its codes are Win32 and Winsock codes. Each code compares equal to
/// the `std::errc` that means the same.
export const std::error_category& os_category() noexcept;

/// A code in `os_category()` that compares equal to `condition`. The library uses it for an error that it
/// detects itself but that the operating system would report. If several Windows codes match, the choice is
/// unspecified.
export std::error_code os_error(std::errc condition) noexcept;

/// Converts an `Errc` to a `std::error_code`; makes the implicit conversion work.
export std::error_code make_error_code(Errc) noexcept;

/// True if the call would have blocked. This is not a failure: retry after the next event.
export bool would_block(const std::error_code&) noexcept;

/// True if a signal handler ran during the call; see `Poll::poll`.
export bool interrupted(const std::error_code&) noexcept;

/// An error type that can say whether it means would-block: `would_block(error)` is valid for it, found by
/// argument-dependent lookup or through a conversion to `std::error_code`; or it compares with `std::errc`, as
/// `std::error_code`, `std::error_condition` and `std::errc` do.
export template <class E>
concept BlockingError = requires(const E& error) {
    { would_block(error) } -> std::convertible_to<bool>;
} || requires(const E& error) {
    { error == std::errc::operation_would_block } -> std::convertible_to<bool>;
};

/// Whether `error`, of any such type, means would-block.
export template <BlockingError E> constexpr bool means_would_block(const E& error) {
    if constexpr (requires { would_block(error); }) {
        return static_cast<bool>(would_block(error));
    } else {
        return error == std::errc::operation_would_block
               || error == std::errc::resource_unavailable_try_again;
    }
}

/// True if a connection attempt was started and continues in the background. On Windows, the same as
/// `would_block`.
export bool in_progress(const std::error_code&) noexcept;

} // namespace mio

// Exported, and inside the namespace, because MSVC does not find other specializations in an importer.
export namespace std {
template <> struct is_error_code_enum<mio::Errc> : true_type {};
} // namespace std
