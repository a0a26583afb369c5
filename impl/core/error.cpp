module mio.core.error;

import mio.std;

namespace mio {
namespace {

class ErrorCategory final : public std::error_category {
  public:
    const char* name() const noexcept override { return "mio"; }

    std::string message(int value) const override {
        switch (static_cast<Errc>(value)) {
        case Errc::already_registered: return "source already registered";
        case Errc::not_registered: return "source not registered";
        case Errc::other_registry: return "source registered with another Poll";
        case Errc::no_capacity: return "no capacity for events";
        case Errc::invalid_address: return "invalid address";
        case Errc::path_too_long: return "path too long for a socket address";
        case Errc::interior_nul: return "path or name contains a NUL";
        case Errc::unsupported: return "not supported by this backend or system";
        case Errc::end_of_stream: return "end of stream";
        }
        return "unknown mio error " + std::to_string(value);
    }

    std::error_condition default_error_condition(int value) const noexcept override {
        switch (static_cast<Errc>(value)) {
        case Errc::already_registered: return std::errc::file_exists;
        case Errc::not_registered: return std::errc::no_such_file_or_directory;
        case Errc::other_registry: return std::errc::file_exists;
        case Errc::no_capacity: return std::errc::invalid_argument;
        case Errc::invalid_address: return std::errc::invalid_argument;
        case Errc::path_too_long: return std::errc::filename_too_long;
        case Errc::interior_nul: return std::errc::invalid_argument;
        case Errc::unsupported: return std::errc::operation_not_supported;
        case Errc::end_of_stream: return std::errc::no_message;
        }
        return {value, *this};
    }
};

} // namespace

const std::error_category& error_category() noexcept {
    static const ErrorCategory category;
    return category;
}

std::error_code make_error_code(Errc code) noexcept { return {static_cast<int>(code), error_category()}; }

} // namespace mio
