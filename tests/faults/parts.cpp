#include "parts.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <sys/syscall.h>

#include "script.hpp"

namespace faults {
namespace {

const Part* current;

void play_current() {
    try {
        current->play();
    } catch (const Abandoned&) {
        // has reported what is wrong, if anything is
    } catch (const std::bad_alloc&) {
        report("%s: bad_alloc leaves it", current->name);
    }
}

// The files of the script, which all runs use in turn.
class Directory {
  public:
    Directory() {
        char name[] = "/tmp/mio-faults-XXXXXX";
        if (::mkdtemp(name) == nullptr) std::abort();
        path_ = name;
        socket_path = (socket_ = path_ + "/socket").c_str();
        other_path = (other_ = path_ + "/other").c_str();
        file_path = (file_ = path_ + "/file").c_str();
        std::ofstream(file_) << "0123456789";
    }
    ~Directory() { std::filesystem::remove_all(path_); }

    // Removes what a part has left.
    void expect_only_the_file() const {
        for (const auto& entry : std::filesystem::directory_iterator(path_)) {
            if (entry.path() == file_) continue;
            const auto& fault = armed_fault();
            const bool cannot_remove =
                has_fired() && fault.of == Fault::Of::call
                && std::string_view(find_fallible(fault.number)->name).starts_with("unlink");
            if (!cannot_remove)
                report("%s: the file %s is left", current->name, entry.path().filename().c_str());
            std::filesystem::remove(entry.path());
        }
    }

  private:
    std::string path_, socket_, other_, file_;
};

Options options_in(int count, char** arguments) {
    Options options;
    for (int i = 1; i + 1 < count; i += 2) {
        if (std::strcmp(arguments[i], "--every") == 0)
            options.every = std::atol(arguments[i + 1]);
        else if (std::strcmp(arguments[i], "--only") == 0)
            options.only = arguments[i + 1];
    }
    return options;
}

} // namespace

int for_each_part(int count, char** arguments, const char* places,
                  const std::function<void(const char*, void (*)(), Totals&, const Options&)>& sweep) {
    const auto options = options_in(count, arguments);
    if (!prepare_faults()) {
        std::printf("skipped: system call filters are unavailable\n");
        return 77;
    }
    // A name server is asked when the files cannot be read. It may not respond.
    ::setenv("RES_OPTIONS", "timeout:1 attempts:1", 1);
    static Directory directory;
    after_each_run = [] { directory.expect_only_the_file(); };
    Totals totals;
    const auto play_part = [&](const Part& part, const std::string& name) {
        if (options.only != nullptr && name.find(options.only) == std::string::npos) return;
        current = &part;
        for (int i = 0; i < 2; ++i) play({}, &play_current); // fills caches
        run({}, &play_current, name.c_str(), totals);
        sweep(name.c_str(), &play_current, totals, options);
    };
    const auto all = {core_parts, net_parts, local_parts, time_parts, async_parts};
    for (const auto* const parts : all)
        for (const auto* part = parts; part->name != nullptr; ++part) play_part(*part, part->name);

    // Linux 5.11, 4.6 and 6.18, and the parts that use them most.
    static constexpr long newest[] = {SYS_epoll_pwait2, SYS_preadv2, SYS_pwritev2};
    remove_calls(newest);
    for (const std::string_view name : {"wakers", "pipes", "async threads"})
        for (const auto* const parts : all)
            for (const auto* part = parts; part->name != nullptr; ++part)
                if (part->name == name) play_part(*part, "older kernel, " + std::string(name));
    std::printf("faults: %ld runs, %ld faults that took effect, %ld %s, %ld errnos, %ld failures\n",
                totals.runs, totals.hits, totals.places, places, totals.errors, totals.failures);
    return totals.failures == 0 ? 0 : 1;
}

} // namespace faults
