// mio-probe: what a backend of mio really does on this machine.

#include <exception>
#include <iostream>
#include <string_view>
#include <variant>

import probe.bench;
import probe.command_line;
import probe.doctor;
import probe.events;
import probe.failure;
import probe.info;
import probe.os;
import probe.watch;

namespace {

int end(probe::ExitStatus status, std::string_view message) {
    std::cerr << "mio-probe: " << message << '\n';
    return static_cast<int>(status);
}

} // namespace

int main(int count, char** arguments) {
    using probe::ExitStatus;
    probe::os::occupy_standard_handles();
    probe::os::ignore_broken_pipes();
    try {
        const auto command = probe::parse_command_line(count, arguments);
        return static_cast<int>(std::visit([](const auto& c) { return probe::run(c); }, command));
    } catch (const probe::WrongUsage& wrong) {
        return end(ExitStatus::usage, wrong.message);
    } catch (const probe::Refused& refused) {
        return end(ExitStatus::refused, message_of(refused));
    } catch (const std::exception& error) { // out of memory
        return end(ExitStatus::refused, error.what());
    }
}
