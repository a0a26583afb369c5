#include <array>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

import mio;
import mio.async;

using namespace mio::async;
using namespace std::literals;

struct Surroundings {
    TcpStream& stream;
    TcpListener& listener;
    Loop& loop;
    Pool& pool;
    Scope& scope;
    std::span<std::byte> buffer;
    std::function<void(std::string_view)> reader;
};

Task<> echo(TcpStream client); // of the first snippet
