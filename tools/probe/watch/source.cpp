module;

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

module probe.watch.source;

import mio;
import probe.failure;
import probe.watch.log;

namespace probe {
namespace {

constexpr std::size_t most_in_one_turn = std::size_t{64} * 1024;

} // namespace

Drained drain(Context& context, std::string_view source,
              const std::function<mio::Result<std::size_t>(std::span<std::byte>)>& read) {
    std::vector<std::byte> buffer(most_in_one_turn);
    std::size_t filled = 0;
    mio::Result<std::size_t> last = 0;
    while (filled < buffer.size()) {
        last = read(std::span(buffer).subspan(filled));
        if (!last || *last == 0) break;
        filled += *last;
    }
    if (filled != 0) context.log.data(source, std::span(buffer).first(filled));
    if (filled == buffer.size()) return Drained::more;
    if (last) {
        context.log.remark(source, "end", "end of stream");
        return Drained::ended;
    }
    if (mio::would_block(last.error())) return Drained::blocked;
    context.log.failure(source, {"read", last.error(), {}});
    return Drained::failed;
}

Outcome outcome_of(Drained drained) {
    switch (drained) {
    case Drained::blocked: return wait_for_event();
    case Drained::more: return resume_soon();
    case Drained::ended:
    case Drained::failed: return finished();
    }
    return finished();
}

} // namespace probe
