#pragma once

#include <nlohmann/json.hpp>

namespace bench {

/// The machine, the compiler and the current load.
nlohmann::ordered_json machine();

} // namespace bench
