/// @file
/// `mio-probe info`: what this build is, and what this machine offers.

export module probe.info;

import probe.failure;

namespace probe {

export struct InfoOptions {
    bool json = false;
};

export ExitStatus run(const InfoOptions& options);

} // namespace probe
