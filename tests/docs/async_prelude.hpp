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
using namespace std::chrono_literals;

struct Surroundings {
    TcpStream& stream;
    TcpListener& listener;
    Loop& loop;
    Pool& pool;
};

Task<> echo(TcpStream client); // of the first snippet
