// replay NAME CORPUS [ROUNDS [PREFIXES]]: plays the files of a corpus, prefixes of them, and random changes of each, without
// libFuzzer. The changes are the same in every run. Ends with a crash at the first input that breaks a property; the
// input is then in the file NAME.crash.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "fuzz.hpp"

namespace {

using Input = std::vector<std::uint8_t>;

#if defined(NDEBUG)
constexpr std::uint64_t usual_rounds = 500;
constexpr std::size_t usual_prefixes = 500; // of an input
#else                                       // unoptimised, or with sanitizers
constexpr std::uint64_t usual_rounds = 40;
constexpr std::size_t usual_prefixes = 60;
#endif

std::string name;
Input current;
std::size_t count = 0;

void save(int signal) {
    const auto path = name + ".crash";
    if (std::FILE* const file = std::fopen(path.c_str(), "wb"); file != nullptr) {
        std::fwrite(current.data(), 1, current.size(), file);
        std::fclose(file);
        std::fprintf(stderr, "%s: the input is in %s\n", name.c_str(), path.c_str());
    }
    std::signal(signal, SIG_DFL);
    std::raise(signal);
}

void play(Input input) {
    current = std::move(input);
    // A copy of exactly this size, so that sanitizers notice reads beyond it.
    const Input exact(current);
    fuzz::run(exact);
    ++count;
}

Input changed(Input input, const std::vector<Input>& all, std::mt19937_64& random) {
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    for (auto changes = below(4) + 1; changes > 0; --changes) {
        const auto at = static_cast<std::ptrdiff_t>(below(input.size() + 1));
        const auto left = static_cast<std::size_t>(std::ssize(input) - at);
        switch (below(6)) {
        case 0:
            if (left != 0) input[static_cast<std::size_t>(at)] ^= static_cast<std::uint8_t>(1u << below(8));
            break;
        case 1:
            if (left != 0) input[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(random());
            break;
        case 2: input.insert(input.begin() + at, static_cast<std::uint8_t>(random())); break;
        case 3:
            input.erase(input.begin() + at,
                        input.begin() + at + static_cast<std::ptrdiff_t>(below(left + 1)));
            break;
        case 4: { // a part of itself again
            const Input copy(input.begin() + at,
                             input.begin() + at + static_cast<std::ptrdiff_t>(below(left + 1)));
            input.insert(input.begin() + at, copy.begin(), copy.end());
            break;
        }
        default: { // a part of another
            const auto& other = all[below(all.size())];
            const auto from = static_cast<std::ptrdiff_t>(below(other.size() + 1));
            input.insert(input.begin() + at, other.begin() + from, other.end());
        }
        }
        if (input.size() > 20'000) input.resize(20'000);
    }
    return input;
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fputs("usage: replay NAME CORPUS [ROUNDS [PREFIXES]]\n", stderr);
        return 2;
    }
    name = argv[1];
    const auto rounds = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : usual_rounds;
    const auto most_prefixes = argc > 4 ? std::strtoull(argv[4], nullptr, 10) : usual_prefixes;
    std::signal(SIGABRT, save);
    std::signal(SIGSEGV, save);
    const auto begin = std::chrono::steady_clock::now();

    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(argv[2])) paths.push_back(entry.path());
    std::ranges::sort(paths);
    std::vector<Input> all;
    for (const auto& path : paths) {
        std::ifstream file(path, std::ios::binary);
        all.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
    if (all.empty()) {
        std::fprintf(stderr, "%s: no files in %s\n", name.c_str(), argv[2]);
        return 1;
    }
    for (const auto& input : all) {
        for (std::size_t size = 0; size <= input.size(); size += input.size() / most_prefixes + 1)
            play(Input(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(size)));
        play(input);
    }
    std::mt19937_64 random(1);
    for (const auto& input : all)
        for (std::uint64_t round = 0; round < rounds; ++round) play(changed(input, all, random));

    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    std::printf("reliability: part=fuzz target=%s corpus=%zu inputs=%zu findings=0 seconds=%.1f\n",
                name.c_str(), all.size(), count, time.count());
    return 0;
}
