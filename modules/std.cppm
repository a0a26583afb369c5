/// @file
/// Standard library names used by the library.
///
/// Each module that includes a header parses it, and each importer merges the results; this used to take most
/// of the time of a consumer's build. `import std;` would serve the same purpose, but its support in CMake is
/// still experimental. This module is not re-exported.

module;

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <compare>
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <expected>
#include <functional>
#include <initializer_list>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <numeric>
#include <optional>
#include <ratio>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

export module mio.std;

export using ::operator new;
export using ::operator new[];
export using ::operator delete;
export using ::operator delete[];

export namespace std {

using std::byte;
using std::int16_t;
using std::int32_t;
using std::int64_t;
using std::int8_t;
using std::intmax_t;
using std::intptr_t;
using std::ptrdiff_t;
using std::size_t;
using std::uint16_t;
using std::uint32_t;
using std::uint64_t;
using std::uint8_t;
using std::uintmax_t;
using std::uintptr_t;

using std::addressof;
using std::array;
using std::as_bytes;
using std::as_writable_bytes;
using std::expected;
using std::hash;
using std::initializer_list;
using std::make_unique;
using std::make_unique_for_overwrite;
using std::nullopt;
using std::nullopt_t;
using std::optional;
using std::pair;
using std::pico;
using std::ratio;
using std::span;
using std::string;
using std::string_view;
using std::to_string;
using std::unexpected;
using std::unique_ptr;
using std::vector;
using std::wstring_view;

using std::apply;
using std::coroutine_handle;
using std::coroutine_traits;
using std::current_exception;
using std::exception_ptr;
using std::get;
using std::is_nothrow_move_constructible_v;
using std::make_optional;
using std::make_shared;
using std::rethrow_exception;
using std::shared_ptr;
using std::source_location;
using std::suspend_always;
using std::suspend_never;
using std::terminate;
using std::tie;
using std::tuple;
using std::tuple_element;
using std::tuple_size;

using std::bad_alloc;
using std::bad_array_new_length;
using std::errc;
using std::error_category;
using std::error_code;
using std::error_condition;
using std::exa;
using std::generic_category;
using std::is_error_code_enum;
using std::make_error_code;
using std::make_error_condition;
using std::nothrow;
using std::nothrow_t;
using std::system_category;
using std::system_error;
using std::true_type;

using std::align_val_t;
using std::atomic;
using std::atomic_ref;
using std::memory_order;
using std::memory_order_acq_rel;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using std::memory_order_seq_cst;
using std::mutex;
using std::scoped_lock;
using std::unique_lock;

using std::add_pointer_t;
using std::bool_constant;
using std::conditional_t;
using std::construct_at;
using std::constructible_from;
using std::convertible_to;
using std::decay_t;
using std::declval;
using std::derived_from;
using std::destroy_at;
using std::integral;
using std::integral_constant;
using std::invocable;
using std::invoke_result_t;
using std::is_aggregate_v;
using std::is_arithmetic_v;
using std::is_array_v;
using std::is_class_v;
using std::is_constructible_v;
using std::is_enum_v;
using std::is_error_condition_enum;
using std::is_floating_point_v;
using std::is_lvalue_reference_v;
using std::is_pointer_v;
using std::is_reference_v;
using std::is_same_v;
using std::is_trivially_copyable_v;
using std::is_union_v;
using std::is_unsigned_v;
using std::is_void_v;
using std::movable;
using std::remove_cv_t;
using std::remove_cvref_t;
using std::remove_reference_t;
using std::same_as;
using std::signed_integral;
using std::strong_ordering;
using std::unexpect;
using std::unexpect_t;
using std::operator==;
using std::operator<=>;
using std::operator+;

using std::clamp;
using std::copy_n;
using std::end;
using std::exchange;
using std::forward;
using std::gcd;
using std::max;
using std::min;
using std::move;
using std::numeric_limits;
using std::reverse;
using std::size;
using std::swap;

namespace ranges {
using std::ranges::adjacent_find;
using std::ranges::all_of;
using std::ranges::any_of;
using std::ranges::copy;
using std::ranges::equal;
using std::ranges::find;
using std::ranges::is_sorted;
using std::ranges::lower_bound;
} // namespace ranges

namespace chrono {
using std::chrono::ceil;
using std::chrono::duration;
using std::chrono::duration_cast;
using std::chrono::floor;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;
using std::chrono::time_point;
using std::chrono::operator+;
using std::chrono::operator-;
using std::chrono::operator*;
using std::chrono::operator/;
using std::chrono::operator==;
using std::chrono::operator<;
using std::chrono::operator<=;
using std::chrono::operator>;
using std::chrono::operator>=;
using std::chrono::operator<=>;
} // namespace chrono

} // namespace std

#if defined(__GLIBCXX__) && _GLIBCXX_RELEASE < 16
// Operators of libstdc++'s iterators; friends of them in newer versions.
export namespace __gnu_cxx {
using __gnu_cxx::operator==;
using __gnu_cxx::operator<=>;
using __gnu_cxx::operator-;
} // namespace __gnu_cxx
#endif
