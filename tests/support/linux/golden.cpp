#include <sys/epoll.h>

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

#include "golden.hpp"

namespace test {
namespace {

constexpr std::pair<std::string_view, std::uint32_t> flags[] = {
    {"EPOLLIN", EPOLLIN},   {"EPOLLOUT", EPOLLOUT}, {"EPOLLPRI", EPOLLPRI},
    {"EPOLLERR", EPOLLERR}, {"EPOLLHUP", EPOLLHUP}, {"EPOLLRDHUP", EPOLLRDHUP},
};

constexpr std::pair<std::string_view, Readiness> predicates[] = {
    {"R", Readiness::readable},     {"W", Readiness::writable},      {"E", Readiness::error},
    {"RC", Readiness::read_closed}, {"WC", Readiness::write_closed}, {"P", Readiness::priority},
};

template <class Names> auto value_of(const Names& names, const std::string& word) {
    for (const auto& [name, value] : names) {
        if (name == word) return value;
    }
    throw std::runtime_error("golden table: unknown word " + word);
}

GoldenEvent parse(const std::string& line) {
    GoldenEvent event{0, Readiness::none};
    std::istringstream words(line);
    std::string backend;
    std::string times;
    std::string names;
    words >> backend >> times >> names;
    std::istringstream list(names);
    for (std::string name; std::getline(list, name, '|');) event.flags |= value_of(flags, name);
    for (std::string letters; words >> letters;) event.readiness |= value_of(predicates, letters);
    return event;
}

} // namespace

GoldenEvent golden_epoll_event(std::string_view step) {
    std::ifstream file(MIO_GOLDEN_TABLE);
    std::string line;
    while (line != step && std::getline(file, line)) {
    }
    while (std::getline(file, line) && line.starts_with(' ')) {
        if (line.starts_with("  epoll ")) return parse(line);
    }
    throw std::runtime_error("golden table: no event of epoll for " + std::string(step));
}

} // namespace test
