// Many headers, including the heavy ones that the interface includes, then two modules, one of which re-exports the
// other.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <compare>
#include <concepts>
#include <expected>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <regex>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include <errno.h>
#include <stdio.h>
#include <sys/types.h>
#if __has_include(<gtest/gtest.h>)
#include <gtest/gtest.h>
#endif

import mio;
import greeter;

int with_many_headers() {
    std::unordered_set<mio::Token> tokens{{1}, {2}, {1}};
    std::map<mio::net::SocketAddress, std::string> names{{{mio::net::IpAddress::loopback_v4(), 80}, "here"}};
    const std::error_code code = mio::Errc::interior_nul;
    std::ostringstream text;
    text << tokens.size() << ' ' << names.begin()->first.to_string() << ' ' << code.category().name();
    return text.str() == "2 127.0.0.1:80 mio" ? 0 : 1;
}
