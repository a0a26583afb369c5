#include "bench.hpp"

namespace probe::bench {

// There is no bare loop of this backend to compare with.
Rounds bare_rounds() { return {}; }

} // namespace probe::bench
