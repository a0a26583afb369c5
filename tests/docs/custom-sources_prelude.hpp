#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <sys/eventfd.h>
#include <unistd.h>

#include "tcp.hpp"

import mio;

namespace {

struct Surroundings {
    const mio::Registry& registry;
    mio::Token token;
    mio::net::TcpStream& stream;
    mio::net::TcpListener& listener;
    int fd;
    std::function<void(std::string_view)> reader = [](std::string_view) {};
};

} // namespace
