/// @file
/// What `mio.net` has on Unix only. `windows.cppm` beside this file says the same for Windows.

export module mio.net.system;

export import mio.net.pipe;
export import mio.net.transfer;
