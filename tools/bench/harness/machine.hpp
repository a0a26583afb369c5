#pragma once

#include <nlohmann/json.hpp>

namespace bench {

/// Where and with what this is measured, and how busy the machine is besides.
nlohmann::ordered_json machine();

} // namespace bench
