/// @file
/// `mio-probe doctor`: what an operator wants to know before trusting a machine, and what to do about it.

export module probe.doctor;

import probe.failure;

namespace probe {

export struct DoctorOptions {
    bool json = false;
};

export ExitStatus run(const DoctorOptions& options);

} // namespace probe
